package quiver_test

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

const secondSegment = "/db/data-000002.p1seg"

// twoSegments is a closed database whose first segment is full: early keys
// stand in it, a value spans both, late keys stand in the second.
func twoSegments(t *testing.T) (*faultfs.FS, pairs) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, PageSize: 32768, Buckets: 1}))
	db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, NoDataFsync: true})
	want := pairs{}
	mustPut(t, db, want, "early", blob("early", 5000))
	mustPut(t, db, want, "early long", blob("early", 100000))
	mustPut(t, db, want, "spans both", blob("spans", 33<<20))
	mustPut(t, db, want, "late long", blob("late", 100000))
	must(t, db.Close())
	mustBeClean(t, disk, "/db", want)
	disk.ResetLog()
	return disk.Snapshot(), want
}

// A segment that is lost, cut or exchanged takes its pages with it: what stands
// in the other one is read, the rest refuses, and nothing is made up.
func TestLostSegments(t *testing.T) {
	world, want := twoSegments(t)
	first, err := world.ReadFile(segmentPath)
	must(t, err)
	second, err := world.ReadFile(secondSegment)
	must(t, err)
	if len(first) != 32<<20 || len(second) == 0 {
		t.Fatalf("segments of %d and %d bytes", len(first), len(second))
	}
	for name, spoil := range map[string]func(f *faultfs.FS) error{
		"first missing":  func(f *faultfs.FS) error { return f.RemoveFile(segmentPath) },
		"second missing": func(f *faultfs.FS) error { return f.RemoveFile(secondSegment) },
		"first cut":      func(f *faultfs.FS) error { return f.TruncateFile(segmentPath, 20<<20) },
		"first empty":    func(f *faultfs.FS) error { return f.TruncateFile(segmentPath, 0) },
		"second cut":     func(f *faultfs.FS) error { return f.TruncateFile(secondSegment, int64(len(second))-32768) },
		"second empty":   func(f *faultfs.FS) error { return f.TruncateFile(secondSegment, 0) },
		"exchanged": func(f *faultfs.FS) error {
			if err := f.WriteFile(segmentPath, second); err != nil {
				return err
			}
			return f.WriteFile(secondSegment, first)
		},
	} {
		for _, clean := range []bool{true, false} {
			disk := world.Snapshot()
			if !clean {
				meta, err := disk.ReadFile("/db/meta")
				must(t, err)
				meta[40] = 0
				must(t, disk.WriteFile("/db/meta", meta))
			}
			must(t, spoil(disk))
			before := disk.Snapshot()
			db, err := quiver.Open("/db", &quiver.Options{FS: disk, Inline: true})
			if err != nil {
				corruption(t, err)
				sameBytes(t, before, disk)
				continue
			}
			refusing := 0
			for k, v := range want {
				got, found, err := db.Get([]byte(k))
				switch {
				case err != nil:
					corruption(t, err)
					refusing++
				case !found || string(got) != v:
					t.Errorf("%s, clean %v: key %q: found %v, %d bytes", name, clean, k, found, len(got))
				}
			}
			if refusing == 0 {
				t.Errorf("%s, clean %v: nothing refuses", name, clean)
			}
			if _, err := db.Recount(t.Context(), nil); err == nil {
				t.Errorf("%s, clean %v: a recount succeeds", name, clean)
			}
			must(t, db.Close())
		}
	}
}
