package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
)

// OS is the disk of the running system.
//
// Allocate uses fallocate(2) on Linux. Where there is none (other systems, and
// Linux file systems without it) it writes zeros behind the old end of the
// file, so that holes inside the old size stay holes. A failed Allocate that
// would have grown the file cuts it back to the size that it had when the call
// began: a WriteAt that grows the file must not run beside it.
//
// Lock uses flock(2), and LockFileEx on Windows: both belong to one open file,
// so that two Locks of one process exclude each other. The file is opened for
// writing; when permissions or the medium forbid that, an existing file is
// opened for reading and SetHolder of that lock fails. An absent file that
// cannot be created is fs.ErrPermission or syscall.EROFS.
//
// SyncDir does nothing on Windows, which has no such call; Rename writes
// through there. Sync needs a file opened with Write there, and Rename over an
// open file can fail.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) OpenFile(path string, flag OpenFlag) (File, error) {
	mode := os.O_RDONLY
	if flag&Write != 0 {
		mode = os.O_RDWR
		if flag&Truncate != 0 {
			mode |= os.O_TRUNC
		}
	}
	if flag&Create != 0 {
		mode |= os.O_CREATE
		if flag&Exclusive != 0 {
			mode |= os.O_EXCL
		}
	}
	f, err := openFile(path, mode)
	if err != nil {
		return nil, translate(err)
	}
	return &osFile{f}, nil
}

func (osFS) Mkdir(path string) error { return translate(os.Mkdir(path, 0o777)) }

func (osFS) Remove(path string) error { return translate(os.Remove(path)) }

func (osFS) Rename(oldPath, newPath string) error {
	err := rename(oldPath, newPath)
	if err == nil {
		return nil
	}
	if link := (*os.LinkError)(nil); errors.As(err, &link) {
		err = link.Err
	}
	return translate(pathError("rename", oldPath, fmt.Errorf("to %s: %w", newPath, err)))
}

func (osFS) ReadDir(path string) ([]Info, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, translate(err)
	}
	infos := make([]Info, 0, len(entries))
	for _, entry := range entries {
		info, err := entry.Info()
		link := err == nil && info.Mode()&fs.ModeSymlink != 0
		if link {
			// A file may have been moved to another disk behind a link: its
			// size is that of the target, as in Stat.
			info, err = os.Stat(filepath.Join(path, entry.Name()))
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since the listing, or a link to nothing
		}
		if err != nil {
			return nil, translate(err)
		}
		in := infoOf(entry.Name(), info)
		in.Link = link
		infos = append(infos, in)
	}
	return infos, nil
}

func (osFS) Stat(path string) (Info, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Info{}, translate(err)
	}
	return infoOf(info.Name(), info), nil
}

func (osFS) SyncDir(path string) error { return translate(syncDir(path)) }

func infoOf(name string, info fs.FileInfo) Info {
	if info.IsDir() {
		return Info{Name: name, Dir: true}
	}
	return Info{Name: name, Size: info.Size()}
}

// osFile passes on to os.File, which repeats interrupted calls.
type osFile struct{ f *os.File }

func (o *osFile) ReadAt(p []byte, off int64) (int, error) { return o.f.ReadAt(p, off) }

func (o *osFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := writeAt(o.f, p, off)
	return n, translate(err)
}

func (o *osFile) Truncate(size int64) error { return translate(o.f.Truncate(size)) }

func (o *osFile) Size() (int64, error) {
	info, err := o.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (o *osFile) Allocate(off, length int64) error {
	size, err := o.Size()
	if err != nil {
		return err
	}
	if off < 0 || length < 0 || off > math.MaxInt64-length {
		return pathError("allocate", o.f.Name(), syscall.EINVAL)
	}
	if length == 0 {
		return nil
	}
	err = allocate(o.f, size, off, length)
	if err == nil {
		return nil
	}
	err = translate(err)
	// What was reserved before the space ran out is given back. The cut is made
	// even if the size still is the old one: blocks may stand behind the end.
	if off+length > size {
		cut := o.f.Truncate(size)
		if now, sizeErr := o.Size(); cut != nil && (sizeErr != nil || now != size) {
			err = fmt.Errorf("%w (and the old size was not restored: %w)", err, cut)
		}
	}
	return err
}

func (o *osFile) Sync() error { return translate(o.f.Sync()) }

func (o *osFile) SyncData() error { return translate(syncData(o.f)) }

func (o *osFile) Close() error { return translate(o.f.Close()) }
