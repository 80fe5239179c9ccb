package faultfs

import (
	"cmp"
	"io/fs"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// holderLimit bounds what is read of a lock file to tell its holder.
const holderLimit = 256

// lockState says who holds a file locked: one exclusive holder, or any number
// of shared ones.
type lockState struct {
	shared    int
	exclusive bool
}

// Lock implements vfs.FS. A new FS made by a crash or a kill holds none.
func (f *FS) Lock(name string, exclusive bool) (vfs.Lock, error) {
	o, err := f.begin(Call{Kind: KindLock, Path: clean(name)})
	if err != nil {
		return nil, err
	}
	i, err := o.lock(name, exclusive)
	if err != nil {
		return nil, o.end(err)
	}
	l := &lock{fs: f, ino: i, path: o.rec.Path, exclusive: exclusive}
	return l, o.end(nil)
}

func (o *op) lock(name string, exclusive bool) (ino, error) {
	f := o.f
	struck := o.arm()
	if struck != nil && !wouldBlock(struck) {
		return noIno, struck
	}
	if err := o.spareHandle(); err != nil {
		return noIno, err
	}
	p, err := f.d.live.resolve(o.rec.Path)
	if err != nil {
		return noIno, err
	}
	switch n := f.d.live.get(p.ino); {
	case n == nil:
		if err := o.writable(); err != nil {
			return noIno, err
		}
		p.ino = o.newInode(p, false)
	case n.dir:
		return noIno, syscall.EISDIR
	}
	o.rec.Inode = int(p.ino)
	if struck = cmp.Or(struck, o.struck()); struck != nil && !wouldBlock(struck) {
		return noIno, struck
	}
	l := f.locks[p.ino]
	if l == nil {
		l = &lockState{}
		if f.locks == nil {
			f.locks = map[ino]*lockState{}
		}
		f.locks[p.ino] = l
	}
	if struck != nil || l.exclusive || exclusive && l.shared > 0 {
		n := f.d.live.get(p.ino)
		text := make([]byte, min(n.size, holderLimit))
		n.read(f.d.mk, text, 0)
		return noIno, vfs.NewLockedError(name, text)
	}
	if exclusive {
		l.exclusive = true
	} else {
		l.shared++
	}
	f.hold(p.ino)
	f.held++
	return p.ino, nil
}

// wouldBlock tells whether an error of a lock means that somebody else holds
// it. The system knows two names for it.
func wouldBlock(err error) bool { return err == syscall.EWOULDBLOCK || err == syscall.EAGAIN }

type lock struct {
	fs        *FS
	ino       ino
	path      string
	exclusive bool
	closed    bool // guarded by fs
}

func (l *lock) SetHolder(text string) error {
	o, err := l.fs.begin(Call{Kind: KindHolder, Path: l.path, Len: int64(len(text))})
	if err != nil {
		return err
	}
	if l.closed {
		l.fs.misuse.uses++
		return o.end(fs.ErrClosed)
	}
	if err := o.arm(); err != nil {
		return o.end(err)
	}
	if l.fs.d.live.get(l.ino).size > 0 {
		o.do(truncateAct{ino: l.ino})
	}
	room := l.fs.room(l.ino, 0, int64(len(text)))
	if room > 0 {
		o.do(writeAct{ino: l.ino, data: []byte(text)[:room]})
	}
	if room < int64(len(text)) {
		return o.end(syscall.ENOSPC)
	}
	return o.end(o.struck())
}

func (l *lock) Close() error {
	o, err := l.fs.begin(Call{Kind: KindUnlock, Path: l.path})
	if err != nil {
		return err
	}
	if l.closed {
		l.fs.misuse.closes++
		return o.end(fs.ErrClosed)
	}
	l.closed = true
	s := l.fs.locks[l.ino]
	if l.exclusive {
		s.exclusive = false
	} else {
		s.shared--
	}
	l.fs.held--
	o.release(l.ino)
	if err := o.arm(); err != nil {
		return o.end(err)
	}
	return o.end(o.struck())
}

// hold counts a handle or lock of a file.
func (f *FS) hold(i ino) {
	if f.handles == nil {
		f.handles = map[ino]int{}
	}
	f.handles[i]++
}

// release takes a handle or lock back, and with the last one a file that has
// no name any more.
func (o *op) release(i ino) {
	f := o.f
	f.handles[i]--
	if f.handles[i] > 0 {
		return
	}
	delete(f.handles, i)
	delete(f.locks, i)
	o.forgetUnused(i)
}
