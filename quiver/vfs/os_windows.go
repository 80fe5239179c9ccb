package vfs

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// translate makes an error match what the package promises where Windows has
// numbers of its own.
func translate(err error) error {
	switch {
	case errors.Is(err, windows.ERROR_DISK_FULL), errors.Is(err, windows.ERROR_HANDLE_DISK_FULL):
		return fmt.Errorf("%w: %w", err, syscall.ENOSPC)
	case errors.Is(err, windows.ERROR_WRITE_PROTECT):
		return fmt.Errorf("%w: %w", err, syscall.EROFS)
	}
	return err
}

// openFile is os.OpenFile with FILE_SHARE_DELETE, without which an open file
// could be neither renamed nor removed.
func openFile(path string, flag int) (*os.File, error) {
	handle, err := createFile(path, flag)
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() && flag&os.O_EXCL == 0 {
			err = syscall.EISDIR
		}
		return nil, pathError("open", path, err)
	}
	f := os.NewFile(uintptr(handle), path)
	if flag&os.O_TRUNC != 0 {
		if err := f.Truncate(0); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

func createFile(path string, flag int) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return windows.InvalidHandle, err
	}
	access := uint32(windows.GENERIC_READ)
	if flag&os.O_RDWR != 0 {
		access |= windows.GENERIC_WRITE
	}
	disposition := uint32(windows.OPEN_EXISTING)
	switch {
	case flag&os.O_EXCL != 0:
		disposition = windows.CREATE_NEW
	case flag&os.O_CREATE != 0:
		disposition = windows.OPEN_ALWAYS
	}
	share := uint32(windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE)
	return windows.CreateFile(name, access, share, nil, disposition, windows.FILE_ATTRIBUTE_NORMAL, 0)
}

func writeAt(f *os.File, p []byte, off int64) (int, error) { return f.WriteAt(p, off) }

// rename writes through, because no call makes the names of a directory
// durable afterwards.
func rename(oldPath, newPath string) error {
	from, err := windows.UTF16PtrFromString(oldPath)
	if err != nil {
		return err
	}
	to, err := windows.UTF16PtrFromString(newPath)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(from, to, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

// syncDir only tells whether the directory is there: Windows keeps names in a
// journal of its own and has no call that waits for it.
func syncDir(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = pathError("sync", path, syscall.ENOTDIR)
	}
	return err
}

// lockOffsetHigh puts the locked byte far behind the text of the lock file:
// locks are mandatory here, and others want to read who holds it.
const lockOffsetHigh = 0x40000000

func tryLock(f *os.File, exclusive bool) (held bool, err error) {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	at := &windows.Overlapped{OffsetHigh: lockOffsetHigh}
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, pathError("lock", f.Name(), err)
}

func unlock(f *os.File) error {
	at := &windows.Overlapped{OffsetHigh: lockOffsetHigh}
	if err := windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, at); err != nil {
		return pathError("unlock", f.Name(), err)
	}
	return nil
}
