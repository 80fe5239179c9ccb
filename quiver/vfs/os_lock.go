package vfs

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

func (osFS) Lock(path string, exclusive bool) (Lock, error) {
	f, err := openLockFile(path)
	if err != nil {
		return nil, translate(err)
	}
	held, err := tryLock(f, exclusive)
	if held {
		return &osLock{f: f}, nil
	}
	if err == nil {
		content := make([]byte, maxHolder)
		// The text decides nothing, and the holder may be writing it just now.
		n, _ := f.ReadAt(content, 0)
		err = NewLockedError(path, content[:n])
	}
	f.Close()
	return nil, err
}

// openLockFile opens for writing even for a shared lock: on NFS an exclusive
// lock needs a descriptor that can write, and the holder writes its name.
func openLockFile(path string) (*os.File, error) {
	f, err := openFile(path, os.O_RDWR|os.O_CREATE)
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(translate(err), syscall.EROFS) {
		return f, err
	}
	if f, readErr := openFile(path, os.O_RDONLY); readErr == nil {
		return f, nil
	}
	return nil, err
}

type osLock struct {
	mu     sync.Mutex // keeps SetHolder away from a file that another process has locked since
	closed bool
	f      *os.File
}

func (l *osLock) SetHolder(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.f.Truncate(0); err != nil {
		return translate(err)
	}
	_, err := l.f.WriteAt([]byte(text), 0)
	return translate(err)
}

// Close unlocks before it closes: a child process that was forked and has not
// called exec yet shares the open file and would keep the lock alive.
func (l *osLock) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return pathError("close", l.f.Name(), fs.ErrClosed)
	}
	l.closed = true
	err := unlock(l.f)
	if closeErr := l.f.Close(); err == nil {
		err = closeErr
	}
	return err
}
