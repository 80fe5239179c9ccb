package snap

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Frame is a page as of a snapshot.
type Frame struct {
	PageID uint64
	LSN    uint64
	Page   []byte // a sealed image: its header carries the LSN and a CRC
}

// Options say where the files of a snapshot stand.
type Options struct {
	FS       vfs.FS
	Root     string // of the database
	PageSize int    // bytes
	// Durable: the snapshot outlives the process. Every call syncs what it
	// changed, and the names it made, before it returns.
	Durable bool
	// Store: not nil = pages are put in the SnapStore too, and hashindex.bin
	// names them.
	Store *Store
}

// place is where a frozen page stands.
type place struct {
	lsn    uint64
	off    int64 // of the frame in freeze.bin; -1 = only in the SnapStore
	hash   uint64
	hashed bool // hashindex.bin names it
}

// Sidecar is the folder of one snapshot. It is safe for concurrent use.
type Sidecar struct {
	id       string
	lsn      uint64
	o        Options
	dir      string
	readOnly bool
	heads    []uint64

	write  sync.Mutex // one change at a time; guards all that follows up to mu
	made   bool       // the folder is there
	tried  bool       // an attempt to make the folder failed, and may have made it
	ready  bool       // this handle has opened, or made, the files that it appends to
	torn   bool       // a failed Freeze left bytes that do not count
	err    error      // first failed sync
	index  tail
	hashes tail
	named  map[uint64]struct{} // distinct hashes of hashindex.bin

	mu     sync.RWMutex // also for freeze.f; write is taken first
	closed bool
	freeze tail
	pages  map[uint64]place
	lost   map[uint64]error // frozen once, and not readable any more
}

func newSidecar(id string, lsn uint64, o Options) (*Sidecar, error) {
	if !format.ValidSnapshotID(id) {
		return nil, fmt.Errorf("%q is no snapshot id", id)
	}
	if !format.ValidPageSize(o.PageSize) {
		return nil, fmt.Errorf("%d bytes are no page size", o.PageSize)
	}
	dir := filepath.Join(snapshotsDir(o.Root), id)
	return &Sidecar{
		id: id, lsn: lsn, o: o, dir: dir,
		freeze: tail{path: filepath.Join(dir, format.FreezeName)},
		index:  tail{path: filepath.Join(dir, format.IndexName)},
		hashes: tail{path: filepath.Join(dir, format.HashIndexName)},
		named:  map[uint64]struct{}{},
		pages:  map[uint64]place{},
		lost:   map[uint64]error{},
	}, nil
}

// Create begins the snapshot id of the state at lsn. fs.ErrExist when its
// folder is there: what a dead process left is removed, not taken over.
//
// A durable snapshot gets its folder and the heads at once; all of it survives
// a crash when Create has returned, and nothing of it is used before it is named
// in the registry. Another one makes no file before its first Freeze and keeps
// the heads in memory, as the slice that it was given, which must not change.
func Create(id string, lsn uint64, heads []uint64, o Options) (*Sidecar, error) {
	s, err := newSidecar(id, lsn, o)
	if err != nil {
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	s.heads = heads
	if o.Durable {
		err = s.makeDurable()
	} else if _, e := o.FS.Stat(s.dir); e == nil {
		err = &fs.PathError{Op: "mkdir", Path: s.dir, Err: fs.ErrExist}
	} else if !absent(e) {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	return s, nil
}

func (s *Sidecar) makeDurable() error {
	if err := s.makeFolder(); err != nil {
		if s.tried {
			_ = s.o.FS.Remove(s.dir) // as below
		}
		return err
	}
	path := filepath.Join(s.dir, headsName)
	err := vfs.WriteNew(s.o.FS, path, encodeHeads(s.heads, s.lsn), true)
	if err == nil {
		err = s.syncDirs()
	}
	if err != nil {
		// Only tidies up: a folder that the registry does not name is removed
		// by the next writer.
		_ = s.o.FS.Remove(path)
		_ = s.o.FS.Remove(s.dir)
	}
	return err
}

func (s *Sidecar) makeFolder() error {
	if err := makeSnapshotsDir(s.o.FS, s.o.Root); err != nil {
		return err
	}
	err := s.o.FS.Mkdir(s.dir)
	exists := errors.Is(err, fs.ErrExist)
	if err != nil && !(exists && s.tried) {
		s.tried = !exists
		return err
	}
	s.made = true
	return nil
}

// syncDirs makes the names of this snapshot durable, from the inside out: none
// of the folders may have been synced by whoever made it.
func (s *Sidecar) syncDirs() error {
	for _, dir := range []string{s.dir, snapshotsDir(s.o.Root), s.o.Root} {
		if err := syncDir(s.o.FS, dir); err != nil {
			return err
		}
	}
	return nil
}

// ID is the id of the snapshot.
func (s *Sidecar) ID() string { return s.id }

// LSN is the highest LSN that the snapshot sees.
func (s *Sidecar) LSN() uint64 { return s.lsn }

// Heads are the heads of all buckets as of the snapshot; nil if they were never
// kept, as for a snapshot of the original. They must not be changed.
func (s *Sidecar) Heads() []uint64 { return s.heads }

// Pages is how many pages are frozen.
func (s *Sidecar) Pages() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.pages)
}

// Bytes is the length of freeze.bin.
func (s *Sidecar) Bytes() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.freeze.end
}

// Has reports whether the page is frozen and was readable when it was frozen,
// or when the snapshot was opened. It may be called during a Freeze.
func (s *Sidecar) Has(id uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.pages[id]
	return ok
}

// AllLost tells for each page that was frozen once, and cannot be read any more, why.
func (s *Sidecar) AllLost() map[uint64]error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.lost)
}

// Close releases the files and makes nothing durable.
func (s *Sidecar) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return errors.Join(s.freeze.close(), s.index.close(), s.hashes.close())
}

func (s *Sidecar) stride() int64 { return int64(format.FrameHeaderSize + s.o.PageSize) }
