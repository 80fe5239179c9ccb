package quiver_test

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// waysToDeleteAll are the calls by which a key can go.
func waysToDeleteAll() map[string]func(*testing.T, *quiver.DB, pairs) {
	return map[string]func(*testing.T, *quiver.DB, pairs){
		"one by one": func(t *testing.T, db *quiver.DB, p pairs) {
			for _, key := range p.sortedKeys() {
				mustDelete(t, db, p, key)
				if _, found, err := db.Get([]byte(key)); found || err != nil {
					t.Fatalf("key %.40q after its delete: %v, %v", key, found, err)
				}
			}
		},
		"in a batch": func(t *testing.T, db *quiver.DB, p pairs) {
			var b quiver.Batch
			for _, key := range p.sortedKeys() {
				b.Delete([]byte(key))
				delete(p, key)
			}
			must(t, db.Write(&b))
		},
		"by prefix": func(t *testing.T, db *quiver.DB, p pairs) {
			n, err := db.DeletePrefix(nil)
			if err != nil || n != len(p) {
				t.Fatalf("deleted %d of %d: %v", n, len(p), err)
			}
			clear(p)
		},
		"by update": func(t *testing.T, db *quiver.DB, p pairs) {
			for _, key := range p.sortedKeys() {
				must(t, db.Update([]byte(key), func(old []byte, found bool) ([]byte, error) {
					if !found || string(old) != p[key] {
						t.Errorf("update of key %.40q found %v, %d bytes", key, found, len(old))
					}
					return nil, nil
				}))
				delete(p, key)
			}
		},
		"overwritten first": func(t *testing.T, db *quiver.DB, p pairs) {
			keys := p.sortedKeys()
			for i, key := range keys {
				mustPut(t, db, p, key, blob(key, i%300))
			}
			for _, key := range keys {
				mustDelete(t, db, p, key)
			}
		},
	}
}

// The original leaves older copies of a key on earlier pages of its chain, and
// those of long values own overflow pages. None may ever come back.
func TestVectorsShadowedCopies(t *testing.T) {
	for _, name := range []string{"03-small-churn", "06-page-16384", "08-one-bucket", "17-tail-wins"} {
		v := loadVector(t, name)
		for way, deleteAll := range waysToDeleteAll() {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				disk, p := v.disk.Snapshot(), pairs{}
				for k, val := range v.pairs {
					p[k] = val
				}
				o := quiver.Options{FS: disk, Inline: true, NoDataFsync: true}
				db := mustOpen(t, "/db", o)
				u, err := db.Usage(t.Context(), nil)
				must(t, err)
				if u.ShadowedPairs == 0 || u.Pairs != int64(len(p)) {
					t.Fatalf("usage %+v: the vector has no older copies", u)
				}
				deleteAll(t, db, p)
				mustHold(t, db, pairs{})
				must(t, db.Close())

				raw := mustBeClean(t, disk, "/db", pairs{})
				if len(raw.shadowed) > 0 {
					t.Errorf("older copies are left: %v", raw.shadowed)
				}
				db = mustOpen(t, "/db", o)
				mustHold(t, db, pairs{})
				if n, err := db.Recount(t.Context(), nil); err != nil {
					t.Errorf("recount: %d, %v", n, err)
				}
				mustCheck(t, db, true)
				must(t, db.Close())
			})
		}
	}
}

// Deleting some keys leaves the others with their newest values, whatever
// copies stood on the same pages, and the deleted ones stay away.
func TestVectorsShadowedCopiesHalf(t *testing.T) {
	for _, name := range []string{"03-small-churn", "06-page-16384", "08-one-bucket", "17-tail-wins"} {
		for half := range 2 {
			v := loadVector(t, name)
			o := quiver.Options{FS: v.disk, Inline: true, NoDataFsync: true, LocatorBytes: int64(half - 1)}
			db := mustOpen(t, "/db", o)
			for i, key := range v.pairs.sortedKeys() {
				if i%2 == half {
					mustDelete(t, db, v.pairs, key)
				}
			}
			mustHold(t, db, v.pairs)
			must(t, db.Close())
			mustBeClean(t, v.disk, "/db", v.pairs)
			db = mustOpen(t, "/db", o)
			mustHold(t, db, v.pairs)
			must(t, db.Close())
		}
	}
}

// A put leaves one copy, so that a database of the original loses its older
// ones, and the pages of their long values, as it is written.
func TestVectorsShadowedCopiesOverwritten(t *testing.T) {
	for _, name := range []string{"03-small-churn", "06-page-16384", "08-one-bucket", "17-tail-wins"} {
		v := loadVector(t, name)
		o := quiver.Options{FS: v.disk, Inline: true, NoDataFsync: true}
		db := mustOpen(t, "/db", o)
		for i, key := range v.pairs.sortedKeys() {
			mustPut(t, db, v.pairs, key, blob(key, i%200))
		}
		mustHold(t, db, v.pairs)
		must(t, db.Close())
		if raw := mustBeClean(t, v.disk, "/db", v.pairs); len(raw.shadowed) > 0 {
			t.Errorf("%s: older copies are left: %v", name, raw.shadowed)
		}
	}
}
