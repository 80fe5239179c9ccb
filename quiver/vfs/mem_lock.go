package vfs

import (
	"io/fs"
	"sync"
)

// memLocks counts who holds a file locked. Invariant: not both.
type memLocks struct {
	shared    int
	exclusive bool
}

// take reports whether the lock was free to take, and takes it.
func (l *memLocks) take(exclusive bool) bool {
	if l.exclusive || exclusive && l.shared > 0 {
		return false
	}
	if exclusive {
		l.exclusive = true
	} else {
		l.shared++
	}
	return true
}

func (l *memLocks) give(exclusive bool) {
	if exclusive {
		l.exclusive = false
	} else {
		l.shared--
	}
}

func (m *memFS) Lock(path string, exclusive bool) (Lock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.open(path, Write|Create)
	if err != nil {
		return nil, pathError("open", path, err)
	}
	if !node.locks.take(exclusive) {
		node.handles--
		content := make([]byte, maxHolder)
		n, _ := node.data.readAt(content, 0)
		return nil, NewLockedError(path, content[:n])
	}
	return &memLock{fs: m, node: node, path: path, exclusive: exclusive}, nil
}

type memLock struct {
	fs        *memFS
	node      *memNode
	path      string
	exclusive bool

	mu     sync.Mutex // keeps SetHolder away from a lock that is held by another since
	closed bool
}

func (l *memLock) SetHolder(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return pathError("setholder", l.path, fs.ErrClosed)
	}
	l.node.data.truncate(0)
	if _, err := l.node.data.writeAt([]byte(text), 0); err != nil {
		return pathError("setholder", l.path, err)
	}
	return nil
}

func (l *memLock) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return pathError("close", l.path, fs.ErrClosed)
	}
	l.closed = true
	l.fs.mu.Lock()
	l.node.locks.give(l.exclusive)
	l.fs.mu.Unlock()
	l.fs.closeHandle(l.node)
	return nil
}
