package quiver_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// 13: record 8 of 12 is damaged and valid ones follow.
func TestVectorDamagedLogIsRefused(t *testing.T) {
	v := loadVector(t, "13-wal-bad-crc")
	before := v.disk.Snapshot()
	stride := int64(28 + v.PageSize)
	for name, open := range map[string]func(string, *quiver.Options) (*quiver.DB, error){
		"writer": quiver.Open, "reader": quiver.OpenReadOnly,
	} {
		_, err := open("/db", &quiver.Options{FS: v.disk})
		ce := corruption(t, err)
		if filepath.Base(ce.Path) != "wal-000001.log" || ce.Offset != 16+7*stride {
			t.Errorf("%s: %v names not the log and offset %d", name, err, 16+7*stride)
		}
		sameBytes(t, before, v.disk)
	}
	if n, m := v.disk.Handles(), v.disk.Locks(); n+m > 0 {
		t.Errorf("%d files and %d locks stayed open", n, m)
	}
}

func TestVectorDamagedLogIsSalvaged(t *testing.T) {
	v := loadVector(t, "13-wal-bad-crc")
	before := v.disk.Snapshot()
	o := quiver.Options{FS: v.disk, Salvage: true}

	db := mustOpenReadOnly(t, "/db", o)
	mustHold(t, db, v.pairs)
	must(t, db.Close())
	sameBytes(t, before, v.disk)

	db = mustOpen(t, "/db", o)
	r := db.Recovery()
	if !r.Unclean || !r.Foreign || !r.Damaged || r.Records != 7 || r.LostBytes == 0 || r.LastLSN != v.wantLSN() {
		t.Errorf("recovery: %+v", r)
	}
	mustHold(t, db, v.pairs)
	// The LSNs of what was given up are not given again.
	s, err := db.Stats()
	must(t, err)
	if s.HighestLSN < v.LastLSN+uint64(v.WALRecords) {
		t.Errorf("highest LSN %d, the log had records up to %d", s.HighestLSN, v.LastLSN+uint64(v.WALRecords))
	}
	want := writeOn(t, db, v.pairs)
	must(t, db.Close())
	mustBeClean(t, v.disk, "/db", want)
	// Once salvaged, it opens like any other.
	db = mustOpen(t, "/db", quiver.Options{FS: v.disk})
	mustHold(t, db, want)
	must(t, db.Close())
}

// 23, 24, 27: the flag says clean and the log is needed. 28: the flag says
// clean and the log is not needed.
func TestVectorFlagLies(t *testing.T) {
	for _, name := range []string{"23-flag-lies", "24-flag-lies-torn", "27-flag-lies-last-lsn", "28-clean-log-left"} {
		lies := name != "28-clean-log-left"
		t.Run(name, func(t *testing.T) {
			v := loadVector(t, name)
			before := v.disk.Snapshot()
			o := quiver.Options{FS: v.disk, RefuseFlagLies: true}

			db, err := quiver.Open("/db", &o)
			if lies {
				if !errors.Is(err, quiver.ErrUnclean) {
					t.Fatalf("open: %v, want ErrUnclean", err)
				}
				sameBytes(t, before, v.disk)
				if n := v.disk.Handles() + v.disk.Locks(); n > 0 {
					t.Errorf("%d files or locks stayed open", n)
				}
				o.RefuseFlagLies = false
				db, err = quiver.Open("/db", &o)
			}
			must(t, err)
			if r := db.Recovery(); r.FlagLied != lies || r.Unclean != lies || !r.Foreign {
				t.Errorf("recovery: %+v", r)
			}
			mustHold(t, db, v.pairs)
			must(t, db.Close())

			o = quiver.Options{FS: before.Snapshot()}
			db = mustOpenReadOnly(t, "/db", o)
			if r := db.Recovery(); r.FlagLied != lies {
				t.Errorf("recovery of a reader: %+v", r)
			}
			mustHold(t, db, v.pairs)
			must(t, db.Close())
		})
	}
}
