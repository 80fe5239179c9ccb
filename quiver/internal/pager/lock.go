package pager

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

const lockPoll = 20 * time.Millisecond

// acquire takes the lock of a folder, waiting for it LockWait at most. A reader
// on a medium that has no lock file and lets none be made goes without: nobody
// can write there.
func acquire(path string, o *Options) (vfs.Lock, error) {
	deadline := o.Clock.Now().Add(o.LockWait)
	for {
		l, err := o.FS.Lock(path, !o.ReadOnly)
		if err == nil {
			if !o.ReadOnly {
				// For the error message of others; it decides nothing.
				if err := l.SetHolder(vfs.HolderText(o.Clock.Now())); err != nil {
					o.Logger.Warn("lock file not written", "error", err)
				}
			}
			return l, nil
		}
		if !errors.Is(err, vfs.ErrLocked) {
			if o.ReadOnly && noLockFile(err) {
				if _, statErr := o.FS.Stat(path); errors.Is(statErr, fs.ErrNotExist) {
					return nil, nil
				}
			}
			return nil, err
		}
		if o.Context != nil && o.Context.Err() != nil {
			return nil, context.Cause(o.Context)
		}
		left := deadline.Sub(o.Clock.Now())
		if left <= 0 {
			return nil, err
		}
		o.Clock.Sleep(min(left, lockPoll))
	}
}

func noLockFile(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// unlock releases the lock; a writer takes its name off first.
func (p *Pager) unlock() error {
	if p.lock == nil {
		return nil
	}
	if !p.o.ReadOnly {
		if err := p.lock.SetHolder(""); err != nil {
			p.logger.Warn("lock file not written", "error", err)
		}
	}
	return p.lock.Close()
}
