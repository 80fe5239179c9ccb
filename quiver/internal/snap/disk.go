package snap

import (
	"errors"
	"io"
	"path/filepath"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

const (
	// pieceBytes is about the most that one read or write of many frames covers.
	pieceBytes = 1 << 20
	// maxSmallFile bounds the files that are read as a whole.
	maxSmallFile = 4 << 30
)

// tail is a file that grows at its end. What stands behind end does not count.
type tail struct {
	path string
	f    vfs.File // nil before the file is opened or made
	end  int64
	over bool // there may be bytes behind end
}

// open opens the file, and makes it when create says so. A file that is not
// there stays nil.
func (t *tail) open(fsys vfs.FS, flag vfs.OpenFlag) error {
	if t.f != nil {
		return nil
	}
	f, err := fsys.OpenFile(t.path, flag)
	if absent(err) && flag&vfs.Create == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	t.f = f
	return nil
}

// write puts p behind the end; it counts after grow.
func (t *tail) write(p []byte, behind int64) error {
	t.over = true
	return vfs.WriteFull(t.f, t.path, p, t.end+behind)
}

func (t *tail) grow(n int64) {
	t.end += n
	t.over = false
}

// cut takes off what does not count, and says whether there could be any.
func (t *tail) cut() (bool, error) {
	if !t.over || t.f == nil {
		return false, nil
	}
	if err := t.f.Truncate(t.end); err != nil {
		return true, err
	}
	t.over = false
	return true, nil
}

func (t *tail) sync() error {
	if err := t.f.SyncData(); err != nil {
		return &SyncError{Path: t.path, Err: err}
	}
	return nil
}

func (t *tail) close() error {
	if t.f == nil {
		return nil
	}
	f := t.f
	t.f = nil
	return f.Close()
}

// rewrite writes the bytes [from, to) over themselves, so that the next sync
// covers them: what a read shows may be only in the page cache, left clean there
// by a sync that failed in another process.
func (t *tail) rewrite(from, to int64) error {
	buf := make([]byte, min(pieceBytes, max(to-from, 0)))
	for off := from; off < to; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), to-off)]
		if n, err := t.f.ReadAt(buf, off); n < len(buf) {
			return readError(t.path, off, err)
		}
		if err := vfs.WriteFull(t.f, t.path, buf, off); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fsys vfs.FS, path string) error {
	if err := fsys.SyncDir(path); err != nil {
		return &SyncError{Path: path, Err: err}
	}
	return nil
}

// replaceFile makes data the whole content of path: the name is bound to the
// old or to the new content at every moment, to the new one durably when the
// error is nil. Only the sync of the folder can be a SyncError: a file whose own
// sync failed is thrown away, and its inode never used again.
func replaceFile(fsys vfs.FS, path string, data []byte) error {
	tmp := path + format.TempSuffix
	if err := vfs.RemoveIfThere(fsys, tmp); err != nil {
		return err
	}
	err := vfs.WriteNew(fsys, tmp, data, true)
	if err == nil {
		err = fsys.Rename(tmp, path)
	}
	if err != nil {
		// The tmp is not needed, and is removed again before its next use.
		_ = fsys.Remove(tmp)
		return err
	}
	return syncDir(fsys, filepath.Dir(path))
}

// readWhole reads a file; one that is not there is nil.
func readWhole(fsys vfs.FS, path string) ([]byte, error) {
	b, err := vfs.ReadFile(fsys, path, maxSmallFile)
	switch {
	case absent(err):
		return nil, nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EFBIG):
		return nil, &CorruptError{Path: path, Offset: noOffset, Err: err}
	}
	return b, err
}
