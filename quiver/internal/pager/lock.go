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
			nameHolder(l, vfs.HolderText(o.Clock.Now()), o)
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

// nameHolder tells others whom they wait for. It decides nothing, so a reader on
// a medium that takes no writes may fail at it.
func nameHolder(l vfs.Lock, text string, o *Options) {
	if err := l.SetHolder(text); err != nil {
		o.Logger.Debug("lock file not written", "error", err)
	}
}

func noLockFile(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// unlock takes the holder's name off and releases the lock.
func (p *Pager) unlock() error {
	if p.lock == nil {
		return nil
	}
	nameHolder(p.lock, "", &p.o)
	return p.lock.Close()
}
