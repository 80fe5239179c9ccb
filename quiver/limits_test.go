package quiver_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// mustNotChange wants a call to be refused as too large, and nothing of it on
// the disk or in the handle.
func mustNotChange(t *testing.T, disk *faultfs.FS, db *quiver.DB, want pairs, what string, call func() error) {
	t.Helper()
	before, lsn := disk.Digest(), db.LastLSN()
	if err := call(); !errors.Is(err, quiver.ErrTooLarge) {
		t.Errorf("%s: %v, want ErrTooLarge", what, err)
	}
	if disk.Digest() != before || db.LastLSN() != lsn {
		t.Errorf("%s: something was written", what)
	}
	must(t, db.Writable())
	mustHold(t, db, want)
}

func TestLongestKey(t *testing.T) {
	for _, size := range []int{4096, 8192, 16384, 32768} {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, PageSize: size, Buckets: 2}))
		db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, NoDataFsync: true})
		if got := db.MaxKeyLen(); got != size-90 {
			t.Errorf("longest key of pages of %d bytes: %d", size, got)
		}
		want := pairs{}
		longest := blob("key", db.MaxKeyLen())
		mustPut(t, db, want, longest, blob("value", 3*size))
		mustPut(t, db, want, longest[1:], "")
		mustPut(t, db, want, longest, "\xff\x00 like a placeholder"[:18])
		over := longest + "x"
		var b quiver.Batch
		b.Put([]byte("fits"), nil)
		b.Put([]byte(over), nil)
		called := false
		for what, call := range map[string]func() error{
			"put":                  func() error { return db.Put([]byte(over), nil) },
			"write":                func() error { return db.Write(&b) },
			"write without a sync": func() error { return db.WriteNoSync(&b) },
			"update": func() error {
				return db.Update([]byte(over), func([]byte, bool) ([]byte, error) { called = true; return nil, nil })
			},
		} {
			mustNotChange(t, disk, db, want, what, call)
		}
		if called {
			t.Error("the function of an update was called")
		}
		// A key that cannot be there is not there.
		if v, found, err := db.Get([]byte(over)); v != nil || found || err != nil {
			t.Errorf("get: %q, %v, %v", v, found, err)
		}
		if had, err := db.Has([]byte(over)); had || err != nil {
			t.Errorf("has: %v, %v", had, err)
		}
		if had, err := db.Delete([]byte(over)); had || err != nil {
			t.Errorf("delete: %v, %v", had, err)
		}
		must(t, db.Close())
		mustBeClean(t, disk, "/db", want)
	}
}

func TestLongestValue(t *testing.T) {
	for _, size := range []int{4096, 32768} {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		o := quiver.Options{FS: disk, Inline: true, NoDataFsync: true, MaxBatchBytes: int64(20 * size), LogBytes: int64(8 * size)}
		must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, PageSize: size, Buckets: 1}))
		db := mustOpen(t, "/db", o)
		want := pairs{}
		mustPut(t, db, want, "k", "v")
		most := int(db.MaxValueLen())
		if most < 14*size || most > 20*size {
			t.Errorf("longest value %d with batches of %d", most, o.MaxBatchBytes)
		}
		over := []byte(strings.Repeat("x", most+1))
		var b quiver.Batch
		b.Put([]byte("fits"), []byte("a"))
		b.Put([]byte("k"), over)
		mustNotChange(t, disk, db, want, "put", func() error { return db.Put([]byte("k"), over) })
		mustNotChange(t, disk, db, want, "write", func() error { return db.Write(&b) })
		mustNotChange(t, disk, db, want, "update", func() error {
			return db.Update([]byte("k"), func([]byte, bool) ([]byte, error) { return over, nil })
		})
		// The longest one goes in wherever the key stands, whatever stood there.
		for i := range 30 {
			mustPut(t, db, want, fmt.Sprintf("filler %d", i), blob("filler", size/5))
		}
		mustPut(t, db, want, "k", string(over[:most]))
		mustPut(t, db, want, "k", blob("again", most))
		mustPut(t, db, want, blob("long key", db.MaxKeyLen()), blob("new", most))
		mustHold(t, db, want)
		must(t, db.Close())
		mustBeClean(t, disk, "/db", want)
		db = mustOpen(t, "/db", o)
		mustHold(t, db, want)
		must(t, db.Close())
	}
}

func TestLargestBatch(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, NoDataFsync: true, MaxBatchBytes: 10 * 4096, LogBytes: 4 * 4096, LogChunkBytes: 4096}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 1}))
	db := mustOpen(t, "/db", o)
	want := pairs{}
	mustPut(t, db, want, "first", "here")
	batch := func(n int) (*quiver.Batch, pairs) {
		var b quiver.Batch
		p := pairs{}
		for i := range n {
			k := fmt.Sprintf("batch %d", i)
			p[k] = blob(k, 1000)
			b.Put([]byte(k), []byte(p[k]))
		}
		return &b, p
	}
	b, p := batch(24) // eight pages of three
	must(t, db.Write(b))
	for k, v := range p {
		want[k] = v
	}
	mustHold(t, db, want)

	b, _ = batch(400)
	for _, write := range []func(*quiver.Batch) error{db.Write, db.WriteNoSync} {
		lsn := db.LastLSN()
		if err := write(b); !errors.Is(err, quiver.ErrTooLarge) {
			t.Errorf("a batch of 400 KB: %v", err)
		}
		if db.LastLSN() != lsn {
			t.Error("something was written")
		}
		mustHold(t, db, want)
	}
	for i := range 60 {
		mustPut(t, db, want, fmt.Sprintf("many %d", i), blob("many", 1000))
	}
	lsn := db.LastLSN()
	if n, err := db.DeletePrefix(nil); !errors.Is(err, quiver.ErrTooLarge) || n != 0 || db.LastLSN() != lsn {
		t.Errorf("delete of all: %d, %v", n, err)
	}
	mustHold(t, db, want)
	must(t, db.Close())
	// The pages that were given out for what did not happen are free.
	raw := mustBeClean(t, disk, "/db", want)
	if list := raw.orphans(); len(list) > 0 {
		t.Errorf("orphans: %v", list)
	}
	db = mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, NoDataFsync: true})
	if n, err := db.DeletePrefix(nil); err != nil || n != len(want) {
		t.Errorf("delete of all with larger batches: %d, %v", n, err)
	}
	mustHold(t, db, pairs{})
	must(t, db.Close())
}

func TestBatchCounts(t *testing.T) {
	var b quiver.Batch
	key, value := []byte("key"), []byte("value")
	b.Put(key, value)
	b.Delete(key)
	key[0], value[0] = 'x', 'x' // copied already
	if b.Len() != 2 || b.Bytes() != 3+5+3 {
		t.Errorf("%d changes, %d bytes", b.Len(), b.Bytes())
	}
	disk := faultfs.New(faultfs.Options{})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
	db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true})
	must(t, db.Write(&b))
	mustHold(t, db, pairs{})
	b.Reset()
	if b.Len() != 0 || b.Bytes() != 0 {
		t.Errorf("%d changes, %d bytes after a reset", b.Len(), b.Bytes())
	}
	seq := disk.Count(faultfs.KindWrite, 0)
	must(t, db.Write(&b))
	must(t, db.WriteNoSync(&b))
	if disk.Count(faultfs.KindWrite, 0) != seq {
		t.Error("an empty batch writes")
	}
	b.Delete([]byte("k"))
	b.Put([]byte("k"), []byte("the later change counts"))
	must(t, db.Write(&b))
	mustHold(t, db, pairs{"k": "the later change counts"})
	must(t, db.Close())
}
