package snap

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"sync"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// lockName is a file of ours in the folder of a SnapStore.
const lockName = "quiver-lock"

// image is where the SnapStore has an image, and who needs it.
type image struct {
	off  int64 // of the frame in store.bin; -1 = it is named but not there
	refs uint32
}

// Store is a SnapStore: page images under their hash, each stored once. It is
// safe for concurrent use; Compact and Recount hold all other calls up.
type Store struct {
	fs       vfs.FS
	dir      string
	path     string // of index.bin
	pageSize int
	readOnly bool
	lock     vfs.Lock // nil when reading only

	mu       sync.RWMutex
	file     tail // store.bin
	images   map[uint64]image
	indexed  bool // index.bin was there at OpenStore
	changed  bool // index.bin lags behind
	unsynced bool // store.bin has bytes, or a name, that no sync has covered
	made     bool // store.bin is of this handle, and no snapshot names an image in it yet
	counted  bool
	raised   int // counts that Raise has lifted
	closed   bool
	err      error // first failed sync
	damage   error
}

// OpenStore opens the SnapStore in a folder, for writing with its lock: a folder
// serves one open database at a time. A second one, in this or in another
// process, is refused with an error that is vfs.ErrLocked; two databases that
// share a folder in turn must both be counted (Raise), or Compact of one drops
// what a crash of the other left uncounted. A folder that is not there is made.
//
// A reader takes no lock and writes nothing; no folder is an empty SnapStore. The
// lock of the database keeps the writer of the same database away.
//
// If index.bin and store.bin contradict each other, store.bin is read from end
// to end, and Damage tells why.
func OpenStore(fsys vfs.FS, dir string, pageSize int, readOnly bool) (*Store, error) {
	if !format.ValidPageSize(pageSize) {
		return nil, fmt.Errorf("open SnapStore: %d bytes are no page size", pageSize)
	}
	st := &Store{
		fs: fsys, dir: dir, pageSize: pageSize, readOnly: readOnly,
		path:   filepath.Join(dir, format.IndexName),
		file:   tail{path: filepath.Join(dir, format.StoreName)},
		images: map[uint64]image{},
	}
	if err := st.open(); err != nil {
		_ = st.release() // the error that is told came first
		return nil, fmt.Errorf("open SnapStore: %w", err)
	}
	return st, nil
}

func (st *Store) open() error {
	flag := vfs.OpenFlag(0)
	if !st.readOnly {
		flag = vfs.Write
		if _, err := vfs.MkdirAll(st.fs, st.dir); err != nil {
			return err
		}
		lock, err := st.fs.Lock(filepath.Join(st.dir, lockName), true)
		if err != nil {
			return fmt.Errorf("%s serves one open database at a time: %w", st.dir, err)
		}
		st.lock = lock
	}
	if err := st.file.open(st.fs, flag); err != nil {
		return err
	}
	return st.load()
}

func (st *Store) release() error {
	err := st.file.close()
	if st.lock != nil {
		err = errors.Join(err, st.lock.Close())
		st.lock = nil
	}
	return err
}

// Close writes index.bin if it lags behind and releases files and lock. After a
// failed sync it writes nothing and answers that error.
func (st *Store) Close() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return fs.ErrClosed
	}
	var err error
	if !st.readOnly {
		err = st.flush()
	}
	st.closed = true
	return errors.Join(err, st.release())
}

// Damage is what OpenStore had to pass over, nil if nothing.
func (st *Store) Damage() error { return st.damage }

// Images is how many images there are, those without a reference included.
func (st *Store) Images() int {
	st.mu.RLock()
	defer st.mu.RUnlock()
	n := 0
	for _, im := range st.images {
		if im.off >= 0 {
			n++
		}
	}
	return n
}

// Bytes is the length of store.bin.
func (st *Store) Bytes() int64 {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.file.end
}

// Count is how many references an image has.
func (st *Store) Count(hash uint64) uint32 {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.images[hash].refs
}

// changeable says why a call may not change anything, nil if it may.
func (st *Store) changeable() error {
	switch {
	case st.closed:
		return fmt.Errorf("SnapStore: %w", fs.ErrClosed)
	case st.readOnly:
		return readOnlyError(st.path)
	}
	return st.err
}

func (st *Store) note(err error) error {
	if st.err == nil && isSyncError(err) {
		st.err = err
	}
	return err
}

// Add takes one reference to a page image, and stores it when it is not there.
// Hash is format.Hash64(page). Neither survives a crash before Flush; a Freeze
// of a durable snapshot syncs the image, and Raise finds its reference.
//
// An image that has the hash of another one is ErrCollision, and the first one
// stays. One whose frame turns out damaged is stored again.
func (st *Store) Add(hash uint64, page []byte) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.changeable(); err != nil {
		return err
	}
	if len(page) != st.pageSize || format.Hash64(page) != hash {
		return fmt.Errorf("add to SnapStore: %d bytes that do not have the hash %016x", len(page), hash)
	}
	im, known := st.images[hash]
	if known && im.off >= 0 {
		old, err := st.read(im.off, hash)
		switch {
		case err == nil && bytes.Equal(old, page):
			st.count(hash, im.off, im.refs, 1)
			return nil
		case err == nil:
			return fmt.Errorf("add to SnapStore: image %016x at offset %d: %w", hash, im.off, ErrCollision)
		case !isCorrupt(err):
			return fmt.Errorf("add to SnapStore: %w", err)
		}
	}
	off, err := st.store(hash, page)
	if err != nil {
		return fmt.Errorf("add to SnapStore: %w", err)
	}
	st.count(hash, off, im.refs, 1)
	return nil
}

// store appends a frame. What a failed write left behind the end is overwritten
// by the next one, or cut off here, since the disk may be full.
func (st *Store) store(hash uint64, page []byte) (int64, error) {
	st.made = st.made || st.file.f == nil
	if err := st.file.open(st.fs, vfs.Write|vfs.Create); err != nil {
		return 0, err
	}
	st.unsynced = true
	frame := format.AppendStoreFrame(make([]byte, 0, format.StoreFrameHeaderSize+len(page)), hash, page)
	off := st.file.end
	if err := st.file.write(frame, 0); err != nil {
		_, _ = st.file.cut() // the error that is told came first
		return 0, err
	}
	st.file.grow(int64(len(frame)))
	return off, nil
}

// count sets the references. A count at the top stays there: too many keep an
// image for ever, too few would lose it.
func (st *Store) count(hash uint64, off int64, refs uint32, delta int64) {
	switch sum := int64(refs) + delta; {
	case refs == math.MaxUint32:
	case sum > 0:
		refs = uint32(min(sum, math.MaxUint32))
	default:
		refs = 0
	}
	st.images[hash] = image{off: off, refs: refs}
	st.changed = true
}

// Ref takes one more reference to an image that is there.
func (st *Store) Ref(hash uint64) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.changeable(); err != nil {
		return err
	}
	im, known := st.images[hash]
	if !known || im.off < 0 {
		return st.missing(hash)
	}
	st.count(hash, im.off, im.refs, 1)
	return nil
}

// Unref gives one reference back. The image stays until Compact, and one that
// has no references, or is not there, is no error: a crash may have counted it
// already.
func (st *Store) Unref(hash uint64) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.changeable(); err != nil {
		return err
	}
	if im, known := st.images[hash]; known && im.refs > 0 {
		st.count(hash, im.off, im.refs, -1)
	}
	return nil
}

func (st *Store) missing(hash uint64) error {
	return &CorruptError{Path: st.file.path, Offset: noOffset, Reason: fmt.Sprintf("there is no image %016x", hash)}
}

// Read reads an image into buf, which is one page long. An image that is not
// there, or is damaged, is a *CorruptError.
func (st *Store) Read(hash uint64, buf []byte) error {
	st.mu.RLock()
	defer st.mu.RUnlock()
	if st.closed {
		return fmt.Errorf("read SnapStore: %w", fs.ErrClosed)
	}
	im, known := st.images[hash]
	if !known || im.off < 0 {
		return st.missing(hash)
	}
	page, err := st.read(im.off, hash)
	if err != nil {
		return err
	}
	if len(buf) != len(page) {
		return fmt.Errorf("read SnapStore: buffer of %d bytes", len(buf))
	}
	copy(buf, page)
	return nil
}

// read reads the image of a frame that must be there, and of our page size.
func (st *Store) read(off int64, hash uint64) ([]byte, error) {
	b := make([]byte, st.stride())
	if n, err := st.file.f.ReadAt(b, off); n < len(b) {
		return nil, readError(st.file.path, off, err)
	}
	f, page, err := format.DecodeStoreFrame(b)
	if err != nil {
		return nil, &CorruptError{Path: st.file.path, Offset: off, Err: err}
	}
	if f.Hash != hash || len(page) != st.pageSize {
		return nil, &CorruptError{
			Path: st.file.path, Offset: off,
			Reason: fmt.Sprintf("image %016x of %d bytes where %016x should stand", f.Hash, len(page), hash),
		}
	}
	return page, nil
}

func (st *Store) stride() int64 { return int64(format.StoreFrameHeaderSize + st.pageSize) }
