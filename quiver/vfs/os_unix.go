//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// translate makes an error match what the package promises; here the system's
// own numbers are the promised ones.
func translate(err error) error { return err }

func openFile(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag, 0o666)
	if err != nil || flag&os.O_RDWR != 0 {
		return f, err
	}
	// The system opens a directory for reading without complaint.
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = pathError("open", path, syscall.EISDIR)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func rename(oldPath, newPath string) error { return os.Rename(oldPath, newPath) }

func syncDir(path string) error {
	dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	return err
}

func tryLock(f *os.File, exclusive bool) (held bool, err error) {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err = control(f, "lock", func(fd int) error { return unix.Flock(fd, how|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func unlock(f *os.File) error {
	return control(f, "unlock", func(fd int) error { return unix.Flock(fd, unix.LOCK_UN) })
}

// maxWrite bounds, in bytes, one system call: more than 2 GiB is an error on some systems.
const maxWrite = 1 << 30

// writeAt is os.File.WriteAt, which after an error forgets the bytes that were
// written before it: a caller must be able to tell whether there were any.
func writeAt(f *os.File, p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, pathError("write", f.Name(), syscall.EINVAL)
	}
	err = control(f, "write", func(fd int) error {
		for n < len(p) {
			m, err := syscall.Pwrite(fd, p[n:min(len(p), n+maxWrite)], off+int64(n))
			if err != nil {
				return err
			}
			if m == 0 {
				return io.ErrShortWrite
			}
			n += m
		}
		return nil
	})
	return n, err
}

// control runs a system call on the descriptor of f, and again when a signal
// interrupts it. The descriptor cannot be
// closed, and its number not be given to another file, while the call runs.
func control(f *os.File, op string, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return pathError(op, f.Name(), err)
	}
	var callErr error
	err = raw.Control(func(fd uintptr) {
		for {
			if callErr = call(int(fd)); callErr != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		// The only reason not to run the call; os does not say it in terms of fs.
		callErr = fs.ErrClosed
	}
	if callErr != nil {
		return pathError(op, f.Name(), callErr)
	}
	return nil
}
