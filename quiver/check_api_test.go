package quiver_test

import (
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

func check(t *testing.T, w *pageWorld, readOnly, strict bool) quiver.CheckReport {
	t.Helper()
	open := mustOpen
	if readOnly {
		open = mustOpenReadOnly
	}
	db := open(t, "/db", w.options())
	r, err := db.Check(t.Context(), quiver.CheckOptions{Strict: strict})
	must(t, err)
	must(t, db.Close())
	return r
}

// setSlot changes a field of the first slot that is used.
func setSlot(p []byte, field int, v byte) {
	for at := 4096 - 4*format.KV(p).Slots(); at < 4096; at += 4 {
		if p[at] != 0xFF || p[at+1] != 0xFF {
			p[at+field] = v
			return
		}
	}
}

// What gets and puts do not see, and what they would stumble over one at a
// time: a check lists all of it, at the right place.
func TestCheckFinds(t *testing.T) {
	world := newPageWorld(t)
	if r := check(t, world, true, true); len(r.Findings) > 0 {
		t.Fatalf("a good database: %+v", r.Findings)
	}
	for name, c := range map[string]struct {
		spoil func(w *pageWorld)
		pages func(w *pageWorld) []uint64 // that a finding must name
	}{
		"two chains at once": {
			func(w *pageWorld) {
				w.change(w.chain[1], func(p []byte) { p[100] ^= 1 })
				w.change(w.beside[2], func(p []byte) { p[100] ^= 1 })
			},
			func(w *pageWorld) []uint64 { return []uint64{w.chain[1], w.beside[2]} },
		},
		"a chain and a long value": {
			func(w *pageWorld) {
				w.change(w.beside[1], func(p []byte) { p[100] ^= 1 })
				w.change(w.overflow[1], func(p []byte) { p[100] ^= 1 })
			},
			func(w *pageWorld) []uint64 { return []uint64{w.beside[1], w.overflow[1]} },
		},
		"a fingerprint": {
			func(w *pageWorld) { w.forge(w.chain[0], func(p []byte) { setSlot(p, 2, 0) }) },
			func(w *pageWorld) []uint64 { return []uint64{w.chain[0]} },
		},
		"a distance": {
			func(w *pageWorld) { w.forge(w.chain[0], func(p []byte) { setSlot(p, 3, 77) }) },
			func(w *pageWorld) []uint64 { return []uint64{w.chain[0]} },
		},
		"two values in the same pages": {
			func(w *pageWorld) {
				long := inBucket(1, 2, "long", 0)
				for _, id := range w.beside {
					w.forge(id, func(p []byte) {
						if stored, ok := format.KV(p).Get(format.Hash64([]byte(long)), []byte(long)); ok {
							format.EncodePlaceholder(stored, 9000, w.overflow[0])
						}
					})
				}
			},
			func(w *pageWorld) []uint64 { return w.overflow },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.copy(t)
			c.spoil(w)
			before := w.disk.Snapshot()
			r := check(t, w, true, false)
			sameBytes(t, before, w.disk)
			for _, page := range c.pages(w) {
				i := slices.IndexFunc(r.Findings, func(f quiver.Finding) bool { return f.Page == page })
				if i < 0 {
					t.Errorf("nothing about page %d: %+v", page, r.Findings)
					continue
				}
				f := r.Findings[i]
				if f.Severity != "error" || f.File != segmentPath || f.Message == "" || f.Offset/4096 != int64(page) {
					t.Errorf("page %d: %+v", page, f)
				}
			}
		})
	}
}

// A free list that names pages in use is found by a reader, which sees it; a
// writer does not believe it and does no harm.
func TestCheckFreeList(t *testing.T) {
	for name, list := range map[string]func(w *pageWorld) []uint64{
		"in use":         func(w *pageWorld) []uint64 { return []uint64{w.chain[0]} },
		"does not exist": func(w *pageWorld) []uint64 { return []uint64{500} },
	} {
		w := newPageWorld(t)
		ids := list(w)
		must(t, w.disk.WriteFile("/db/free", format.EncodeFree(ids, 0)))
		r := check(t, w, true, false)
		if len(r.Findings) != 1 || r.Findings[0].Page != ids[0] || r.Findings[0].File != "/db/free" || r.Findings[0].Severity != "error" {
			t.Errorf("%s: %+v", name, r.Findings)
		}
		db := mustOpen(t, "/db", w.options())
		for i := range 30 {
			mustPut(t, db, w.pairs, blob(name, i), blob(name, 5000))
		}
		mustHold(t, db, w.pairs)
		mustCheck(t, db, false)
		must(t, db.Close())
		mustBeClean(t, w.disk, "/db", w.pairs)
	}
}

// Orphans and older copies are unusual, not wrong: only a strict check tells.
func TestCheckStrict(t *testing.T) {
	w := newPageWorld(t)
	db := mustOpen(t, "/db", w.options())
	mustDelete(t, db, w.pairs, w.longKey)
	w.disk = w.disk.Snapshot() // killed: the pages of the value are orphans
	if r := check(t, w, true, false); len(r.Findings) > 0 || r.OrphanPages == 0 {
		t.Errorf("not strict: %+v", r)
	}
	r := check(t, w, true, true)
	if len(r.Findings) != 1 || r.Findings[0].Severity != "warning" || r.Findings[0].Page != format.NoPage || r.Findings[0].Offset != -1 {
		t.Errorf("strict: %+v", r.Findings)
	}
	db = mustOpen(t, "/db", w.options())
	if n, err := db.Recount(t.Context(), nil); err != nil || n != int(r.OrphanPages) {
		t.Errorf("recount freed %d of %d: %v", n, r.OrphanPages, err)
	}
	mustCheck(t, db, true)
	must(t, db.Close())
	if r := check(t, w, true, true); len(r.Findings) > 0 || r.OrphanPages > 0 {
		t.Errorf("after a recount: %+v", r)
	}
}
