package faultfs

import (
	"io/fs"
	"path"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// OpenFile implements vfs.FS.
func (f *FS) OpenFile(name string, flag vfs.OpenFlag) (vfs.File, error) {
	o, err := f.begin(Call{Kind: KindOpen, Path: clean(name)})
	if err != nil {
		return nil, err
	}
	o.rec.Flag = flag
	i, err := o.openInode(flag)
	if err == nil {
		err = o.struck()
	}
	if err != nil {
		return nil, o.end(err)
	}
	f.hold(i)
	f.open++
	h := &file{fs: f, ino: i, path: o.rec.Path, writable: flag&vfs.Write != 0}
	return h, o.end(nil)
}

// openInode finds or makes the file.
func (o *op) openInode(flag vfs.OpenFlag) (ino, error) {
	live := &o.f.d.live
	p, err := live.resolve(o.rec.Path)
	n := live.get(p.ino)
	if err == nil && n == nil && flag&vfs.Create != 0 {
		o.rec.Kind = KindCreate
	}
	if err := o.arm(); err != nil {
		return noIno, err
	}
	switch {
	case err != nil:
		return noIno, err
	case n == nil && flag&vfs.Create == 0:
		return noIno, fs.ErrNotExist
	case n == nil:
		return o.newInode(p, false), nil
	case flag&vfs.Create != 0 && flag&vfs.Exclusive != 0:
		return noIno, fs.ErrExist
	case n.dir:
		return noIno, syscall.EISDIR
	case flag&vfs.Write != 0 && flag&vfs.Truncate != 0 && (n.size != 0 || n.will != 0):
		o.do(truncateAct{ino: p.ino})
	}
	return p.ino, nil
}

func (o *op) newInode(p place, dir bool) ino {
	i := o.f.nextIno
	o.f.nextIno++
	o.do(bindAct{dir: p.dir, name: p.name, ino: i, isDir: dir})
	return i
}

// Mkdir implements vfs.FS.
func (f *FS) Mkdir(name string) error {
	o, err := f.begin(Call{Kind: KindMkdir, Path: clean(name)})
	if err != nil {
		return err
	}
	return o.end(o.mkdir())
}

func (o *op) mkdir() error {
	if err := o.arm(); err != nil {
		return err
	}
	p, err := o.f.d.live.resolve(o.rec.Path)
	if err != nil {
		return err
	}
	if p.ino != noIno {
		return fs.ErrExist
	}
	o.newInode(p, true)
	return o.struck()
}

// Remove implements vfs.FS.
func (f *FS) Remove(name string) error {
	o, err := f.begin(Call{Kind: KindRemove, Path: clean(name)})
	if err != nil {
		return err
	}
	return o.end(o.remove())
}

func (o *op) remove() error {
	if err := o.arm(); err != nil {
		return err
	}
	p, n, err := o.f.d.live.existing(o.rec.Path)
	switch {
	case err != nil:
		return err
	case p.dir == noIno:
		return syscall.EBUSY
	case len(n.entries) > 0:
		return syscall.ENOTEMPTY
	}
	o.do(unbindAct{dir: p.dir, name: p.name})
	o.forgetUnused(p.ino)
	return o.struck()
}

// forgetUnused drops a live file that has neither name nor handle.
func (o *op) forgetUnused(i ino) {
	if i != noIno && o.f.handles[i] == 0 && !named(&o.f.d.live)[i] {
		o.do(forgetAct{ino: i})
	}
}

// Rename implements vfs.FS.
func (f *FS) Rename(oldName, newName string) error {
	o, err := f.begin(Call{Kind: KindRename, Path: clean(oldName), To: clean(newName)})
	if err != nil {
		return err
	}
	return o.end(o.rename())
}

func (o *op) rename() error {
	if err := o.arm(); err != nil {
		return err
	}
	live := &o.f.d.live
	from, err := live.resolve(o.rec.Path)
	if err != nil {
		return err
	}
	to, err := live.resolve(o.rec.To)
	if err != nil {
		return err
	}
	n, target := live.get(from.ino), live.get(to.ino)
	switch {
	case n == nil:
		return fs.ErrNotExist
	case target != nil && target.dir:
		return fs.ErrExist
	case from.ino == to.ino:
		return o.struck()
	case n.dir && live.below(from.ino, to.dir, 0):
		return syscall.EINVAL
	case target != nil && n.dir:
		return syscall.ENOTDIR
	}
	o.do(renameAct{dir: from.dir, name: from.name, to: to.dir, toName: to.name})
	o.forgetUnused(to.ino)
	return o.struck()
}

// ReadDir implements vfs.FS.
func (f *FS) ReadDir(name string) ([]vfs.Info, error) {
	o, err := f.begin(Call{Kind: KindReadDir, Path: clean(name)})
	if err != nil {
		return nil, err
	}
	infos, err := o.readDir()
	return infos, o.end(err)
}

func (o *op) readDir() ([]vfs.Info, error) {
	if err := o.arm(); err != nil {
		return nil, err
	}
	live := &o.f.d.live
	_, d, err := live.existingDir(o.rec.Path)
	if err != nil {
		return nil, err
	}
	infos := make([]vfs.Info, 0, len(d.entries))
	for _, e := range d.entries {
		infos = append(infos, info(e.name, live.get(e.ino)))
	}
	if err := o.struck(); err != nil {
		return nil, err
	}
	return infos, nil
}

func info(name string, n *node) vfs.Info {
	if n.dir {
		return vfs.Info{Name: name, Dir: true}
	}
	return vfs.Info{Name: name, Size: n.size}
}

// Stat implements vfs.FS.
func (f *FS) Stat(name string) (vfs.Info, error) {
	o, err := f.begin(Call{Kind: KindStat, Path: clean(name)})
	if err != nil {
		return vfs.Info{}, err
	}
	if err := o.arm(); err != nil {
		return vfs.Info{}, o.end(err)
	}
	_, n, err := f.d.live.existing(o.rec.Path)
	if err == nil {
		err = o.struck()
	}
	if err != nil {
		return vfs.Info{}, o.end(err)
	}
	i := info(path.Base(o.rec.Path), n)
	return i, o.end(nil)
}

// SyncDir implements vfs.FS.
func (f *FS) SyncDir(name string) error {
	o, err := f.begin(Call{Kind: KindSyncDir, Path: clean(name)})
	if err != nil {
		return err
	}
	if err := o.arm(); err != nil {
		return o.end(err)
	}
	i, _, err := f.d.live.existingDir(o.rec.Path)
	if err != nil {
		return o.end(err)
	}
	return o.end(o.syncInode(i))
}
