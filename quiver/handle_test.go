package quiver_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// handleCalls are all calls of a handle that can fail, by name.
func handleCalls(db *quiver.DB) (writes, reads map[string]func() error) {
	key, value := []byte("key"), []byte("value")
	var full, empty quiver.Batch
	full.Put(key, value)
	writes = map[string]func() error{
		"Put":                         func() error { return db.Put(key, value) },
		"Delete":                      func() error { _, err := db.Delete(key); return err },
		"Delete of what is not there": func() error { _, err := db.Delete([]byte("none")); return err },
		"Update": func() error {
			return db.Update(key, func([]byte, bool) ([]byte, error) { return nil, errors.New("the function was called") })
		},
		"DeletePrefix":           func() error { _, err := db.DeletePrefix(key); return err },
		"DeletePrefix of none":   func() error { _, err := db.DeletePrefix([]byte("none")); return err },
		"Write":                  func() error { return db.Write(&full) },
		"Write of nothing":       func() error { return db.Write(&empty) },
		"WriteNoSync":            func() error { return db.WriteNoSync(&full) },
		"WriteNoSync of nothing": func() error { return db.WriteNoSync(&empty) },
		"Writable":               func() error { return db.Writable() },
		"Checkpoint":             func() error { return db.Checkpoint() },
	}
	reads = map[string]func() error{
		"Get":       func() error { _, _, err := db.Get(key); return err },
		"AppendGet": func() error { _, _, err := db.AppendGet(nil, key); return err },
		"Has":       func() error { _, err := db.Has(key); return err },
		"Scan":      func() error { _, err := contents(db); return err },
		"Scan sorted": func() error {
			for _, err := range db.Scan(quiver.ScanOptions{Sorted: true}) {
				return err
			}
			return nil
		},
		"ScanAll":    func() error { _, err := db.ScanAll(); return err },
		"ScanPrefix": func() error { _, err := db.ScanPrefix(key); return err },
		"Stats":      func() error { _, err := db.Stats(); return err },
	}
	return writes, reads
}

func newHandle(t *testing.T) (*faultfs.FS, quiver.Options, pairs) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
	db := mustOpen(t, "/db", o)
	want := pairs{}
	mustPut(t, db, want, "key", "value")
	mustPut(t, db, want, "long", blob("long", 9000))
	must(t, db.Close())
	return disk, o, want
}

// checks are calls that work on the whole database, and those that make and
// find snapshots.
func checks(t *testing.T, db *quiver.DB) map[string]func() error {
	return map[string]func() error{
		"Check":   func() error { _, err := db.Check(t.Context(), quiver.CheckOptions{}); return err },
		"Usage":   func() error { _, err := db.Usage(t.Context(), nil); return err },
		"Recount": func() error { _, err := db.Recount(t.Context(), nil); return err },
		"Repair":  func() error { _, err := db.Repair(t.Context(), quiver.RepairOptions{}); return err },
		"Sync":    func() error { return db.Sync() },

		"Snapshot":       func() error { _, err := db.Snapshot(); return err },
		"Snapshots":      func() error { _, err := db.Snapshots(); return err },
		"OpenSnapshot":   func() error { _, err := db.OpenSnapshot("1-2-3"); return err },
		"EndSnapshot":    func() error { return db.EndSnapshot("1-2-3") },
		"RemoveSnapshot": func() error { return db.RemoveSnapshot("1-2-3") },

		"CompactSnapStore": func() error { _, err := db.CompactSnapStore(); return err },
		"Backup":           func() error { _, err := db.Backup(t.Context(), "/backup", quiver.BackupOptions{}); return err },
	}
}

// Whoever adds a call adds it to the tables, and says with that what it answers
// when the handle is closed.
func TestEveryCallIsInTheTables(t *testing.T) {
	writes, reads := handleCalls(nil)
	infallible := map[string]bool{"Close": true, "LastLSN": true, "Recovery": true, "MaxKeyLen": true, "MaxValueLen": true}
	whole := checks(t, nil)
	typ := reflect.TypeFor[*quiver.DB]()
	for i := range typ.NumMethod() {
		name := typ.Method(i).Name
		if writes[name] == nil && reads[name] == nil && whole[name] == nil && !infallible[name] {
			t.Errorf("%s is in none of the tables of this file", name)
		}
	}
}

func TestClosedHandle(t *testing.T) {
	disk, o, want := newHandle(t)
	for name, open := range map[string]func(string, *quiver.Options) (*quiver.DB, error){"writer": quiver.Open, "reader": quiver.OpenReadOnly} {
		for _, touched := range []bool{false, true} {
			db, err := open("/db", &o)
			must(t, err)
			if touched {
				mustHold(t, db, want)
			}
			must(t, db.Close())
			before := disk.Digest()
			writes, reads := handleCalls(db)
			for _, calls := range []map[string]func() error{writes, reads, checks(t, db), {"Close": db.Close}} {
				for call, do := range calls {
					err := do()
					// A write through a reader is refused for either reason.
					isWrite := writes[call] != nil || call == "Recount" || call == "Repair" || strings.HasSuffix(call, "Snapshot")
					if !errors.Is(err, quiver.ErrClosed) && !(name == "reader" && isWrite && errors.Is(err, quiver.ErrReadOnly)) {
						t.Errorf("%s of a closed %s, touched before %v: %v, want ErrClosed", call, name, touched, err)
					}
				}
			}
			// These tell what was; they must not panic.
			db.LastLSN()
			db.Recovery()
			db.MaxKeyLen()
			db.MaxValueLen()
			if disk.Digest() != before {
				t.Error("the disk was changed after the close")
			}
		}
	}
	if n := disk.Handles() + disk.Locks(); n > 0 {
		t.Errorf("%d files or locks stay open", n)
	}
}

func TestReadOnlyHandle(t *testing.T) {
	disk, o, want := newHandle(t)
	before := disk.Snapshot()
	db := mustOpenReadOnly(t, "/db", o)
	writes, reads := handleCalls(db)
	for call, do := range writes {
		if err := do(); !errors.Is(err, quiver.ErrReadOnly) {
			t.Errorf("%s: %v, want ErrReadOnly", call, err)
		}
	}
	if _, err := db.Recount(t.Context(), nil); !errors.Is(err, quiver.ErrReadOnly) {
		t.Errorf("Recount: %v, want ErrReadOnly", err)
	}
	for call, do := range reads {
		if err := do(); err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	mustHold(t, db, want)
	mustCheck(t, db, true)
	must(t, db.Close())
	sameBytes(t, before, disk)
	if n := disk.Handles() + disk.Locks(); n > 0 {
		t.Errorf("%d files or locks stay open", n)
	}
}

// A scan that is under way when the handle is closed ends with an error, and a
// value that was given stays what it was.
func TestCloseDuringScan(t *testing.T) {
	disk, o, _ := newHandle(t)
	o.PageCachePages, o.LocatorBytes = -1, -1
	db := mustOpen(t, "/db", o)
	for i := range 200 {
		mustPut(t, db, pairs{}, blob("", i), "v")
	}
	must(t, db.Close())
	db = mustOpen(t, "/db", o)
	n := 0
	var last error
	for item, err := range db.Scan(quiver.ScanOptions{}) {
		if last = err; err != nil {
			break
		}
		if n++; n == 1 {
			value := string(item.Value)
			must(t, db.Close())
			if string(item.Value) != value {
				t.Error("a value changed under its owner")
			}
		}
	}
	if last != nil && !errors.Is(last, quiver.ErrClosed) {
		t.Errorf("scan after %d pairs: %v", n, last)
	}
	if disk.Handles() > 0 {
		t.Errorf("%d files stay open", disk.Handles())
	}
}

// The path may be written in any way.
func TestPathsAreCleaned(t *testing.T) {
	disk, o, want := newHandle(t)
	for _, path := range []string{"/db/", "/./db", "/x/../db", "db"} {
		db := mustOpen(t, path, o)
		mustHold(t, db, want)
		must(t, db.Close())
	}
	if disk.Locks() > 0 {
		t.Error("a lock stays")
	}
}
