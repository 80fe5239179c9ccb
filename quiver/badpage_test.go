package quiver_test

import (
	"math"
	"runtime"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

const farPage = 1 << 40

// badPages are pages of records that no write of ours leaves: page is the one
// that the error must name.
func badPages() []badPage {
	header := func(off int, v uint64, size int) func(w *pageWorld, id uint64) {
		return func(w *pageWorld, id uint64) {
			w.forge(id, func(p []byte) {
				for i := range size {
					p[off+i] = byte(v >> (8 * i))
				}
			})
		}
	}
	return []badPage{
		{name: "a flipped bit", spoil: func(w *pageWorld, id uint64) { w.change(id, func(p []byte) { p[2000] ^= 4 }) }},
		{name: "a checksum of zero", spoil: func(w *pageWorld, id uint64) { w.change(id, func(p []byte) { clear(p[60:64]) }) }},
		{name: "never written", spoil: func(w *pageWorld, id uint64) { w.change(id, func(p []byte) { clear(p) }) }},
		{name: "half of it", spoil: func(w *pageWorld, id uint64) { w.change(id, func(p []byte) { clear(p[2048:]) }) }},
		{name: "another page in its place", spoil: func(w *pageWorld, id uint64) {
			other := w.page(w.beside[0])
			w.change(id, func(p []byte) { copy(p, other) })
		}},
		{name: "magic", spoil: header(0, 'Q', 1)},
		{name: "version 1", spoil: header(4, 1, 2)},
		{name: "version 3", spoil: header(4, 3, 2)},
		{name: "type 0", spoil: header(6, 0, 2)},
		{name: "type overflow", spoil: func(w *pageWorld, id uint64) {
			w.forge(id, func(p []byte) { format.InitOverflow(p, id, format.NoPage, []byte("x")) })
		}},
		{name: "reserved bytes", spoil: header(8, 1, 4)},
		{name: "flags", spoil: header(26, 1, 2)},
		{name: "page id", spoil: header(12, 1<<20, 8)},
		{name: "lsn out of range", spoil: header(36, math.MaxUint64, 8)},
		{name: "data start in the header", spoil: header(20, 63, 2)},
		{name: "data start behind the table", spoil: header(20, 4095, 2)},
		{name: "more slots than fit", spoil: header(22, 1023, 2)},
		{name: "more used slots than slots", spoil: header(24, 1000, 2)},
		{name: "fewer used slots than used", spoil: header(24, 0, 2)},
		{name: "a record outside of its area", spoil: header(4092, 4090, 2)},
		{name: "a key longer than the page", spoil: header(64, 5000, 2)},
	}
}

type badPage struct {
	name  string
	spoil func(w *pageWorld, id uint64)
}

func TestBadPageInAChain(t *testing.T) {
	world := newPageWorld(t)
	for _, c := range badPages() {
		t.Run(c.name, func(t *testing.T) {
			for place := range world.chain {
				w := world.copy(t)
				id := w.chain[place]
				c.spoil(w, id)
				w.mustRefuse(w.keysOf(0), id)
			}
		})
	}
}

func TestBadLinkInAChain(t *testing.T) {
	world := newPageWorld(t)
	for _, c := range []struct {
		name string
		from int
		to   func(w *pageWorld) uint64
		page func(w *pageWorld) uint64 // named by the error
	}{
		{"to itself", 1, func(w *pageWorld) uint64 { return w.chain[1] }, func(w *pageWorld) uint64 { return w.chain[1] }},
		{"to the head", 2, func(w *pageWorld) uint64 { return w.chain[0] }, nil},
		{"to the page before", 2, func(w *pageWorld) uint64 { return w.chain[1] }, nil},
		{"two pages at each other", 1, func(w *pageWorld) uint64 { return w.chain[0] }, nil},
		{"to another bucket", 2, func(w *pageWorld) uint64 { return w.beside[0] }, func(w *pageWorld) uint64 { return w.beside[0] }},
		{"to a long value", 0, func(w *pageWorld) uint64 { return w.overflow[0] }, func(w *pageWorld) uint64 { return w.overflow[0] }},
		{"behind all pages", 1, func(*pageWorld) uint64 { return farPage }, func(*pageWorld) uint64 { return farPage }},
		{"to the largest id", 1, func(*pageWorld) uint64 { return format.NoPage - 1 }, func(*pageWorld) uint64 { return format.NoPage - 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world.copy(t)
			w.link(w.chain[c.from], c.to(w))
			w.crossed = c.name == "to another bucket"
			if c.page != nil {
				w.mustRefuse(w.keysOf(0), c.page(w))
				return
			}
			w.mustNotGoRound()
		})
	}
}

// mustNotGoRound wants an error that names a page of the circle.
func (w *pageWorld) mustNotGoRound() {
	w.t.Helper()
	db := mustOpen(w.t, "/db", w.options())
	_, _, err := db.Get([]byte(w.keysOf(0)[0]))
	ce := corruption(w.t, err)
	must(w.t, db.Close())
	for _, id := range w.chain {
		if ce.Page == id {
			w.mustRefuse(w.keysOf(0), id)
			return
		}
	}
	w.t.Errorf("%v names no page of the circle %v", err, w.chain)
}

func TestBadOverflowChain(t *testing.T) {
	world := newPageWorld(t)
	placeholder := func(edit func(stored []byte)) func(*pageWorld) uint64 {
		return func(w *pageWorld) uint64 {
			w.editPlaceholder(edit)
			return w.overflow[0]
		}
	}
	total := func(n uint64) func(*pageWorld) uint64 {
		return placeholder(func(s []byte) { rawLE.PutUint64(s[2:], n) })
	}
	for name, spoil := range map[string]func(w *pageWorld) uint64{
		"too short":        func(w *pageWorld) uint64 { w.link(w.overflow[1], format.NoPage); return w.overflow[1] },
		"too long":         func(w *pageWorld) uint64 { w.link(w.overflow[2], w.beside[0]); return w.overflow[2] },
		"a circle":         func(w *pageWorld) uint64 { w.link(w.overflow[2], w.overflow[0]); return w.overflow[2] },
		"a short circle":   func(w *pageWorld) uint64 { w.link(w.overflow[1], w.overflow[0]); return w.overflow[0] },
		"skips a page":     func(w *pageWorld) uint64 { w.link(w.overflow[0], w.overflow[2]); return w.overflow[2] },
		"to a chain":       func(w *pageWorld) uint64 { w.link(w.overflow[0], w.chain[0]); return w.chain[0] },
		"behind all pages": func(w *pageWorld) uint64 { w.link(w.overflow[0], farPage); return farPage },
		"a flipped bit": func(w *pageWorld) uint64 {
			w.change(w.overflow[1], func(p []byte) { p[99] ^= 1 })
			return w.overflow[1]
		},
		"never written":     func(w *pageWorld) uint64 { w.change(w.overflow[1], func(p []byte) { clear(p) }); return w.overflow[1] },
		"a chunk too small": func(w *pageWorld) uint64 { w.forge(w.overflow[0], func(p []byte) { p[20]-- }); return w.overflow[0] },
		"a chunk too large": func(w *pageWorld) uint64 { w.forge(w.overflow[2], func(p []byte) { p[20]++ }); return w.overflow[2] },
		"a chunk longer than a page": func(w *pageWorld) uint64 {
			w.forge(w.overflow[1], func(p []byte) { rawLE.PutUint16(p[20:], 5000) })
			return w.overflow[1]
		},
		"a page of records of the same length": func(w *pageWorld) uint64 {
			w.forge(w.overflow[1], func(p []byte) {
				next := format.NextPage(p)
				format.InitKV(p, w.overflow[1])
				format.SetNextPage(p, next)
				rawLE.PutUint16(p[20:], 4032)
			})
			return w.overflow[1]
		},
		"a length of zero":        total(0),
		"a length one more":       func(w *pageWorld) uint64 { total(9001)(w); return w.overflow[2] },
		"a length of a page less": func(w *pageWorld) uint64 { total(9000 - 4032)(w); return w.overflow[1] },
		"an absurd length":        total(1 << 40),
		"the largest length":      total(math.MaxUint64),
		"the second byte":         placeholder(func(s []byte) { s[1] = 1 }),
		"no first page": func(w *pageWorld) uint64 {
			w.editPlaceholder(func(s []byte) { rawLE.PutUint64(s[10:], format.NoPage) })
			return format.NoPage
		},
		"a first page behind all": func(w *pageWorld) uint64 {
			w.editPlaceholder(func(s []byte) { rawLE.PutUint64(s[10:], farPage) })
			return farPage
		},
		"a first page of a chain": func(w *pageWorld) uint64 {
			w.editPlaceholder(func(s []byte) { rawLE.PutUint64(s[10:], w.beside[1]) })
			return w.beside[1]
		},
		"the second page as first": func(w *pageWorld) uint64 {
			w.editPlaceholder(func(s []byte) { rawLE.PutUint64(s[10:], w.overflow[1]) })
			return w.overflow[2]
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.copy(t)
			page := spoil(w)
			w.mustRefuse([]string{w.longKey}, page)
		})
	}
}

// A length in a placeholder is what anybody may have written there: it sizes
// nothing before the pages have been seen.
func TestAbsurdLengthAllocatesNothing(t *testing.T) {
	world := newPageWorld(t)
	for _, n := range []uint64{1 << 31, 1 << 40, 1 << 62, math.MaxInt64, math.MaxUint64} {
		w := world.copy(t)
		w.editPlaceholder(func(s []byte) { rawLE.PutUint64(s[2:], n) })
		db := mustOpen(t, "/db", w.options())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := db.Get([]byte(w.longKey))
		runtime.ReadMemStats(&after)
		corruption(t, err)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
			t.Errorf("a length of %d allocates %d bytes", n, grown)
		}
		must(t, db.Close())
	}
}

// A bad head is noticed at the open, which looks at all heads at once.
func TestBadHead(t *testing.T) {
	for name, head := range map[string]uint64{"behind all pages": farPage, "just behind": 16} {
		w := newPageWorld(t)
		raw := readRaw(t, w.disk, "/db")
		if head == 16 {
			head = raw.next
		}
		must(t, w.disk.WriteFile("/db/dir", format.EncodeDir([]uint64{raw.heads[0], head})))
		before := w.disk.Snapshot()
		_, err := quiver.Open("/db", &quiver.Options{FS: w.disk})
		ce := corruption(t, err)
		if ce.Path != "/db/dir" || ce.Page != head || ce.Offset != 24+8 {
			t.Errorf("%s: %v", name, err)
		}
		sameBytes(t, before, w.disk)
	}
}

// The original takes a checksum of zero for one that need not be checked; so
// does a medium that lost the sector. Only a salvage believes such a directory.
func TestDirectoryWithoutAChecksum(t *testing.T) {
	w := newPageWorld(t)
	dir, err := w.disk.ReadFile("/db/dir")
	must(t, err)
	clear(dir[16:24])
	must(t, w.disk.WriteFile("/db/dir", dir))
	before := w.disk.Snapshot()
	for _, open := range []func(string, *quiver.Options) (*quiver.DB, error){quiver.Open, quiver.OpenReadOnly} {
		_, err := open("/db", &quiver.Options{FS: w.disk})
		if ce := corruption(t, err); ce.Path != "/db/dir" || ce.Offset != 16 {
			t.Errorf("%v names not /db/dir and offset 16", err)
		}
		sameBytes(t, before, w.disk)
	}
	o := w.options()
	o.Salvage = true
	db := mustOpen(t, "/db", o)
	mustHold(t, db, w.pairs)
	must(t, db.Close())
}
