package faultfs

import (
	"io/fs"
	"math/rand/v2"
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
	o.rec.Inode = int(max(i, 0))
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
	if err := o.spareHandle(); err != nil {
		return noIno, err
	}
	if err == nil && flag&vfs.Write != 0 {
		err = o.writable()
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
	if err := o.makeDir(true); err != nil || o.evades(func(late *op) error { return late.makeDir(false) }) {
		return err
	}
	if err := o.makeDir(false); err != nil {
		return err
	}
	return o.struck()
}

// makeDir makes the directory, or only tells whether it can be made.
func (o *op) makeDir(dry bool) error {
	p, err := o.f.d.live.resolve(o.rec.Path)
	switch {
	case err != nil:
		return err
	case p.ino != noIno:
		return fs.ErrExist
	}
	if !dry {
		o.rec.Inode = int(o.newInode(p, true))
	}
	return nil
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
	if err := o.unlink(true); err != nil || o.evades(func(late *op) error { return late.unlink(false) }) {
		return err
	}
	if err := o.unlink(false); err != nil {
		return err
	}
	return o.struck()
}

// unlink removes the name, or only tells whether it can be removed.
func (o *op) unlink(dry bool) error {
	p, n, err := o.f.d.live.existing(o.rec.Path)
	switch {
	case err != nil:
		return err
	case p.dir == noIno:
		return syscall.EBUSY
	case len(n.entries) > 0:
		return syscall.ENOTEMPTY
	}
	o.rec.Inode = int(p.ino)
	if !dry {
		o.do(unbindAct{dir: p.dir, name: p.name})
		o.forgetUnused(p.ino)
	}
	return nil
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
	if err := o.move(true); err != nil || o.evades(func(late *op) error { return late.move(false) }) {
		return err
	}
	if err := o.move(false); err != nil {
		return err
	}
	return o.struck()
}

// move renames, or only tells whether it can be done.
func (o *op) move(dry bool) error {
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
		return nil
	case n.dir && live.below(from.ino, to.dir, 0):
		return syscall.EINVAL
	case target != nil && n.dir:
		return syscall.ENOTDIR
	}
	o.rec.Inode = int(from.ino)
	if !dry {
		o.do(renameAct{dir: from.dir, name: from.name, to: to.dir, toName: to.name})
		o.forgetUnused(to.ino)
	}
	return nil
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
	if err := o.spareHandle(); err != nil {
		return nil, err
	}
	i, d, err := o.f.d.live.existingDir(o.rec.Path)
	if err != nil {
		return nil, err
	}
	o.rec.Inode = int(i)
	infos := make([]vfs.Info, 0, len(d.entries))
	for _, e := range d.entries {
		infos = append(infos, o.info(e.name, e.ino))
	}
	if o.effect() == EffectShuffle {
		r := rand.New(rand.NewPCG(o.fault.Seed, uint64(len(infos))))
		r.Shuffle(len(infos), func(i, j int) { infos[i], infos[j] = infos[j], infos[i] })
	}
	if err := o.struck(); err != nil {
		return nil, err
	}
	return infos, nil
}

func (o *op) info(name string, i ino) vfs.Info {
	if o.f.d.live.get(i).dir {
		return vfs.Info{Name: name, Dir: true}
	}
	return vfs.Info{Name: name, Size: o.size(i)}
}

// size is that of a live file, or under EffectStale that which is durable.
func (o *op) size(i ino) int64 {
	if o.effect() != EffectStale {
		return o.f.d.live.get(i).size
	}
	if stored := o.f.d.durable.get(i); stored != nil {
		return stored.size
	}
	return 0
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
	p, _, err := f.d.live.existing(o.rec.Path)
	if err == nil {
		err = o.struck()
	}
	if err != nil {
		return vfs.Info{}, o.end(err)
	}
	o.rec.Inode = int(p.ino)
	info := o.info(path.Base(o.rec.Path), p.ino)
	return info, o.end(nil)
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
	if err := o.spareHandle(); err != nil {
		return o.end(err)
	}
	i, _, err := f.d.live.existingDir(o.rec.Path)
	if err != nil {
		return o.end(err)
	}
	o.rec.Inode = int(i)
	return o.end(o.syncInode(i))
}
