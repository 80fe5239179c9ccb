package vfs

import (
	"io/fs"
	"sync/atomic"
	"syscall"
)

type memFile struct {
	fs       *memFS
	node     *memNode
	data     *memData
	path     string
	writable bool
	closed   atomic.Bool
}

// check refuses a call on a closed handle, and a changing one, with the error
// number of the system call, on a handle for reading.
func (f *memFile) check(op string, changes bool, refusal error) error {
	switch {
	case f.closed.Load():
		return pathError(op, f.path, fs.ErrClosed)
	case changes && !f.writable:
		return pathError(op, f.path, refusal)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check("read", false, nil); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("read", f.path, syscall.EINVAL)
	}
	return f.data.readAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.check("write", true, syscall.EBADF); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("write", f.path, syscall.EINVAL)
	}
	n, err := f.data.writeAt(p, off)
	if err != nil {
		err = pathError("write", f.path, err)
	}
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	if err := f.check("truncate", true, syscall.EINVAL); err != nil {
		return err
	}
	if size < 0 {
		return pathError("truncate", f.path, syscall.EINVAL)
	}
	f.data.truncate(size)
	return nil
}

func (f *memFile) Allocate(off, length int64) error {
	if err := f.check("allocate", true, syscall.EBADF); err != nil {
		return err
	}
	if err := f.data.allocate(off, length); err != nil {
		return pathError("allocate", f.path, err)
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	if err := f.check("stat", false, nil); err != nil {
		return 0, err
	}
	return f.data.currentSize(), nil
}

func (f *memFile) Sync() error { return f.check("sync", false, nil) }

func (f *memFile) SyncData() error { return f.check("sync", false, nil) }

func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return pathError("close", f.path, fs.ErrClosed)
	}
	f.fs.closeHandle(f.node)
	return nil
}
