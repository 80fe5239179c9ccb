package quiver_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// vectorOptions are the ways in which each vector is opened: the defaults, and
// one where little fits in memory or log and nothing runs beside the caller.
func vectorOptions(v *vector) map[string]quiver.Options {
	return map[string]quiver.Options{
		"default": {FS: v.disk},
		"small": {FS: v.disk, Inline: true, NoDataFsync: true, PageCachePages: -1, LocatorBytes: -1,
			LogBytes: int64(8 * v.PageSize), LogChunkBytes: int64(v.PageSize), ReservePages: 3, WALCoalesce: -1},
	}
}

func TestVectorsOpenAndWriteOn(t *testing.T) {
	forEachVector(t, func(t *testing.T, v *vector) {
		for name, o := range vectorOptions(v) {
			if v.name == "22-two-segments" && name != "default" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				w := *v
				w.disk = v.disk.Snapshot()
				o.FS = w.disk
				openAndWriteOn(t, &w, o)
			})
		}
	}, "13-wal-bad-crc")
}

func openAndWriteOn(t *testing.T, v *vector, o quiver.Options) {
	db := mustOpen(t, "/db", o)
	want := v.model(t, db)
	mustHold(t, db, want)
	if got := db.LastLSN(); v.digest == nil && got != v.wantLSN() {
		t.Errorf("last LSN %d, want %d", got, v.wantLSN())
	}
	s, err := db.Stats()
	must(t, err)
	if s.PageSize != v.PageSize || s.Buckets != v.Buckets {
		t.Errorf("page size %d and %d buckets, want %d and %d", s.PageSize, s.Buckets, v.PageSize, v.Buckets)
	}
	if s.NextPageID < max(v.NextPageID, v.NextAtLeast) {
		t.Errorf("next page id %d, want %d or more", s.NextPageID, max(v.NextPageID, v.NextAtLeast))
	}

	want = writeOn(t, db, want)
	mustHold(t, db, want)
	must(t, db.Close())
	mustBeClean(t, v.disk, "/db", want)

	o.NoRecount = true // a check beside a recount would be refused
	db = mustOpen(t, "/db", o)
	defer db.Close()
	if r := db.Recovery(); r.Unclean || r.Pages > 0 {
		t.Errorf("recovery after a clean close: %+v", r)
	}
	mustHold(t, db, want)
	mustCheck(t, db, false)
}

// writeOn puts, overwrites and deletes, and returns what must be there then.
func writeOn(t *testing.T, db *quiver.DB, had pairs) pairs {
	t.Helper()
	want := pairs{}
	for k, v := range had {
		want[k] = v
	}
	page := db.MaxKeyLen() + 90
	old := had.sortedKeys()
	for i := range 40 {
		key := fmt.Sprintf("new %d", i)
		mustPut(t, db, want, key, blob(key, i*page/60))
	}
	mustPut(t, db, want, "new long", blob("long", 5*page+17))
	mustPut(t, db, want, "new like a placeholder", "\xff\x00"+blob("p", 16))
	for i, key := range old {
		if i%10 == 0 {
			mustPut(t, db, want, key, blob("again "+key, len(want[key])+i%100))
		}
	}
	for i, key := range old {
		if i%2 == 1 {
			mustDelete(t, db, want, key)
		}
	}
	mustDelete(t, db, want, "never there")
	return want
}

// A list of free pages that nobody has vouched for is found anew: it must hold
// every page that nothing leads to, and none that something leads to.
func TestVectorsRecount(t *testing.T) {
	forEachVector(t, func(t *testing.T, v *vector) {
		o := quiver.Options{FS: v.disk, Inline: true, NoDataFsync: true, Salvage: v.MustRefuse}
		db := mustOpen(t, "/db", o)
		if !db.Recovery().RecountDue && v.NextPageID > 0 {
			t.Fatal("the list of another program was believed")
		}
		want := v.model(t, db)
		freed, err := db.Recount(t.Context(), nil)
		must(t, err)
		mustHold(t, db, want)
		mustCheck(t, db, true)
		s, err := db.Stats()
		must(t, err)
		if v.FreePages != nil && (freed < *v.FreePages || s.FreePages < uint64(*v.FreePages)) {
			t.Errorf("%d pages freed, %d free, the original had %d on its list", freed, s.FreePages, *v.FreePages)
		}
		must(t, db.Close())
		r := mustBeClean(t, v.disk, "/db", want)
		if list := r.orphans(); len(list) > 0 {
			t.Errorf("orphans after a recount: %v", list)
		}
		if got := int(s.NextPageID) - len(r.reached); freed != got {
			t.Errorf("freed %d pages, %d of %d are not in use", freed, got, s.NextPageID)
		}

		// All of them are used now: a page that was wrongly freed would show.
		db = mustOpen(t, "/db", o)
		page := db.MaxKeyLen() + 90
		mustPut(t, db, want, "takes every free page", blob("x", (len(r.free)+1)*page))
		mustHold(t, db, want)
		must(t, db.Close())
		mustBeClean(t, v.disk, "/db", want)
	})
}

// The same on the disk of the system, where files, locks and syncs are real.
func TestVectorsOnTheSystemsDisk(t *testing.T) {
	for _, name := range []string{"04-overflow", "10-unclean", "17-tail-wins", "25-wal-grows", "28-clean-log-left"} {
		v := loadVector(t, name)
		path := filepath.Join(t.TempDir(), "db")
		must(t, v.disk.Export("/db", path))
		reader := mustOpenReadOnly(t, path, quiver.Options{})
		mustHold(t, reader, v.pairs)
		must(t, reader.Close())
		after := faultfs.New(faultfs.Options{})
		must(t, after.Import(path, "/db"))
		sameBytes(t, v.disk, after)

		db := mustOpen(t, path, quiver.Options{NoDataFsync: true})
		mustHold(t, db, v.pairs)
		want := v.pairs
		mustDelete(t, db, want, want.sortedKeys()[0])
		mustPut(t, db, want, "new", blob("new", 20000))
		must(t, db.Close())
		db = mustOpen(t, path, quiver.Options{})
		mustHold(t, db, want)
		must(t, db.Close())
		after = faultfs.New(faultfs.Options{})
		must(t, after.Import(path, "/db"))
		mustBeClean(t, after, "/db", want)
	}
}

func TestVectorsReadOnly(t *testing.T) {
	forEachVector(t, func(t *testing.T, v *vector) {
		before := v.disk.Snapshot()
		o := quiver.Options{FS: v.disk, Salvage: v.MustRefuse}
		db := mustOpenReadOnly(t, "/db", o)
		want := v.model(t, db)
		mustHold(t, db, want)
		if got := db.LastLSN(); v.digest == nil && got != v.wantLSN() {
			t.Errorf("last LSN %d, want %d", got, v.wantLSN())
		}
		beside := mustOpenReadOnly(t, "/db", o)
		mustHold(t, beside, want)
		if _, err := db.Check(t.Context(), quiver.CheckOptions{}); err != nil {
			t.Errorf("check: %v", err)
		}
		must(t, beside.Close())
		must(t, db.Close())
		sameBytes(t, before, v.disk)
	})
}

// Reading after a recovery and reading what a recovery would give are the same,
// and a recovery that is repeated changes nothing more.
func TestVectorsRecoveryIsIdempotent(t *testing.T) {
	forEachVector(t, func(t *testing.T, v *vector) {
		o := quiver.Options{FS: v.disk, Inline: true, Salvage: v.MustRefuse}
		must(t, mustOpen(t, "/db", o).Close())
		first := v.disk.Snapshot()
		db := mustOpen(t, "/db", o)
		want := v.model(t, db)
		mustHold(t, db, want)
		must(t, db.Close())
		sameBytes(t, first, v.disk)
		r := readRaw(t, v.disk, "/db")
		if d := want.diff(r.records); d != "" {
			t.Error(d)
		}
		if !slices.Equal(r.log, []byte("P1WAL001\x00\x00\x00\x00\x00\x00\x00\x00")) {
			t.Errorf("log has %d bytes", len(r.log))
		}
	}, "22-two-segments")
}
