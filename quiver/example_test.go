package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// The examples use a disk in memory; without FS they would use the real one.
func exampleDB() (*quiver.DB, quiver.Options) {
	o := quiver.Options{FS: vfs.NewMem()}
	if err := quiver.Init("db", quiver.InitOptions{FS: o.FS}); err != nil {
		log.Fatal(err)
	}
	db, err := quiver.Open("db", &o)
	if err != nil {
		log.Fatal(err)
	}
	return db, o
}

func Example() {
	disk := vfs.NewMem()
	if err := quiver.Init("db", quiver.InitOptions{FS: disk}); err != nil {
		log.Fatal(err)
	}
	db, err := quiver.Open("db", &quiver.Options{FS: disk})
	if err != nil {
		log.Fatal(err)
	}
	if err := db.Put([]byte("alpha"), []byte("1")); err != nil {
		log.Fatal(err)
	}
	value, found, err := db.Get([]byte("alpha"))
	fmt.Printf("%s %v %v\n", value, found, err)
	value, found, err = db.Get([]byte("beta"))
	fmt.Printf("%q %v %v\n", value, found, err)
	existed, err := db.Delete([]byte("alpha"))
	fmt.Println(existed, err)
	fmt.Println(db.Close())
	// Output:
	// 1 true <nil>
	// "" false <nil>
	// true <nil>
	// <nil>
}

// All changes of a batch happen, or none.
func ExampleDB_Write() {
	db, _ := exampleDB()
	defer db.Close()
	var b quiver.Batch
	b.Put([]byte("from"), []byte("70"))
	b.Put([]byte("to"), []byte("30"))
	b.Delete([]byte("pending"))
	if err := db.Write(&b); err != nil {
		log.Fatal(err)
	}
	from, _, _ := db.Get([]byte("from"))
	to, _, _ := db.Get([]byte("to"))
	fmt.Printf("%s %s\n", from, to)
	// Output: 70 30
}

// Many small batches may share one Sync; a crash before it loses the last of
// them, each as a whole.
func ExampleDB_WriteNoSync() {
	db, _ := exampleDB()
	defer db.Close()
	var b quiver.Batch
	for i := range 1000 {
		b.Reset()
		b.Put(strconv.AppendInt(nil, int64(i), 10), []byte("v"))
		if err := db.WriteNoSync(&b); err != nil {
			log.Fatal(err)
		}
	}
	if err := db.Sync(); err != nil { // from here on all of them are durable
		log.Fatal(err)
	}
	items, err := db.ScanAll()
	fmt.Println(len(items), err)
	// Output: 1000 <nil>
}

// An error is the last thing that a scan yields.
func ExampleDB_Scan() {
	db, _ := exampleDB()
	defer db.Close()
	for _, name := range []string{"user:2", "user:1", "group:1"} {
		if err := db.Put([]byte(name), []byte("…")); err != nil {
			log.Fatal(err)
		}
	}
	for item, err := range db.Scan(quiver.ScanOptions{Prefix: []byte("user:"), Sorted: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", item.Key, item.Value)
	}
	// Output:
	// user:1 …
	// user:2 …
}

func ExampleDB_Update() {
	db, _ := exampleDB()
	defer db.Close()
	count := func(old []byte, found bool) ([]byte, error) {
		n := 0
		if found {
			var err error
			if n, err = strconv.Atoi(string(old)); err != nil {
				return nil, err // nothing is changed
			}
		}
		return strconv.AppendInt(nil, int64(n)+1, 10), nil
	}
	for range 3 {
		if err := db.Update([]byte("visits"), count); err != nil {
			log.Fatal(err)
		}
	}
	value, _, _ := db.Get([]byte("visits"))
	fmt.Printf("%s\n", value)
	// Output: 3
}

func ExampleDB_DeletePrefix() {
	db, _ := exampleDB()
	defer db.Close()
	for _, name := range []string{"tmp/1", "tmp/2", "keep"} {
		if err := db.Put([]byte(name), nil); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(db.DeletePrefix([]byte("tmp/")))
	// Output: 2 <nil>
}

// A reader changes nothing, and a writer keeps others out.
func ExampleOpenReadOnly() {
	db, o := exampleDB()
	if err := db.Put([]byte("k"), []byte("v")); err != nil {
		log.Fatal(err)
	}
	o.LockWait = -1
	_, err := quiver.OpenReadOnly("db", &o)
	fmt.Println(errors.Is(err, quiver.ErrLocked))
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}

	reader, err := quiver.OpenReadOnly("db", &o)
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	value, found, err := reader.Get([]byte("k"))
	fmt.Printf("%s %v %v\n", value, found, err)
	fmt.Println(errors.Is(reader.Put([]byte("k"), nil), quiver.ErrReadOnly))
	// Output:
	// true
	// v true <nil>
	// true
}

func ExampleDB_Check() {
	db, _ := exampleDB()
	defer db.Close()
	if err := db.Put([]byte("k"), []byte("v")); err != nil {
		log.Fatal(err)
	}
	report, err := db.Check(context.Background(), quiver.CheckOptions{Strict: true})
	if err != nil {
		log.Fatal(err) // the check could not be done to its end
	}
	for _, f := range report.Findings {
		fmt.Println(f.File, f.Page, f.Message)
	}
	fmt.Println(report.Pairs, "pair,", len(report.Findings), "findings")
	// Output: 1 pair, 0 findings
}

// Damage says where it is.
func ExampleCorruptionError() {
	db, o := exampleDB()
	if err := db.Put([]byte("k"), []byte("v")); err != nil {
		log.Fatal(err)
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
	f, err := o.FS.OpenFile("db/data-000001.p1seg", vfs.Write)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("overwritten by accident"), 1000); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
	if db, err = quiver.OpenReadOnly("db", &o); err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	_, _, err = db.Get([]byte("k"))
	var damage *quiver.CorruptionError
	if errors.As(err, &damage) {
		fmt.Println(damage.Path, "page", damage.Page, "offset", damage.Offset)
	}
	// Output: db/data-000001.p1seg page 0 offset 0
}
