package snap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Compact drops the images that have no reference, and tells the length of
// store.bin before and after, in bytes, and how many images were dropped. It is
// ErrUncounted before Raise or Recount. It needs no room but for index.bin.
//
// Frames are moved within the file, from its end into the room of what is
// dropped, so that at every moment the index.bin on the disk names whole frames,
// for this program and for the original:
//
//  1. index.bin without the images that are dropped. From here on nothing on the
//     disk names their room, and no snapshot does, because their count is 0.
//  2. The last frames are copied there, and synced. index.bin names the
//     originals, which are untouched.
//  3. index.bin with the new places. The copies are durable.
//  4. store.bin is cut behind the last frame that index.bin names.
//
// A crash after 1 leaves frames without a name, one after 2 or 3 copies too;
// the next Compact takes both. After an error the SnapStore is as before, or
// without the dropped images, and goes on.
func (st *Store) Compact() (before, after int64, dropped int, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.changeable(); err != nil {
		return 0, 0, 0, err
	}
	if !st.counted {
		return 0, 0, 0, ErrUncounted
	}
	if before, err = st.size(); err == nil {
		after = before
		dropped, err = st.compact()
	}
	if err != nil {
		return before, after, dropped, fmt.Errorf("compact SnapStore: %w", st.note(err))
	}
	return before, st.file.end, dropped, nil
}

func (st *Store) compact() (dropped int, err error) {
	kept, err := st.kept()
	if err != nil {
		return 0, err
	}
	needed := maps.Clone(st.images)
	for h, im := range needed {
		if im.refs > 0 {
			continue
		}
		delete(needed, h)
		if im.off >= 0 {
			dropped++
		}
	}
	moves := moveDown(kept)
	// Also when nothing has changed: a step 3 that failed may have left another
	// index.bin than this one.
	if st.changed || dropped > 0 || len(moves) > 0 {
		if err := st.writeIndex(needed); err != nil {
			return 0, err
		}
	}
	st.images = needed
	if len(moves) > 0 {
		if err := st.move(moves); err != nil {
			return dropped, err
		}
	}
	end := int64(0)
	for _, k := range kept {
		end = max(end, k.end)
	}
	return dropped, st.cutTo(end)
}

// frame is a frame of store.bin with its name.
type frame struct {
	hash uint64
	span
}

// kept lists the frames of the images that have references, by offset, and
// refuses a file in which they are not what index.bin says.
func (st *Store) kept() ([]frame, error) {
	size, err := st.size()
	if err != nil {
		return nil, err
	}
	var kept []frame
	for h, im := range st.images {
		if im.refs > 0 && im.off >= 0 {
			kept = append(kept, frame{h, span{im.off, 0}})
		}
	}
	slices.SortFunc(kept, func(a, b frame) int { return cmp.Compare(a.off, b.off) })
	at := int64(0)
	for i := range kept {
		k := &kept[i]
		if k.end, err = st.frameEnd(k.off, size); err != nil {
			return nil, err
		}
		if k.off < at {
			return nil, &CorruptError{Path: st.file.path, Offset: k.off, Reason: "two images overlap"}
		}
		at = k.end
	}
	return kept, nil
}

// move is a frame and its new offset.
type move struct {
	from frame
	to   int64
}

// moveDown fills the gaps between frames, which are in order, with the last ones
// and gives those their new places.
func moveDown(frames []frame) []move {
	var gaps []span
	at := int64(0)
	for _, f := range frames {
		if f.off > at {
			gaps = append(gaps, span{at, f.off})
		}
		at = f.end
	}
	var moves []move
	for i := len(frames) - 1; i >= 0; i-- {
		f := &frames[i]
		length := f.end - f.off
		for len(gaps) > 0 && gaps[0].end-gaps[0].off < length {
			gaps = gaps[1:] // too small for a frame, and so for the next ones
		}
		if len(gaps) == 0 || gaps[0].off > f.off {
			break
		}
		moves = append(moves, move{from: *f, to: gaps[0].off})
		f.off = gaps[0].off
		f.end = f.off + length
		gaps[0].off = f.end
	}
	return moves
}

// move copies frames to where nothing is, and then names the copies.
func (st *Store) move(moves []move) error {
	moved := maps.Clone(st.images)
	st.unsynced = true
	for _, m := range moves {
		b := make([]byte, m.from.end-m.from.off)
		if n, err := st.file.f.ReadAt(b, m.from.off); n < len(b) {
			return readError(st.file.path, m.from.off, err)
		}
		if f, _, err := format.DecodeStoreFrame(b); err != nil || f.Hash != m.from.hash {
			return &CorruptError{Path: st.file.path, Offset: m.from.off, Reason: fmt.Sprintf("image %016x", m.from.hash), Err: err}
		}
		if err := vfs.WriteFull(st.file.f, st.file.path, b, m.to); err != nil {
			return err
		}
		moved[m.from.hash] = image{off: m.to, refs: moved[m.from.hash].refs}
	}
	if err := st.writeIndex(moved); err != nil {
		return err
	}
	st.images = moved
	return nil
}

// cutTo gives the room behind the last frame back.
func (st *Store) cutTo(end int64) error {
	if st.file.f == nil {
		return nil
	}
	st.file.end = end
	st.file.over = true
	if _, err := st.file.cut(); err != nil {
		return err
	}
	return st.file.sync()
}
