package snap

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// load reads index.bin, and of store.bin what lies behind the last frame that
// it names: images that were added after the last Flush. If the two contradict
// each other, all frames are looked for.
func (st *Store) load() error {
	size, err := st.size()
	if err != nil {
		return err
	}
	b, err := readWhole(st.fs, st.path)
	if err != nil {
		return err
	}
	st.indexed = b != nil
	entries, err := format.DecodeStoreIndex(b)
	if err != nil {
		st.damage = undecodable(st.path, err)
	}
	last := int64(-1)
	for _, e := range entries {
		im := image{off: int64(e.Offset), refs: max(e.Refs, st.images[e.Hash].refs)}
		if im.off < 0 || im.off > size-format.StoreFrameHeaderSize-format.PageSizeMin {
			im.off = -1
			st.damage = &CorruptError{Path: st.path, Offset: noOffset, Reason: fmt.Sprintf("image %016x behind the end of %s", e.Hash, format.StoreName)}
		}
		st.images[e.Hash] = im
		last = max(last, im.off)
	}
	if st.damage == nil && last >= 0 {
		st.file.end, err = st.frameEnd(last, size)
		if err != nil && !isCorrupt(err) {
			return err
		}
		st.damage = err
	}
	if st.damage != nil {
		return st.rescan()
	}
	return st.loadTail(size)
}

func (st *Store) size() (int64, error) {
	if st.file.f == nil {
		return 0, nil
	}
	return st.file.f.Size()
}

// frameEnd is the end of the frame at off, if its header is that of an image
// that index.bin has there.
func (st *Store) frameEnd(off, size int64) (int64, error) {
	var h [format.StoreFrameHeaderSize]byte
	if n, err := st.file.f.ReadAt(h[:], off); n < len(h) {
		return 0, readError(st.file.path, off, err)
	}
	f, err := format.DecodeStoreFrameHeader(h[:])
	if err != nil {
		return 0, &CorruptError{Path: st.file.path, Offset: off, Err: err}
	}
	end := off + format.StoreFrameHeaderSize + int64(f.Len)
	if im, known := st.images[f.Hash]; !known || im.off != off || end > size {
		return 0, &CorruptError{Path: st.file.path, Offset: off, Reason: fmt.Sprintf("frame of image %016x, which %s has elsewhere", f.Hash, format.IndexName)}
	}
	return end, nil
}

// loadTail takes in the frames behind those that index.bin names. A writer
// writes them again, so that the next sync covers them, and cuts off the rest.
func (st *Store) loadTail(size int64) error {
	from := st.file.end
	found, err := st.find(from, size)
	if err != nil {
		return err
	}
	for h, at := range found {
		if _, known := st.images[h]; !known {
			st.images[h] = image{off: at.off}
			st.changed = true
		}
	}
	if st.readOnly || size == from {
		return nil
	}
	st.unsynced = true
	if err := st.file.rewrite(from, st.file.end); err != nil {
		return err
	}
	st.file.over = size > st.file.end
	_, err = st.file.cut()
	return err
}

// span is the place of a frame in store.bin.
type span struct{ off, end int64 }

// find reads frames one after another and tells where each image stands first. It
// raises the end of the file to that of the last frame. A bad frame is passed
// over by the length of one of ours, or up to the next that index.bin names:
// whatever is found at a wrong place has the right bytes all the same, because
// its hash says so.
func (st *Store) find(from, size int64) (map[uint64]span, error) {
	var known []int64
	for _, im := range st.images {
		known = append(known, im.off)
	}
	slices.Sort(known)
	found := map[uint64]span{}
	buf := make([]byte, format.StoreFrameHeaderSize+format.PageSizeMax)
	for off := from; off < size; {
		piece := buf[:min(int64(len(buf)), size-off)]
		if n, err := st.file.f.ReadAt(piece, off); n < len(piece) {
			return nil, readError(st.file.path, off, err)
		}
		f, page, err := format.DecodeStoreFrame(piece)
		if err != nil {
			next := off + st.stride()
			if i, _ := slices.BinarySearch(known, off+1); i < len(known) {
				next = min(next, known[i])
			}
			off = next
			continue
		}
		end := off + format.StoreFrameHeaderSize + int64(len(page))
		if _, twice := found[f.Hash]; !twice {
			found[f.Hash] = span{off, end}
		}
		st.file.end = max(st.file.end, end)
		off = end
	}
	return found, nil
}

// rescan looks for every image in the whole of store.bin. Counts stay, also of
// images that are not found.
func (st *Store) rescan() error {
	size, err := st.size()
	if err != nil {
		return err
	}
	found, err := st.find(0, size)
	if err != nil {
		return err
	}
	// Nothing is cut off here: where files contradict each other, more of a
	// damaged frame may be wanted than this finds. New frames begin behind it,
	// at a place where another rescan looks.
	if rest := size % st.stride(); rest != 0 {
		size += st.stride() - rest
	}
	st.file.end = max(st.file.end, size)
	st.changed = true
	for h, at := range found {
		if im, known := st.images[h]; known && im.off == at.off || st.readOnly {
			continue
		}
		// No sync that is known to have succeeded covers this frame.
		st.unsynced = true
		if err := st.file.rewrite(at.off, at.end); err != nil {
			return err
		}
	}
	for h, im := range st.images {
		im.off = -1
		st.images[h] = im
	}
	for h, at := range found {
		st.images[h] = image{off: at.off, refs: st.images[h].refs}
	}
	return nil
}

// sync makes the images durable, those that were found at OpenStore included.
func (st *Store) sync() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.changeable(); err != nil {
		return err
	}
	return st.note(st.syncFile())
}

func (st *Store) syncFile() error {
	if !st.unsynced {
		return nil
	}
	if err := st.file.sync(); err != nil {
		return err
	}
	if err := syncDir(st.fs, st.dir); err != nil {
		if st.made {
			// Another sync may find nothing to do, and never make this name last: the
			// next handle has to make a new one.
			_ = st.fs.Remove(st.file.path)
		}
		return err
	}
	st.unsynced, st.made = false, false
	return nil
}

// Flush makes images and counts durable: store.bin is synced, then index.bin
// replaced as a whole.
func (st *Store) Flush() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.changeable(); err != nil {
		return err
	}
	return st.flush()
}

func (st *Store) flush() error {
	if st.err != nil {
		return st.err
	}
	if !st.changed {
		// What an interrupted Flush has left takes space, and nobody reads it.
		_ = vfs.RemoveIfThere(st.fs, st.path+format.TempSuffix)
		return nil
	}
	if err := st.writeIndex(st.images); err != nil {
		return fmt.Errorf("flush SnapStore: %w", err)
	}
	return nil
}

// writeIndex makes index.bin name these images, in the order of the file.
func (st *Store) writeIndex(images map[uint64]image) error {
	if err := st.note(st.syncFile()); err != nil {
		return err
	}
	entries := make([]format.StoreEntry, 0, len(images))
	for h, im := range images {
		if im.off >= 0 {
			entries = append(entries, format.StoreEntry{Hash: h, Offset: uint64(im.off), Refs: im.refs})
		}
	}
	slices.SortFunc(entries, func(a, b format.StoreEntry) int { return cmp.Compare(a.Offset, b.Offset) })
	if err := replaceFile(st.fs, st.path, format.EncodeStoreIndex(entries)); err != nil {
		return st.note(err)
	}
	st.changed = false
	return nil
}
