package quiver_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// withCopies are worlds in which some keys of bucket 0 stand on the first page of the
// chain and once more, with the value that counts, on the last: the original program
// leaves such chains.
func withCopies(t *testing.T) (w *pageWorld, twice []string) {
	w = newPageWorld(t)
	head, tail := w.chain[0], w.chain[len(w.chain)-1]
	w.forge(tail, func(p []byte) {
		var gone []string
		for k := range format.KV(p).All() {
			if string(k) != w.longKey {
				gone = append(gone, string(k))
			}
		}
		for _, k := range gone {
			format.KV(p).Delete(format.Hash64([]byte(k)), []byte(k))
			delete(w.pairs, k)
		}
		dense := make([]byte, len(p))
		format.KV(p).CompactInto(dense)
		copy(p, dense)
		for k := range format.KV(w.page(head)).All() {
			v := "the newer value of " + string(k)
			if !format.KV(p).Insert(format.Hash64(k), k, []byte(v)) {
				t.Fatalf("no room for %q", k)
			}
			w.pairs[string(k)] = v
			twice = append(twice, string(k))
		}
	})
	if len(twice) < 3 {
		t.Fatalf("only %q stand twice", twice)
	}
	return w, twice
}

// TestKeysThatStandTwice: of several copies the one nearest the tail counts, and a
// delete or a put leaves none of the others behind (promise 4, FORMAT).
func TestKeysThatStandTwice(t *testing.T) {
	world, twice := withCopies(t)
	for _, locator := range []int64{-1, 0} {
		for name, change := range map[string]func(db *quiver.DB, p pairs, k string) error{
			"delete": func(db *quiver.DB, p pairs, k string) error {
				delete(p, k)
				had, err := db.Delete([]byte(k))
				if !had && err == nil {
					err = fmt.Errorf("%q was not there", k)
				}
				return err
			},
			"put": func(db *quiver.DB, p pairs, k string) error {
				p[k] = "third"
				return db.Put([]byte(k), []byte("third"))
			},
			"put long": func(db *quiver.DB, p pairs, k string) error {
				p[k] = blob(k, 9000)
				return db.Put([]byte(k), []byte(blob(k, 9000)))
			},
			"prefix": func(db *quiver.DB, p pairs, k string) error {
				maps.DeleteFunc(p, func(key, _ string) bool { return strings.HasPrefix(key, k) })
				_, err := db.DeletePrefix([]byte(k))
				return err
			},
		} {
			t.Run(fmt.Sprintf("%s, locator %d", name, locator), func(t *testing.T) {
				w := world.copy(t)
				o := w.options()
				o.LocatorBytes = locator
				db := mustOpen(t, "/db", o)
				mustHold(t, db, w.pairs)
				for _, k := range slices.Backward(twice) {
					if _, there := w.pairs[k]; !there {
						continue // another key's prefix
					}
					must(t, change(db, w.pairs, k))
					mustHold(t, db, w.pairs)
				}
				must(t, db.Close())
				db = mustOpen(t, "/db", o)
				mustHold(t, db, w.pairs)
				must(t, db.Close())
				mustBeClean(t, w.disk, "/db", w.pairs)
			})
		}
	}
}
