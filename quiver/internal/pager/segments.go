package pager

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"sync"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// maxGap is how far the number of a segment may be above the number of files: a
// page limit, and what is counted up to it, is never taken from a name alone.
const maxGap = 4096

// segment is one data file. named is owned by allocate; size, longer and unsynced are guarded by segments.mu.
type segment struct {
	file     vfs.File
	size     int64 // really there: allocated or found
	longer   bool  // or more, which a failed call has left
	named    bool  // its directory entry is durable
	unsynced bool
}

// segments maps page ids to places in the data files. It does not know what
// pages mean or when they may be written.
type segments struct {
	fs       vfs.FS
	dir      string
	pageSize int
	perSeg   uint64 // pages a segment
	write    bool

	mu     sync.Mutex
	segs   map[int]*segment
	top    int // highest segment number there is
	closed bool

	// syncMu makes a sync wait for one that is going on, which may cover its
	// writes; failed is the first failure: no sync is ever tried again (R9).
	syncMu sync.Mutex
	failed error
}

// openSegments finds the files and their sizes; files are opened at first use.
func openSegments(fsys vfs.FS, dir string, pageSize int, write bool) (*segments, error) {
	s := &segments{fs: fsys, dir: dir, pageSize: pageSize, write: write,
		perSeg: format.PagesPerSegment(pageSize), segs: make(map[int]*segment)}
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, in := range infos {
		number, ok := format.ParseSegmentName(in.Name)
		if !ok || in.Dir {
			continue
		}
		n := int(min(number, math.MaxInt32))
		if in.Size > format.SegmentBytes {
			return nil, &CorruptionError{Path: filepath.Join(dir, in.Name), Page: format.NoPage, Offset: format.SegmentBytes,
				Reason: fmt.Sprintf("%d bytes, a segment has at most %d", in.Size, format.SegmentBytes)}
		}
		s.segs[n] = &segment{size: in.Size, named: true}
		s.top = max(s.top, n)
	}
	if s.top > len(s.segs)+maxGap {
		return nil, &CorruptionError{Path: s.path(s.top), Page: format.NoPage, Offset: NoOffset,
			Reason: fmt.Sprintf("there are only %d segments", len(s.segs))}
	}
	return s, nil
}

func (s *segments) path(n int) string { return filepath.Join(s.dir, format.SegmentName(uint64(n))) }

// place is the segment and the offset of a page.
func (s *segments) place(id uint64) (n int, off int64) {
	return int(id/s.perSeg) + 1, int64(id%s.perSeg) * int64(s.pageSize)
}

// pages is the number of page ids that have a place, whole or in part, in the
// files that are there.
func (s *segments) pages() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := s.top; n > 0; n-- {
		if g := s.segs[n]; g != nil && g.size > 0 {
			return uint64(n-1)*s.perSeg + uint64((g.size+int64(s.pageSize)-1)/int64(s.pageSize))
		}
	}
	return 0
}

// total is the number of files and their size.
func (s *segments) total() (n int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segs {
		bytes += g.size
	}
	return len(s.segs), bytes
}

// open returns the file of a segment, with its size. create makes a missing one.
func (s *segments) open(n int, create bool) (*segment, vfs.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, ErrClosed
	}
	g := s.segs[n]
	if g == nil && !create {
		return nil, nil, &CorruptionError{Path: s.path(n), Page: format.NoPage, Offset: NoOffset, Reason: "missing", Err: fs.ErrNotExist}
	}
	if g != nil && g.file != nil {
		return g, g.file, nil
	}
	var flag vfs.OpenFlag
	if s.write {
		flag = vfs.Write
	}
	if create {
		flag |= vfs.Create
	}
	f, err := s.fs.OpenFile(s.path(n), flag)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, &CorruptionError{Path: s.path(n), Page: format.NoPage, Offset: NoOffset, Reason: "missing", Err: err}
		}
		return nil, nil, err
	}
	if g == nil {
		g = &segment{}
		s.segs[n] = g
		s.top = max(s.top, n)
	}
	g.file = f
	return g, g.file, nil
}

// read reads a page as it stands, unchecked. A page behind the end of its file
// is corruption.
func (s *segments) read(id uint64, buf []byte) error {
	n, off := s.place(id)
	_, file, err := s.open(n, false)
	if err != nil {
		var ce *CorruptionError
		if errors.As(err, &ce) {
			ce.Page = id
		}
		return err
	}
	err = vfs.ReadFull(file, buf, off)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &CorruptionError{Path: s.path(n), Page: id, Offset: off, Reason: "file ends inside the page"}
	}
	if err != nil {
		return fmt.Errorf("read page %d: %w", id, err)
	}
	return nil
}

// writeRun writes whole consecutive pages that lie in one segment.
func (s *segments) writeRun(id uint64, data []byte) error {
	n, off := s.place(id)
	g, file, err := s.open(n, true)
	if err != nil {
		return err
	}
	err = vfs.WriteFull(file, s.path(n), data, off)
	s.mu.Lock()
	g.unsynced = true
	if err == nil {
		g.size = max(g.size, off+int64(len(data)))
	}
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("write page %d: %w", id, err)
	}
	return nil
}

// sync syncs the segments written since their last sync.
func (s *segments) sync() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	s.mu.Lock()
	var numbers []int
	for n, g := range s.segs {
		if g.unsynced {
			numbers = append(numbers, n)
		}
	}
	s.mu.Unlock()
	slices.Sort(numbers)
	for _, n := range numbers {
		g, file, err := s.open(n, false)
		if err != nil {
			return err
		}
		// Cleared first: a write that returns during the sync sets it again.
		s.mu.Lock()
		g.unsynced = false
		s.mu.Unlock()
		if err := file.SyncData(); err != nil {
			s.failed = &syncError{err}
			return s.failed
		}
	}
	return nil
}

// allocate makes sure that the pages [from, to) have real space in synced
// files whose names are durable.
func (s *segments) allocate(from, to uint64) error {
	for id := from; id < to; {
		n, off := s.place(id)
		end := min(to, uint64(n)*s.perSeg)
		g, file, err := s.open(n, true)
		if err != nil {
			return err
		}
		length := int64(end-id) * int64(s.pageSize)
		if err := file.Allocate(off, length); err != nil {
			s.mu.Lock()
			g.longer = true
			s.mu.Unlock()
			return fmt.Errorf("allocate pages %d to %d: %w", id, end, err)
		}
		s.mu.Lock()
		g.size = max(g.size, off+length)
		s.mu.Unlock()
		if err := s.syncOne(file); err != nil {
			return err
		}
		if !g.named {
			if err := s.fs.SyncDir(s.dir); err != nil {
				return &syncError{err}
			}
			g.named = true
		}
		id = end
	}
	return nil
}

// truncate gives back the space of the pages from end on.
func (s *segments) truncate(end uint64) error {
	s.mu.Lock()
	top := s.top
	s.mu.Unlock()
	for n := top; n > 0; n-- {
		base := uint64(n-1) * s.perSeg
		want := int64(0)
		if end > base {
			want = int64(min(end-base, s.perSeg)) * int64(s.pageSize)
		}
		s.mu.Lock()
		g := s.segs[n]
		enough := g == nil || g.size <= want && !g.longer
		if !enough {
			want = min(want, g.size)
		}
		s.mu.Unlock()
		if enough {
			continue
		}
		g, file, err := s.open(n, false)
		if err != nil {
			return err
		}
		if err := file.Truncate(want); err != nil {
			return err
		}
		s.mu.Lock()
		g.size, g.longer = want, false
		s.mu.Unlock()
		if err := s.syncOne(file); err != nil {
			return err
		}
	}
	return nil
}

// settle makes durable what seems to stand in the files of an earlier session:
// sizes too may be in the page cache only, after a failed sync. A sync alone
// writes nothing then, so each size is set anew first.
func (s *segments) settle() error {
	s.mu.Lock()
	numbers := slices.Sorted(maps.Keys(s.segs))
	s.mu.Unlock()
	for _, n := range numbers {
		g, file, err := s.open(n, false)
		if err != nil {
			return err
		}
		if err := file.Truncate(g.size); err != nil {
			return err
		}
		if err := s.syncOne(file); err != nil {
			return err
		}
	}
	return nil
}

// syncOne syncs size and data of a file. A failure may have taken away the one
// notice of lost pages that the system gives, so it counts for all syncs.
func (s *segments) syncOne(file vfs.File) error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	if s.failed == nil {
		if err := file.Sync(); err != nil {
			s.failed = &syncError{err}
		}
	}
	return s.failed
}

func (s *segments) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first error
	s.closed = true
	// In order: a run that is made again makes the same calls.
	for _, n := range slices.Sorted(maps.Keys(s.segs)) {
		if g := s.segs[n]; g.file != nil {
			if err := g.file.Close(); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}
