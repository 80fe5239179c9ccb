package torture

import (
	"io/fs"
	"slices"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// process is a disk as one process sees it: it can be killed, and all it does
// can be watched. For one goroutine.
type process struct {
	disk  *faultfs.FS
	watch observer  // may be nil
	open  []*handle // in the order in which they were opened
	locks []*procLock
	dead  bool
}

// observer is told of each call that may change the disk, after it was made.
type observer interface {
	call(c call)
}

// call is what a process did to a file.
type call struct {
	seq  int
	kind faultfs.Kind
	path string
	to   string // rename
	off  int64
	data []byte // what was to be written; valid during the call only
	n    int    // bytes of it that were
	size int64  // truncate; end of allocate
	cut  bool   // open: an existing file was emptied
	err  error
}

func newProcess(disk *faultfs.FS, watch observer) *process {
	return &process{disk: disk, watch: watch}
}

// kill ends the process as a signal does: nothing is written any more, locks
// are gone, what was written stays in the cache of the system.
func (p *process) kill() {
	for _, h := range p.open {
		_ = h.File.Close() // an injected error changes nothing: the handle is gone
	}
	for _, l := range p.locks {
		_ = l.lock.Close()
	}
	p.open, p.locks, p.dead = nil, nil, true
}

func (p *process) tell(c call) {
	if p.watch != nil {
		c.seq = p.disk.Seq()
		p.watch.call(c)
	}
}

func (p *process) alive() error {
	if p.dead {
		return fs.ErrClosed
	}
	return nil
}

func (p *process) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	if err := p.alive(); err != nil {
		return nil, err
	}
	f, err := p.disk.OpenFile(path, flag)
	kind := faultfs.KindOpen
	if flag&vfs.Create != 0 {
		kind = faultfs.KindCreate
	}
	p.tell(call{kind: kind, path: path, cut: flag&vfs.Truncate != 0, err: err})
	if err != nil {
		return nil, err
	}
	h := &handle{File: f, p: p, path: path}
	p.open = append(p.open, h)
	return h, nil
}

func (p *process) Mkdir(path string) error {
	if err := p.alive(); err != nil {
		return err
	}
	err := p.disk.Mkdir(path)
	p.tell(call{kind: faultfs.KindMkdir, path: path, err: err})
	return err
}

func (p *process) Remove(path string) error {
	if err := p.alive(); err != nil {
		return err
	}
	err := p.disk.Remove(path)
	p.tell(call{kind: faultfs.KindRemove, path: path, err: err})
	return err
}

func (p *process) Rename(from, to string) error {
	if err := p.alive(); err != nil {
		return err
	}
	err := p.disk.Rename(from, to)
	p.tell(call{kind: faultfs.KindRename, path: from, to: to, err: err})
	return err
}

func (p *process) SyncDir(path string) error {
	if err := p.alive(); err != nil {
		return err
	}
	err := p.disk.SyncDir(path)
	p.tell(call{kind: faultfs.KindSyncDir, path: path, err: err})
	return err
}

func (p *process) ReadDir(path string) ([]vfs.Info, error) {
	if err := p.alive(); err != nil {
		return nil, err
	}
	return p.disk.ReadDir(path)
}

func (p *process) Stat(path string) (vfs.Info, error) {
	if err := p.alive(); err != nil {
		return vfs.Info{}, err
	}
	return p.disk.Stat(path)
}

func (p *process) Lock(path string, exclusive bool) (vfs.Lock, error) {
	if err := p.alive(); err != nil {
		return nil, err
	}
	l, err := p.disk.Lock(path, exclusive)
	if err != nil {
		return nil, err
	}
	pl := &procLock{p: p, lock: l}
	p.locks = append(p.locks, pl)
	return pl, nil
}

// handle is a file that a process has open.
type handle struct {
	vfs.File
	p    *process
	path string
}

func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	n, err := h.File.WriteAt(b, off)
	h.p.tell(call{kind: faultfs.KindWrite, path: h.path, off: off, data: b, n: n, err: err})
	return n, err
}

func (h *handle) Truncate(size int64) error {
	err := h.File.Truncate(size)
	h.p.tell(call{kind: faultfs.KindTruncate, path: h.path, size: size, err: err})
	return err
}

func (h *handle) Allocate(off, length int64) error {
	err := h.File.Allocate(off, length)
	h.p.tell(call{kind: faultfs.KindAllocate, path: h.path, size: off + length, err: err})
	return err
}

func (h *handle) Sync() error {
	err := h.File.Sync()
	h.p.tell(call{kind: faultfs.KindSync, path: h.path, err: err})
	return err
}

func (h *handle) SyncData() error {
	err := h.File.SyncData()
	h.p.tell(call{kind: faultfs.KindSyncData, path: h.path, err: err})
	return err
}

func (h *handle) Close() error {
	h.p.open = slices.DeleteFunc(h.p.open, func(o *handle) bool { return o == h })
	return h.File.Close()
}

// procLock is a lock that a process holds. The text about the holder decides
// nothing and is not written: it names process and host, and a run must give the
// same bytes everywhere.
type procLock struct {
	p    *process
	lock vfs.Lock
}

func (l *procLock) SetHolder(string) error { return nil }

func (l *procLock) Close() error {
	l.p.locks = slices.DeleteFunc(l.p.locks, func(o *procLock) bool { return o == l })
	return l.lock.Close()
}

// quiet is a disk without texts about lock holders.
type quiet struct{ *faultfs.FS }

func (q quiet) Lock(path string, exclusive bool) (vfs.Lock, error) {
	l, err := q.FS.Lock(path, exclusive)
	if err != nil {
		return nil, err
	}
	return quietLock{l}, nil
}

type quietLock struct{ vfs.Lock }

func (quietLock) SetHolder(string) error { return nil }
