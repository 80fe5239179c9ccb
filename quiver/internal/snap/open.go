package snap

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Open opens the files of a snapshot that an earlier process kept;
// fs.ErrNotExist when it has no folder. It reads all of freeze.bin once.
//
// For writing it cuts off what a Freeze left that never returned, completes
// index.bin, and makes what it found durable if the options say so. A read-only
// Open changes nothing and shows the same pages.
//
// Damaged frames are no error: their pages are not frozen, and Read tells why.
// Damaged heads are.
func Open(id string, lsn uint64, o Options, readOnly bool) (*Sidecar, error) {
	s, err := newSidecar(id, lsn, o)
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	s.readOnly, s.made = readOnly, true
	if err := s.load(); err != nil {
		_ = s.Close() // the error that is told came first
		return nil, fmt.Errorf("open snapshot %s: %w", id, err)
	}
	return s, nil
}

func (s *Sidecar) load() error {
	info, err := s.o.FS.Stat(s.dir)
	if err != nil {
		return err
	}
	if !info.Dir {
		return fmt.Errorf("%s: %w", s.dir, syscall.ENOTDIR)
	}
	path := filepath.Join(s.dir, headsName)
	b, err := readWhole(s.o.FS, path)
	if err != nil {
		return err
	}
	if b != nil {
		if s.heads, err = decodeHeads(path, b, s.lsn); err != nil {
			return err
		}
	}
	found, err := s.loadFrames()
	if err != nil {
		return err
	}
	if err := s.loadHashes(); err != nil {
		return err
	}
	if s.readOnly {
		return nil
	}
	return s.repair(found)
}

// frames is what freeze.bin and index.bin say together.
type frames struct {
	size    int64                // of freeze.bin
	entries []format.FrozenEntry // of index.bin
	torn    bool                 // index.bin holds more than entries
	wanted  []format.FrozenEntry // what index.bin must say
	unnamed []int64              // offsets of whole frames that index.bin does not name
}

func (s *Sidecar) loadFrames() (*frames, error) {
	// The names before the frames: while somebody freezes, frames come first.
	b, err := readWhole(s.o.FS, s.index.path)
	if err != nil {
		return nil, err
	}
	if err := s.freeze.open(s.o.FS, s.openFlag()); err != nil {
		return nil, err
	}
	r := &frames{}
	if s.freeze.f != nil {
		if r.size, err = s.freeze.f.Size(); err != nil {
			return nil, err
		}
	}
	r.entries, _ = decodeEntries(b)
	r.torn = len(b) != len(r.entries)*format.FrozenEntrySize
	return r, s.scan(r)
}

// decodeEntries reads index.bin or hashindex.bin, and tells where the last entry
// ends. A crash can leave a part of an entry, and entries of zeros where the new
// length of the file got to the disk before the bytes; they name nothing.
func decodeEntries(b []byte) (entries []format.FrozenEntry, end int64) {
	all, _ := format.DecodeFrozenEntries(b) // the only error is a part of an entry
	for i, e := range all {
		if e != (format.FrozenEntry{}) {
			entries = append(entries, e)
			end = int64(i+1) * format.FrozenEntrySize
		}
	}
	return entries, end
}

func (s *Sidecar) openFlag() vfs.OpenFlag {
	if s.readOnly {
		return 0
	}
	return vfs.Write
}

// scan reads the frames. Up to the last one that index.bin names all must be
// there, and a bad one is passed over; behind it the first bad one ends the file.
func (s *Sidecar) scan(r *frames) error {
	named, acknowledged := s.byOffset(r)
	buf := make([]byte, min(pieceBytes, r.size)/s.stride()*s.stride())
	for off := int64(0); off+s.stride() <= r.size; {
		piece := buf[:min(int64(len(buf)), (r.size-off)/s.stride()*s.stride())]
		if n, err := s.freeze.f.ReadAt(piece, off); n < len(piece) {
			return readError(s.freeze.path, off, err)
		}
		for ; len(piece) > 0; piece, off = piece[s.stride():], off+s.stride() {
			f, reason, err := s.checkFrame(piece[:format.FrameHeaderSize], piece[format.FrameHeaderSize:s.stride()])
			if reason != "" && off >= acknowledged {
				return nil
			}
			s.freeze.end = off + s.stride()
			if reason != "" {
				r.wanted = append(r.wanted, named[off]...)
				s.lose(named[off], &CorruptError{Path: s.freeze.path, Offset: off, Reason: reason, Err: err})
				continue
			}
			e := format.FrozenEntry{PageID: f.PageID, Where: uint64(off), LSN: f.LSN}
			if !slices.Contains(named[off], e) {
				r.unnamed = append(r.unnamed, off)
			}
			r.wanted = append(r.wanted, e)
			s.pages[f.PageID] = place{lsn: f.LSN, off: off}
			delete(s.lost, f.PageID)
		}
	}
	return nil
}

// byOffset sorts the entries of index.bin by the frame that they name, and tells
// where the last of those ends. Entries that name no place of a frame are lost.
func (s *Sidecar) byOffset(r *frames) (named map[int64][]format.FrozenEntry, acknowledged int64) {
	named = map[int64][]format.FrozenEntry{}
	for _, e := range r.entries {
		off := int64(e.Where)
		if off < 0 || off > r.size-s.stride() || off%s.stride() != 0 {
			s.lose([]format.FrozenEntry{e}, &CorruptError{
				Path: s.freeze.path, Offset: max(off, noOffset),
				Reason: fmt.Sprintf("no frame where %s names one", format.IndexName),
			})
			continue
		}
		named[off] = append(named[off], e)
		acknowledged = max(acknowledged, off+s.stride())
	}
	return named, acknowledged
}

func (s *Sidecar) lose(entries []format.FrozenEntry, cause error) {
	for _, e := range entries {
		if _, frozen := s.pages[e.PageID]; !frozen {
			s.lost[e.PageID] = cause
		}
	}
}

// loadHashes reads hashindex.bin, and looks in the SnapStore for the pages that
// freeze.bin has not.
func (s *Sidecar) loadHashes() error {
	b, err := readWhole(s.o.FS, s.hashes.path)
	if err != nil {
		return err
	}
	entries, end := decodeEntries(b)
	s.hashes.end = end
	s.hashes.over = end < int64(len(b))
	last := map[uint64]format.FrozenEntry{}
	for _, e := range entries {
		s.named[e.Where] = struct{}{}
		last[e.PageID] = e
	}
	for _, e := range entries {
		if last[e.PageID] != e {
			continue
		}
		if err := s.addHashed(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sidecar) addHashed(e format.FrozenEntry) error {
	p, frozen := s.pages[e.PageID]
	switch {
	case frozen && p.lsn == e.LSN:
		p.hash, p.hashed = e.Where, true
		s.pages[e.PageID] = p
		return nil
	case frozen:
		return nil
	case s.o.Store == nil:
		s.loseHashed(e, &CorruptError{
			Path: s.hashes.path, Offset: noOffset,
			Reason: fmt.Sprintf("page %d stands only in the SnapStore, which is not open", e.PageID),
		})
		return nil
	}
	err := s.readStored(e.PageID, e.LSN, e.Where, make([]byte, s.o.PageSize))
	if err == nil {
		s.pages[e.PageID] = place{lsn: e.LSN, off: -1, hash: e.Where, hashed: true}
		delete(s.lost, e.PageID)
		return nil
	}
	if !isCorrupt(err) {
		return err
	}
	s.loseHashed(e, err)
	return nil
}

// loseHashed keeps what freeze.bin had to say, which is nearer to the cause.
func (s *Sidecar) loseHashed(e format.FrozenEntry, cause error) {
	if s.lost[e.PageID] == nil {
		s.lost[e.PageID] = cause
	}
}

// repair makes the files agree with what was found, frames before what names
// them. It can be interrupted and repeated.
func (s *Sidecar) repair(r *frames) error {
	if s.freeze.f != nil {
		if err := s.repairFrames(r); err != nil {
			return err
		}
	}
	if s.o.Durable {
		if err := s.syncDirs(); err != nil {
			return err
		}
	}
	if r.torn || !slices.Equal(r.entries, r.wanted) {
		var b []byte
		for _, e := range r.wanted {
			b = format.AppendFrozenEntry(b, e)
		}
		if err := replaceFile(s.o.FS, s.index.path, b); err != nil {
			return err
		}
	}
	s.index.end = int64(len(r.wanted) * format.FrozenEntrySize)
	return s.repairHashes()
}

func (s *Sidecar) repairFrames(r *frames) error {
	s.freeze.over = r.size > s.freeze.end
	if _, err := s.freeze.cut(); err != nil {
		return err
	}
	if !s.o.Durable {
		return nil
	}
	for _, off := range r.unnamed {
		if err := s.freeze.rewrite(off, off+s.stride()); err != nil {
			return err
		}
	}
	return s.freeze.sync()
}

func (s *Sidecar) repairHashes() error {
	if !s.hashes.over {
		return nil
	}
	if err := s.hashes.open(s.o.FS, vfs.Write); err != nil {
		return err
	}
	_, err := s.hashes.cut()
	if err == nil && s.o.Durable {
		err = s.hashes.sync()
	}
	return errors.Join(err, s.hashes.close())
}
