package quiver_test

import (
	"errors"
	"fmt"
	"strings"
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

// An LSN in meta that is too high to be true is refused by the open, or by each
// change, or there is room above it: what is acknowledged on top of it can be
// opened again.
func TestLastLSNNearItsBound(t *testing.T) {
	for _, last := range []uint64{1 << 40, 1<<61 - 1<<40 - 5, 1<<61 - 1, 1 << 61, 1<<62 - 1000, 1<<62 - 3, 1<<62 - 1, 1 << 62, 1<<63 - 1, 1<<64 - 1} {
		s := cleanScene(t)
		disk, want := s.disk.Snapshot(), pairs{}
		for k, v := range s.now {
			want[k] = v
		}
		meta := s.bytes(t, "meta")
		rawLE.PutUint64(meta[32:], last)
		must(t, disk.WriteFile("/db/meta", meta))
		o := s.o
		o.FS = disk
		db, err := quiver.Open("/db", &o)
		if err != nil {
			if ce := corruption(t, err); ce.Path != "/db/meta" || last < 1<<60 {
				t.Errorf("last LSN %d: %v", last, err)
			}
			continue
		}
		for i := range 10 {
			value := blob("k", i)
			if err := db.Put([]byte("key 03"), []byte(value)); err == nil {
				want["key 03"] = value
			} else if ce := corruption(t, err); ce.Path != "/db/meta" || last < 1<<60 {
				t.Errorf("put on %d: %v", last, err)
			}
		}
		must(t, db.Close())
		db = mustOpen(t, "/db", o)
		mustHold(t, db, want)
		must(t, db.Close())
	}
}

// What a later version may write is refused as a whole, by every way to open:
// nothing of it is guessed.
func TestFormatsThatAreUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		off   int
		value uint32
		kind  error
	}{
		"meta version 4":   {"meta", 8, 4, quiver.ErrIncompatible},
		"meta version 0":   {"meta", 8, 0, quiver.ErrIncompatible},
		"meta encrypted":   {"meta", 16, 1, quiver.ErrIncompatible},
		"meta other flags": {"meta", 16, 1 << 31, quiver.ErrIncompatible},
		"another hash":     {"meta", 28, 2, quiver.ErrIncompatible},
		"no hash":          {"meta", 28, 0, quiver.ErrCorrupt},
		"dir version 2":    {"dir", 8, 2, quiver.ErrIncompatible},
		"free version 2":   {"free", 8, 2, quiver.ErrIncompatible},
	} {
		s := cleanScene(t)
		disk := s.disk.Snapshot()
		b := s.bytes(t, c.file)
		rawLE.PutUint32(b[c.off:], c.value)
		must(t, disk.WriteFile("/db/"+c.file, b))
		before := disk.Snapshot()
		for _, open := range []func(string, *quiver.Options) (*quiver.DB, error){quiver.Open, quiver.OpenReadOnly} {
			_, err := open("/db", &quiver.Options{FS: disk, Inline: true})
			if !errors.Is(err, c.kind) {
				t.Errorf("%s: %v, want %v", name, err, c.kind)
			}
			if err != nil && !strings.Contains(err.Error(), "/db/"+c.file) {
				t.Errorf("%s: %v names no file", name, err)
			}
			sameBytes(t, before, disk)
		}
	}
}
