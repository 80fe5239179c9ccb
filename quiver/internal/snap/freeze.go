package snap

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// freezing is what one Freeze adds; it counts when all of it is written.
type freezing struct {
	frames  []Frame
	places  []place
	index   []byte
	hashes  []byte
	counted []uint64 // a reference to each of these was taken
}

// Freeze keeps pages as of the snapshot. Pages that it has already are passed
// over. It is all or nothing: after an error none of the pages is frozen, and
// the call may be repeated, except after a *SyncError, which every further
// Freeze of this handle answers too.
//
// When a durable snapshot's Freeze has returned nil the pages survive a crash.
// At every moment before, an entry of an index names only what is whole on the
// disk.
func (s *Sidecar) Freeze(frames []Frame) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.freezeLocked(frames); err != nil {
		return fmt.Errorf("freeze pages of snapshot %s: %w", s.id, err)
	}
	return nil
}

func (s *Sidecar) freezeLocked(frames []Frame) error {
	switch {
	case s.readOnly:
		return readOnlyError(s.freeze.path)
	case s.closed:
		return fs.ErrClosed
	case s.err != nil:
		return s.err
	}
	n, err := s.unfrozen(frames)
	if err != nil || len(n.frames) == 0 {
		return err
	}
	if err = s.mend(); err == nil {
		err = s.prepare()
	}
	if err != nil {
		return s.note(err)
	}
	if err := s.append(n); err != nil {
		s.torn = true
		return s.undo(n, s.note(err))
	}
	s.publish(n)
	return nil
}

// note remembers a failed sync.
func (s *Sidecar) note(err error) error {
	if s.err == nil && isSyncError(err) {
		s.err = err
	}
	return err
}

// unfrozen picks the frames of pages that are not frozen yet, and refuses those
// that cannot be pages of this snapshot.
func (s *Sidecar) unfrozen(frames []Frame) (*freezing, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := &freezing{}
	seen := map[uint64]struct{}{}
	for _, f := range frames {
		if len(f.Page) != s.o.PageSize || !format.HasPageMagic(f.Page) ||
			format.PageID(f.Page) != f.PageID || format.PageLSN(f.Page) != f.LSN || f.LSN > s.lsn {
			return nil, fmt.Errorf("page %d with LSN %d and %d bytes is no page of the state at LSN %d",
				f.PageID, f.LSN, len(f.Page), s.lsn)
		}
		_, frozen := s.pages[f.PageID]
		_, twice := seen[f.PageID]
		if !frozen && !twice {
			seen[f.PageID] = struct{}{}
			n.frames = append(n.frames, f)
		}
	}
	return n, nil
}

// prepare makes the files at the first Freeze, with their names durable before
// anything is in them: index.bin must not survive a crash that freeze.bin does not.
func (s *Sidecar) prepare() error {
	if s.ready {
		return nil
	}
	if !s.made {
		if err := s.makeFolder(); err != nil {
			return err
		}
	}
	files := []*tail{&s.freeze, &s.index}
	if s.o.Store != nil {
		files = append(files, &s.hashes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range files {
		if s.o.Durable && t.end == 0 {
			// The sync of its name may have failed before, and another one would find
			// nothing to do: a new name.
			if err := errors.Join(t.close(), vfs.RemoveIfThere(s.o.FS, t.path)); err != nil {
				return err
			}
		}
		if err := t.open(s.o.FS, vfs.Write|vfs.Create); err != nil {
			return err
		}
	}
	if s.o.Durable {
		if err := syncDir(s.o.FS, s.dir); err != nil {
			return err
		}
	}
	s.ready = true
	return nil
}

// append writes the images, then what names them; a durable snapshot has a sync
// between the two, and one behind.
func (s *Sidecar) append(n *freezing) error {
	if err := s.share(n); err != nil {
		return err
	}
	if err := s.writeFrames(n); err != nil {
		return err
	}
	if s.o.Durable {
		if len(n.hashes) > 0 {
			if err := s.o.Store.sync(); err != nil {
				return err
			}
		}
		if err := s.freeze.sync(); err != nil {
			return err
		}
	}
	return s.writeNames(n)
}

// writeNames writes the entries of index.bin and hashindex.bin, and syncs them for a
// durable snapshot. Frames tell for themselves whose they are: the sync spares the
// next open the repair, and the original one that it does not do.
func (s *Sidecar) writeNames(n *freezing) error {
	for _, a := range []struct {
		t *tail
		b []byte
	}{{&s.index, n.index}, {&s.hashes, n.hashes}} {
		if len(a.b) == 0 {
			continue
		}
		if err := a.t.write(a.b, 0); err != nil {
			return err
		}
		if s.o.Durable {
			if err := a.t.sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// share puts the pages into the SnapStore and takes one reference to each image
// that this snapshot did not name before, because Remove gives one back for each
// distinct hash.
func (s *Sidecar) share(n *freezing) error {
	n.places = make([]place, len(n.frames))
	fresh := map[uint64]struct{}{}
	for i, f := range n.frames {
		p := &n.places[i]
		*p = place{lsn: f.LSN, off: s.freeze.end + int64(i)*s.stride()}
		if s.o.Store == nil {
			continue
		}
		p.hash = format.Hash64(f.Page)
		err := s.o.Store.Add(p.hash, f.Page)
		if errors.Is(err, ErrCollision) || isSyncError(err) {
			// freeze.bin alone keeps it: a SnapStore that has failed in another call takes
			// no more before it is opened again, which need not end the writes.
			continue
		}
		if err != nil {
			return err
		}
		_, named := s.named[p.hash]
		_, again := fresh[p.hash]
		if named || again {
			// It was added all the same, because the image may be damaged.
			if err := s.o.Store.Unref(p.hash); err != nil {
				return err
			}
		} else {
			fresh[p.hash] = struct{}{}
			n.counted = append(n.counted, p.hash)
		}
		p.hashed = true
		n.hashes = format.AppendFrozenEntry(n.hashes, format.FrozenEntry{PageID: f.PageID, Where: p.hash, LSN: f.LSN})
	}
	return nil
}

func (s *Sidecar) writeFrames(n *freezing) error {
	perPiece := max(1, pieceBytes/int(s.stride()))
	buf := make([]byte, 0, min(perPiece, len(n.frames))*int(s.stride()))
	var behind int64
	for i, f := range n.frames {
		buf = format.AppendFrame(buf, f.PageID, f.LSN, f.Page)
		n.index = format.AppendFrozenEntry(n.index,
			format.FrozenEntry{PageID: f.PageID, Where: uint64(n.places[i].off), LSN: f.LSN})
		if (i+1)%perPiece != 0 && i+1 < len(n.frames) {
			continue
		}
		if err := s.freeze.write(buf, behind); err != nil {
			return err
		}
		behind += int64(len(buf))
		buf = buf[:0]
	}
	return nil
}

func (s *Sidecar) publish(n *freezing) {
	for _, h := range n.counted {
		s.named[h] = struct{}{}
	}
	s.index.grow(int64(len(n.index)))
	s.hashes.grow(int64(len(n.hashes)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.freeze.grow(int64(len(n.frames)) * s.stride())
	for i, f := range n.frames {
		s.pages[f.PageID] = n.places[i]
		delete(s.lost, f.PageID)
	}
}

// undo gives back what a failed Freeze took: space, since the disk may be full,
// and references. It answers the error that it was called with.
func (s *Sidecar) undo(n *freezing, cause error) error {
	if s.err != nil || s.mend() != nil {
		// Entries of hashindex.bin may stay: so do the references.
		return cause
	}
	for _, h := range n.counted {
		_ = s.o.Store.Unref(h) // fails only on a closed store, whose counts are past
	}
	return cause
}

// mend cuts off what a failed Freeze has left. The indexes are cut, durably,
// before the place of the frames that they may name is used again.
func (s *Sidecar) mend() error {
	if !s.torn {
		return nil
	}
	for _, t := range []*tail{&s.index, &s.hashes} {
		cut, err := t.cut()
		if err == nil && cut && s.o.Durable {
			err = s.note(t.sync())
		}
		if err != nil {
			return err
		}
	}
	if _, err := s.freeze.cut(); err != nil {
		return err
	}
	s.torn = false
	return nil
}
