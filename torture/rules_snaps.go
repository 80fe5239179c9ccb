package torture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// The files of snapshots that outlive their process, and of the pages they share.
const (
	registryName = snapshotsName + "/registry.json"
	headsName    = "heads.bin"
	freezeName   = "freeze.bin"
	indexName    = "index.bin"
	hashesName   = "hashindex.bin"
	storeName    = raw.StoreFolder + "/store.bin"
)

// imageStride is a frame of store.bin.
const imageStride = 16 + pageSize

func snapshotFile(id, name string) string { return path.Join(snapshotsName, id, name) }

// lasting are the snapshots that a power cut leaves for sure and that have to show
// everything.
func (r *rules) lasting() []raw.Entry {
	b := r.s.durableBytes(registryName)
	if b == nil || bytes.Equal(b, r.registry) {
		return r.entries
	}
	list, err := raw.ParseRegistry(b)
	if err != nil {
		r.flaw("I7 structure", "registry: %v", err)
	}
	r.registry, r.entries = b, slices.DeleteFunc(list, func(e raw.Entry) bool { return e.Ended })
	return r.entries
}

// newRegistry judges a registry that is about to take effect: what a snapshot is
// opened with is durable before the snapshot has a name.
func (r *rules) newRegistry(content []byte) {
	list, err := raw.ParseRegistry(content)
	if err != nil {
		r.flaw("I7 structure", "registry: %v", err)
	}
	var had []raw.Entry
	if f := r.s.live[inRoot(registryName)]; f != nil {
		had, _ = raw.ParseRegistry(f.content) // told when it was written
	}
	for _, e := range list {
		if slices.ContainsFunc(had, func(h raw.Entry) bool { return h.ID == e.ID }) {
			continue
		}
		heads := inRoot(snapshotFile(e.ID, headsName))
		if f := r.s.live[heads]; f == nil || f.dirty || f.created {
			r.flaw("R8 registry last", "%s is entered before its heads were synced", e.ID)
		}
		for p := heads; p != clean(root); p = path.Dir(p) {
			if _, pending := r.s.changed[p]; pending {
				r.flaw("R8 registry last", "%s is entered before the name %s was durable", e.ID, p)
			}
		}
	}
}

// indexed judges a write to an index: what it names is durable before.
func (r *rules) indexed(c call, p string, f *shadow) {
	id, name := path.Base(path.Dir(p)), path.Base(p)
	if name != indexName && name != hashesName || !slices.ContainsFunc(r.lasting(), func(e raw.Entry) bool { return e.ID == id }) {
		return
	}
	if end := int(c.off) + len(c.data); end <= len(f.content) && bytes.Equal(f.content[c.off:end], c.data) {
		return // a new process makes durable what it found
	}
	for i, x := range raw.Entries(c.data[:c.n]) {
		switch {
		case x[2] == 0:
		case name == indexName:
			b := r.s.durableBytes(snapshotFile(id, freezeName))
			if got, lsn, page := raw.FrameAt(b, x[1], pageSize); page == nil || got != x[0] || lsn != x[2] {
				r.flaw("R8 frame before index", "entry %d of %s names the frame of page %d, which is not in the synced %s", i, p, x[0], freezeName)
			}
		case !r.stored(x[1]):
			r.flaw("R8 frame before index", "entry %d of %s names image %016x, which is not in the synced SnapStore", i, p, x[1])
		}
	}
}

func (r *rules) stored(hash uint64) bool {
	b := r.s.durableBytes(storeName)
	for off := 0; off+imageStride <= len(b); off += imageStride {
		if binary.LittleEndian.Uint64(b[off:]) != hash {
			continue
		}
		if got, page := raw.StoreFrameAt(b, off, pageSize); page != nil && got == hash {
			return true
		}
	}
	return false
}

// frozen tells whether the synced frames of a snapshot have an image of a page.
func (r *rules) frozen(e raw.Entry, page, lsn uint64) bool {
	b := r.s.durableBytes(snapshotFile(e.ID, freezeName))
	for off := 0; off+frameStride <= len(b); off += frameStride {
		id, at, img := raw.FrameAt(b, uint64(off), pageSize)
		if img != nil && id == page && at == lsn {
			return true
		}
	}
	return false
}

// overwrites judges a write over an image of a page in its segment: what a snapshot
// needs of it is frozen.
func (r *rules) overwrites(c call, p string, f *shadow, page, old, by uint64) {
	for _, e := range r.lasting() {
		if old > e.LSN || by <= e.LSN || r.frozen(e, page, old) {
			continue
		}
		after := *f
		after.content = slices.Clone(f.content)
		after.write(c)
		if d := r.loses(e, r.logged(), p, &after, r.logged()); d != "" {
			r.flaw("R8 freeze before overwrite", "page %d of LSN %d is overwritten by LSN %d, and snapshot %s of LSN %d needs it: %s", page, old, by, e.ID, e.LSN, d)
		}
	}
}

// dropped judges records that are taken from the log, or overwritten there.
func (r *rules) dropped(records []raw.Record) {
	for _, e := range r.lasting() {
		all := r.logged()
		gone := func(rec raw.Record) bool {
			return slices.ContainsFunc(records, func(x raw.Record) bool { return x.LSN == rec.LSN })
		}
		needed := func(rec raw.Record) bool { return rec.LSN <= e.LSN && gone(rec) && !r.frozen(e, rec.Page, rec.LSN) }
		if !slices.ContainsFunc(all, needed) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(all), gone)
		if d := r.loses(e, all, "", nil, rest); d != "" {
			r.flaw("R8 freeze before overwrite", "records are taken from the log that snapshot %s of LSN %d needs: %s", e.ID, e.LSN, d)
		}
	}
}

// logged are the records of the whole groups of the synced log.
func (r *rules) logged() []raw.Record {
	l := r.readLog()
	return slices.Concat(slices.Concat(l.Stale...), slices.Concat(l.Groups...))
}

// loses tells what a snapshot loses when a segment changes, or the log.
func (r *rules) loses(e raw.Entry, before []raw.Record, p string, after *shadow, rest []raw.Record) string {
	had, faults := r.shows(e, before, "", nil)
	if len(faults) > 0 {
		return "" // it was lost before
	}
	has, faults := r.shows(e, rest, p, after)
	if len(faults) > 0 {
		return faults[0]
	}
	return model.Diff(has, had)
}

// shows reads a snapshot from its synced frames, and the records and the segments
// as they are, one of which may be replaced.
func (r *rules) shows(e raw.Entry, records []raw.Record, replaced string, by *shadow) (model.State, []string) {
	files := r.durableFiles()
	for p, f := range r.s.live {
		if f.class != faultfs.ClassSeg || outside(p) {
			continue
		}
		if p == replaced {
			f = by
		}
		files.Segs[raw.SegmentNumber(path.Base(p))] = raw.Whole(laid(p, f.content, records, e.LSN))
	}
	files.Log = files.Log[:min(walHeader, len(files.Log))]
	read := func(p string) ([]byte, error) {
		if f := r.s.durable[clean(p)]; f != nil {
			return f.synced, nil
		}
		return nil, nil
	}
	kept, err := raw.ReadSnapshots(root, raw.Recover(files), read)
	if err == nil {
		var pairs map[string]string
		var faults []string
		if pairs, faults, err = kept.Pairs(e); err == nil {
			return pairs, faults
		}
	}
	return nil, []string{fmt.Sprintf("unreadable: %v", err)}
}

// laid is a segment with the newest images that a snapshot may need of a log.
func laid(p string, content []byte, records []raw.Record, lsn uint64) []byte {
	content = slices.Clone(content)
	for _, rec := range records {
		name, off := placeOf(rec.Page)
		if inRoot(name) != p || rec.LSN > lsn || off+pageSize > len(content) {
			continue
		}
		old := raw.Page(content[off : off+pageSize])
		if old.Verify(rec.Page) != nil || old.LSN() < rec.LSN || old.LSN() > lsn {
			copy(old, rec.Image)
		}
	}
	return content
}

// durableFiles are those of the database as a power cut leaves them for sure.
func (r *rules) durableFiles() raw.Files {
	var names []string
	for p := range r.s.durable {
		names = append(names, p)
	}
	// Reading from memory does not fail.
	files, _ := raw.Load(root, names, func(p string) ([]byte, error) { return r.s.durable[p].synced, nil })
	return files
}

// newFree judges a free list that is about to take effect: it names no page that
// what is durable leads to, else the next owner of the page would overwrite it.
func (r *rules) newFree(content []byte) {
	files := r.durableFiles()
	if files.Meta == nil || files.Dir == nil {
		return // an init
	}
	files.Free = content
	for _, f := range raw.Recover(files).Faults {
		if strings.HasPrefix(f, "free") {
			r.flaw("R5 free list", "replaced, and by what is durable: %s", f)
		}
	}
}
