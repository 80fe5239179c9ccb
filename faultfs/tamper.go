package faultfs

import (
	"io/fs"
	"path"
	"syscall"
)

// The methods of this file change files silently, as a failing medium or a
// person does: live and durable view alike, at once, past faults, handles and
// locks. Bytes of a file with pending atoms are changed beneath them. The log
// keeps the changes as KindTamper, so that a replay repeats them.

// ReadFile is the live content of a file. It is no call of a program: nothing
// counts or logs it.
func (f *FS) ReadFile(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, n, err := f.d.live.existing(clean(name))
	if err == nil && n.dir {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, toPathError("read", clean(name), err)
	}
	data := make([]byte, n.size)
	n.read(f.d.mk, data, 0)
	return data, nil
}

// WriteFile makes data the content of a file, which is made with its parent
// directories when it is absent.
func (f *FS) WriteFile(name string, data []byte) error {
	return f.tamper("write", name, func(o *op) error {
		if err := o.settleDirs(path.Dir(o.rec.Path)); err != nil {
			return err
		}
		p, err := o.f.d.live.resolve(o.rec.Path)
		if err != nil {
			return err
		}
		switch n := o.f.d.live.get(p.ino); {
		case n == nil:
			p.ino = o.settleName(p, false)
		case n.dir:
			return syscall.EISDIR
		}
		o.do(replaceAct{ino: p.ino, data: append([]byte(nil), data...)})
		return nil
	})
}

// FlipBit inverts one bit, 0 to 7, of the byte at off.
func (f *FS) FlipBit(name string, off int64, bit uint) error {
	return f.Damage(Damage{Kind: DamageBit, Path: name, Off: off, Bit: bit}, nil)
}

// TruncateFile cuts a file, or extends it by zeros.
func (f *FS) TruncateFile(name string, size int64) error {
	return f.change(name, "truncate", func(data []byte) ([]byte, error) {
		if size < 0 {
			return nil, syscall.EINVAL
		}
		if size <= int64(len(data)) {
			return data[:size], nil
		}
		return append(data, make([]byte, size-int64(len(data)))...), nil
	})
}

// RemoveFile takes a file's name away.
func (f *FS) RemoveFile(name string) error {
	return f.tamper("remove", name, func(o *op) error {
		p, n, err := o.f.d.live.existing(o.rec.Path)
		if err != nil {
			return err
		}
		if n.dir {
			return syscall.EISDIR
		}
		o.do(eraseAct{dir: p.dir, name: p.name})
		o.forgetUnused(p.ino)
		return nil
	})
}

// List is the paths of all files, directories left out, sorted.
func (f *FS) List() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	f.d.live.walk(func(path string, n *node) {
		if !n.dir {
			names = append(names, path)
		}
	})
	return names
}

// change edits the content of a file.
func (f *FS) change(name, what string, edit func([]byte) ([]byte, error)) error {
	return f.tamper(what, name, func(o *op) error {
		p, n, err := o.f.d.live.existing(o.rec.Path)
		if err != nil {
			return err
		}
		if n.dir {
			return syscall.EISDIR
		}
		data := make([]byte, n.size)
		n.read(o.f.d.mk, data, 0)
		if data, err = edit(data); err != nil {
			return err
		}
		o.do(replaceAct{ino: p.ino, data: data})
		return nil
	})
}

func (f *FS) tamper(what, name string, act func(*op) error) error {
	o, err := f.begin(Call{Kind: KindTamper, Path: clean(name)})
	if err != nil {
		return err
	}
	o.rec.Note = what
	return o.end(act(&o))
}

// settleDirs makes a directory and its parents, durably.
func (o *op) settleDirs(dir string) error {
	if dir == "/" || dir == "." {
		return nil
	}
	if err := o.settleDirs(path.Dir(dir)); err != nil {
		return err
	}
	p, err := o.f.d.live.resolve(dir)
	if err != nil {
		return err
	}
	n := o.f.d.live.get(p.ino)
	if n != nil && !n.dir {
		return fs.ErrExist
	}
	if n == nil {
		o.settleName(p, true)
	}
	return nil
}

// settleName makes a new inode under a name, durably.
func (o *op) settleName(p place, dir bool) ino {
	i := o.f.nextIno
	o.f.nextIno++
	o.do(plantAct{bindAct{dir: p.dir, name: p.name, ino: i, isDir: dir}})
	return i
}

// plantAct makes a new inode under a name, on both views.
type plantAct struct{ bindAct }

func (a plantAct) apply(d *disk, _ *Record) {
	for _, t := range []*tree{&d.live, &d.durable} {
		t.add(a.ino, a.isDir)
		if dir := t.edit(a.dir); dir != nil {
			dir.bind(a.name, a.ino)
		}
	}
}

// eraseAct takes a name away on both views.
type eraseAct struct {
	dir  ino
	name string
}

func (a eraseAct) apply(d *disk, _ *Record) {
	for _, t := range []*tree{&d.live, &d.durable} {
		if dir := t.edit(a.dir); dir != nil {
			dir.unbind(a.name)
		}
	}
}
