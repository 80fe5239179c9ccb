package pager

import (
	"path/filepath"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// reserveName is a file of ours that holds space for the small files that a
// checkpoint replaces, so that a full disk does not stop deletes (R7).
const reserveName = "quiver-reserve"

// writeMeta changes the meta on the disk. The clean flag is taken off with the
// first change of a session and stays so until Close sets it (R10).
func (p *Pager) writeMeta(change func(*format.Meta)) error {
	p.metaMu.Lock()
	defer p.metaMu.Unlock()
	m := p.meta
	m.Clean = false
	change(&m)
	if err := p.replaceLocked(format.MetaName, m.Encode()); err != nil {
		return err
	}
	p.meta = m
	if !p.session && !m.Clean {
		p.session = true
		p.reserve.acquire()
	}
	return nil
}

// replace puts a new file in the place of a small one: the name is bound to the
// old or to the new content at every moment. Nothing has changed if it fails
// for want of space before a sync.
func (p *Pager) replace(name string, data []byte) error {
	p.metaMu.Lock()
	defer p.metaMu.Unlock()
	return p.replaceLocked(name, data)
}

func (p *Pager) replaceLocked(name string, data []byte) error {
	err := p.replaceOnce(name, data)
	if err == nil || !harmless(err) || !p.reserve.release() {
		return err
	}
	err = p.replaceOnce(name, data)
	p.reserve.acquire()
	return err
}

func (p *Pager) replaceOnce(name string, data []byte) (err error) {
	path, tmp := filepath.Join(p.dir, name), filepath.Join(p.dir, tempName(name))
	// A file of an earlier attempt may have pages whose sync failed: never
	// reuse the inode.
	if err := vfs.RemoveIfThere(p.fs, tmp); err != nil {
		return err
	}
	f, err := p.fs.OpenFile(tmp, vfs.Write|vfs.Create|vfs.Exclusive)
	if err != nil {
		return err
	}
	if err = vfs.WriteFull(f, tmp, data, 0); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		if err = p.fs.Rename(tmp, path); err != nil {
			if _, gone := p.fs.Stat(tmp); gone != nil {
				// It may have been done: nobody knows which file is there.
				return &syncError{err}
			}
		}
	}
	if err != nil {
		// The tmp is not needed and is removed again before its next use.
		_ = p.fs.Remove(tmp)
		return err
	}
	if err := p.fs.SyncDir(p.dir); err != nil {
		return &syncError{err}
	}
	return nil
}

// reserve is a file whose only content is its space.
type reserve struct {
	fs   vfs.FS
	path string
	size int64 // that it is to have
	held int64 // that it has
}

// minReserveBytes is enough for a new meta and free list of a small database.
const minReserveBytes = 8 << 10

// acquire takes the space, or as much of it as there is, beside what it has;
// without any a full disk may stop deletes too, which is no reason to fail.
func (r *reserve) acquire() {
	if r.held >= r.size {
		return
	}
	f, err := r.fs.OpenFile(r.path, vfs.Write|vfs.Create)
	if err != nil {
		return
	}
	for size := r.size; size >= minReserveBytes && size > r.held; size /= 2 {
		if f.Allocate(0, size) == nil {
			r.held = size
		}
	}
	if f.Close() != nil || r.held == 0 {
		r.held = 0
		_ = vfs.RemoveIfThere(r.fs, r.path)
	}
}

// release gives the space back and reports whether there was any.
func (r *reserve) release() bool {
	held := r.held
	r.held = 0
	return held > 0 && vfs.RemoveIfThere(r.fs, r.path) == nil
}

// startSession makes the disk say that this handle is writing, before the
// first byte that a clean close would have to vouch for.
func (p *Pager) startSession() error {
	p.metaMu.Lock()
	started := p.session
	p.metaMu.Unlock()
	if started {
		return nil
	}
	return p.writeMeta(func(*format.Meta) {})
}

func (p *Pager) now() time.Time { return p.clock.Now() }
