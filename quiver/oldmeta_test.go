package quiver_test

import (
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// Versions 1 and 2 of meta know neither LSN nor flag. What such a database
// becomes must know them, and above every page, or the original would count
// from below.
func TestOldVersionsOfMeta(t *testing.T) {
	for version, size := range map[uint32]int{1: 28, 2: 32} {
		for _, rest := range []bool{false, true} {
			for name, use := range map[string]func(*quiver.DB, pairs){
				"only opened": func(*quiver.DB, pairs) {},
				"one put":     func(db *quiver.DB, p pairs) { mustPut(t, db, p, inBucket(0, 2, "new", 0), "v") },
				"a recount": func(db *quiver.DB, p pairs) {
					_, err := db.Recount(t.Context(), nil)
					must(t, err)
					mustPut(t, db, p, "k", blob("k", 40000))
				},
				"much written": func(db *quiver.DB, p pairs) { mustPut(t, db, p, "k", blob("k", 40000)); mustDelete(t, db, p, "key 02") },
			} {
				s := cleanScene(t)
				disk, want := s.disk.Snapshot(), pairs{}
				for k, v := range s.now {
					want[k] = v
				}
				meta := s.bytes(t, "meta")
				rawLE.PutUint32(meta[8:], version)
				if !rest {
					meta = meta[:size]
				}
				must(t, disk.WriteFile("/db/meta", meta))
				o := s.o
				o.FS = disk
				reader := mustOpenReadOnly(t, "/db", o)
				mustHold(t, reader, want)
				must(t, reader.Close())

				db := mustOpen(t, "/db", o)
				mustHold(t, db, want)
				use(db, want)
				must(t, db.Close())
				if name == "only opened" {
					continue // nothing was changed, so nothing is written
				}
				if mustBeClean(t, disk, "/db", want); t.Failed() {
					t.Fatalf("version %d, %s", version, name)
				}
				db = mustOpen(t, "/db", o)
				mustHold(t, db, want)
				must(t, db.Close())
			}
		}
	}
}

// The same where the first thing that is done is a put, before any other page
// has been read.
func TestOldMetaWithoutReading(t *testing.T) {
	s := cleanScene(t)
	disk := s.disk.Snapshot()
	meta := s.bytes(t, "meta")
	rawLE.PutUint32(meta[8:], 2)
	must(t, disk.WriteFile("/db/meta", meta[:32]))
	o := s.o
	o.FS = disk
	for bucket := range uint32(2) {
		d := disk.Snapshot()
		o.FS = d
		db := mustOpen(t, "/db", o)
		want := pairs{}
		for k, v := range s.now {
			want[k] = v
		}
		mustPut(t, db, want, inBucket(bucket, 2, fmt.Sprint("new in ", bucket), 0), "v")
		must(t, db.Close())
		mustBeClean(t, d, "/db", want)
	}
}
