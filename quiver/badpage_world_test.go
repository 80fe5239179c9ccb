package quiver_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

const segmentPath = "/db/data-000001.p1seg"

// pageWorld is a closed database with two buckets, whose pages are changed one
// at a time: bucket 0 is the victim, bucket 1 must never notice.
type pageWorld struct {
	t        *testing.T
	disk     *faultfs.FS
	pairs    pairs
	chain    []uint64 // pages of bucket 0
	beside   []uint64 // pages of bucket 1
	overflow []uint64 // pages of the long value of bucket 0
	longKey  string
	crossed  bool // a chain leads into that of the other bucket
}

// inBucket finds the n-th key of a bucket that begins with a name.
func inBucket(bucket, buckets uint32, name string, n int) string {
	for i := 0; ; i++ {
		key := fmt.Sprintf("%s %d", name, i)
		if format.Bucket(format.Hash64([]byte(key)), buckets) == bucket {
			if n--; n < 0 {
				return key
			}
		}
	}
}

func newPageWorld(t *testing.T) *pageWorld {
	w := &pageWorld{t: t, disk: faultfs.New(faultfs.Options{NoReads: true}), pairs: pairs{}}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: w.disk, Buckets: 2}))
	db := mustOpen(t, "/db", w.options())
	for bucket := range uint32(2) {
		for i := range 12 {
			key := inBucket(bucket, 2, "key", i)
			mustPut(t, db, w.pairs, key, blob(key, 900))
		}
		long := inBucket(bucket, 2, "long", 0)
		mustPut(t, db, w.pairs, long, blob(long, 9000))
	}
	w.longKey = inBucket(0, 2, "long", 0)
	must(t, db.Close())
	raw := mustBeClean(t, w.disk, "/db", w.pairs)
	w.chain, w.beside = w.walk(raw.heads[0]), w.walk(raw.heads[1])
	w.overflow = w.walk(w.placeholderHead())
	if len(w.chain) != 3 || len(w.beside) != 3 || len(w.overflow) != 3 {
		t.Fatalf("chains %v and %v, overflow %v", w.chain, w.beside, w.overflow)
	}
	return w
}

func (w *pageWorld) options() quiver.Options {
	return quiver.Options{FS: w.disk, Inline: true, NoDataFsync: true, LockWait: -1}
}

// copy is the same world on a disk of its own.
func (w *pageWorld) copy(t *testing.T) *pageWorld {
	c := *w
	c.t, c.disk, c.pairs = t, w.disk.Snapshot(), pairs{}
	for k, v := range w.pairs {
		c.pairs[k] = v
	}
	return &c
}

func (w *pageWorld) page(id uint64) []byte {
	w.t.Helper()
	b, err := w.disk.ReadFile(segmentPath)
	must(w.t, err)
	return b[id*4096 : (id+1)*4096]
}

func (w *pageWorld) walk(id uint64) (ids []uint64) {
	for ; id != format.NoPage; id = format.NextPage(w.page(id)) {
		ids = append(ids, id)
	}
	return ids
}

// change edits the bytes of a page as they stand.
func (w *pageWorld) change(id uint64, edit func(p []byte)) {
	w.t.Helper()
	b, err := w.disk.ReadFile(segmentPath)
	must(w.t, err)
	edit(b[id*4096 : (id+1)*4096])
	must(w.t, w.disk.WriteFile(segmentPath, b))
}

// forge edits a page and makes its checksum right again.
func (w *pageWorld) forge(id uint64, edit func(p []byte)) {
	w.t.Helper()
	w.change(id, func(p []byte) {
		edit(p)
		format.SealPage(p, format.PageLSN(p))
	})
}

func (w *pageWorld) link(from, to uint64) {
	w.forge(from, func(p []byte) { format.SetNextPage(p, to) })
}

// editPlaceholder edits what stands in the place of the long value.
func (w *pageWorld) editPlaceholder(edit func(stored []byte)) {
	w.t.Helper()
	for _, id := range w.chain {
		if w.placeholderOn(w.page(id)) != nil {
			w.forge(id, func(p []byte) { edit(w.placeholderOn(p)) })
			return
		}
	}
	w.t.Fatal("the long value has no placeholder")
}

func (w *pageWorld) placeholderOn(p []byte) []byte {
	stored, ok := format.KV(p).Get(format.Hash64([]byte(w.longKey)), []byte(w.longKey))
	if !ok {
		return nil
	}
	return stored
}

func (w *pageWorld) placeholderHead() (head uint64) {
	raw := readRaw(w.t, w.disk, "/db")
	for _, id := range w.walk(raw.heads[0]) {
		if stored := w.placeholderOn(w.page(id)); stored != nil {
			_, head, _ = format.DecodePlaceholder(stored)
		}
	}
	return head
}

// keysOf are the keys of a bucket.
func (w *pageWorld) keysOf(bucket uint32) (keys []string) {
	for _, k := range w.pairs.sortedKeys() {
		if format.Bucket(format.Hash64([]byte(k)), 2) == bucket {
			keys = append(keys, k)
		}
	}
	return keys
}

// wantCorrupt asks for an error that names segment, page and offset. Of a page
// that does not exist only the id can be named.
func (w *pageWorld) wantCorrupt(what string, err error, page uint64) {
	w.t.Helper()
	ce := corruption(w.t, err)
	if ce.Page != page {
		w.t.Errorf("%s: page %d in %v, want %d", what, ce.Page, err, page)
	}
	if exists := page < 1000; exists && (filepath.Base(ce.Path) != filepath.Base(segmentPath) || ce.Offset != int64(page)*4096) {
		w.t.Errorf("%s: %v names not %s and offset %d", what, err, segmentPath, page*4096)
	}
}

// mustRefuse wants each way to reach the keys to refuse, and everything else to
// go on: other keys are read and written, the handle lives, and so does the
// database after a close.
func (w *pageWorld) mustRefuse(keys []string, page uint64) {
	w.t.Helper()
	db := mustOpen(w.t, "/db", w.options())
	for round := range 2 {
		for _, k := range keys {
			if v, found, err := db.Get([]byte(k)); err == nil || found || v != nil {
				w.t.Errorf("get %q: %d bytes, found %v, error %v", k, len(v), found, err)
			} else {
				w.wantCorrupt("get", err, page)
			}
			had, err := db.Delete([]byte(k))
			if had {
				w.t.Errorf("delete %q: existed, with error %v", k, err)
			}
			w.wantCorrupt("delete", err, page)
			w.wantCorrupt("put", db.Put([]byte(k), []byte("new")), page)
		}
		_, err := contents(db)
		w.wantCorrupt("scan", err, page)
		_, err = db.DeletePrefix([]byte(keys[0]))
		w.wantCorrupt("delete by prefix", err, page)
		// Pages that are reached from two buckets are all in use: nothing is
		// freed wrongly.
		if freed, err := db.Recount(w.t.Context(), nil); !w.crossed || err != nil || freed > 0 {
			w.wantCorrupt("recount", err, page)
		}
		w.mustServe(db, keys, round)
		if round == 0 {
			must(w.t, db.Close())
			db = mustOpen(w.t, "/db", w.options())
		}
	}
	r, err := db.Check(w.t.Context(), quiver.CheckOptions{})
	must(w.t, err)
	if !slices.ContainsFunc(r.Findings, func(f quiver.Finding) bool { return f.Severity == "error" && f.Page == page }) {
		w.t.Errorf("check finds nothing on page %d: %+v", page, r.Findings)
	}
	must(w.t, db.Close())
}

// mustServe wants every key but some to be read, overwritten and deleted.
func (w *pageWorld) mustServe(db *quiver.DB, but []string, round int) {
	w.t.Helper()
	for i, k := range w.pairs.sortedKeys() {
		if slices.Contains(but, k) {
			continue
		}
		v, found, err := db.Get([]byte(k))
		if want, there := w.pairs[k]; err != nil || found != there || string(v) != want {
			w.t.Fatalf("get %q beside the damage: %d bytes, found %v, error %v", k, len(v), found, err)
		}
		if i%3 == 0 {
			mustPut(w.t, db, w.pairs, k, blob(k, 700+round))
		}
		if i%7 == 0 {
			mustDelete(w.t, db, w.pairs, k)
		}
	}
	fresh := inBucket(1, 2, "fresh", round)
	mustPut(w.t, db, w.pairs, fresh, blob(fresh, 6000))
	must(w.t, db.Writable())
}
