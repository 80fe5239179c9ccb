package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
)

// MkdirAll makes a directory and the parents that are missing, and syncs the
// parent of each one that it made, so that made directories survive a crash.
// made lists them, outermost first. When it fails it has removed what it made:
// after a failed sync only names that are made anew are sure to last. A directory
// that was there before is not made durable.
func MkdirAll(fsys FS, path string) (made []string, err error) {
	missing, err := missingDirs(fsys, filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	for _, dir := range slices.Backward(missing) {
		err := fsys.Mkdir(dir)
		if err == nil {
			made = append(made, dir)
			err = fsys.SyncDir(filepath.Dir(dir))
		} else if info, e := fsys.Stat(dir); errors.Is(err, fs.ErrExist) && e == nil && info.Dir {
			continue // somebody else has made it meanwhile
		}
		if err != nil {
			RemoveDirs(fsys, made)
			return nil, err
		}
	}
	return made, nil
}

// RemoveDirs removes directories that MkdirAll has made, as far as nothing is in
// them.
func RemoveDirs(fsys FS, made []string) {
	for _, dir := range slices.Backward(made) {
		_ = fsys.Remove(dir)
	}
}

// missingDirs lists path and its parents up to the first that is there,
// innermost first.
func missingDirs(fsys FS, path string) ([]string, error) {
	var missing []string
	for {
		info, err := fsys.Stat(path)
		switch {
		case err == nil && info.Dir:
			return missing, nil
		case err == nil:
			return nil, pathError("mkdir", path, syscall.ENOTDIR)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
		missing = append(missing, path)
		parent := filepath.Dir(path)
		if parent == path {
			return nil, err
		}
		path = parent
	}
}

// ReplaceFile makes data the whole content of path, durably and atomically:
// after a crash path has the old or the new content, and the new one once
// ReplaceFile has returned nil. It writes path+".tmp", syncs it, renames it and
// syncs the directory. What an earlier attempt left of path+".tmp" is removed:
// its pages may pass for clean after a sync that failed.
//
// After an error path has the old or the new content, the old one if the
// rename was not reached; path+".tmp" is removed if that can be done.
func ReplaceFile(fsys FS, path string, data []byte) error {
	tmp := path + ".tmp"
	if err := RemoveIfThere(fsys, tmp); err != nil {
		return err
	}
	err := WriteNew(fsys, tmp, data, true)
	if err == nil {
		err = fsys.Rename(tmp, path)
	}
	if err != nil {
		// Only tidies up: the first error is the one to tell.
		_ = fsys.Remove(tmp)
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// WriteNew makes a file with this content, and syncs it if durable says so. The
// name must be free, and is not synced. After an error there may be part of it.
func WriteNew(fsys FS, path string, data []byte, durable bool) error {
	f, err := fsys.OpenFile(path, Write|Create|Exclusive)
	if err != nil {
		return err
	}
	err = WriteFull(f, path, data, 0)
	if err == nil && durable {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// RemoveIfThere removes a file, and does without one.
func RemoveIfThere(fsys FS, path string) error {
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ReadFile reads a whole file. A file longer than limit bytes is
// syscall.EFBIG, and nothing is allocated for it; one that ends before the size
// that it has told is io.ErrUnexpectedEOF.
func ReadFile(fsys FS, path string, limit int64) ([]byte, error) {
	f, err := fsys.OpenFile(path, 0)
	if err != nil {
		return nil, err
	}
	data, err := readAll(f, path, limit)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

func readAll(f File, path string, limit int64) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, pathError("read", path,
			fmt.Errorf("%d bytes, at most %d expected: %w", size, limit, syscall.EFBIG))
	}
	data := make([]byte, size)
	err = ReadFull(f, data, 0)
	if err == io.ErrUnexpectedEOF {
		err = pathError("read", path, err)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// WriteFull writes all of p at off. Fewer bytes without an error, which
// io.WriterAt forbids and some disks do, are io.ErrShortWrite in an
// *fs.PathError with the path.
func WriteFull(w io.WriterAt, path string, p []byte, off int64) error {
	n, err := w.WriteAt(p, off)
	if err == nil && n != len(p) {
		err = pathError("write", path, io.ErrShortWrite)
	}
	return err
}

// ReadFull fills p from off. Fewer bytes, with io.EOF or without an error, are
// io.ErrUnexpectedEOF: it is for places of which the caller knows that they are
// there.
func ReadFull(r io.ReaderAt, p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
