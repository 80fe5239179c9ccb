package vfstest

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// brokenDisk is a memory disk with one way to misbehave. A nil field behaves.
type brokenDisk struct {
	vfs.FS
	openFile func(fs vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error)
	mkdir    func(fs vfs.FS, path string) error
	remove   func(fs vfs.FS, path string) error
	rename   func(fs vfs.FS, oldPath, newPath string) error
	readDir  func(list []vfs.Info, err error) ([]vfs.Info, error)
	stat     func(info vfs.Info, err error) (vfs.Info, error)
	syncDir  func(fs vfs.FS, path string) error
	lock     func(fs vfs.FS, path string, exclusive bool) (vfs.Lock, error)
	file     brokenFile
}

func (d *brokenDisk) OpenFile(path string, flag vfs.OpenFlag) (f vfs.File, err error) {
	if d.openFile != nil {
		f, err = d.openFile(d.FS, path, flag)
	} else {
		f, err = d.FS.OpenFile(path, flag)
	}
	if err != nil {
		return nil, err
	}
	broken := d.file
	broken.File = f
	return &broken, nil
}

func (d *brokenDisk) Mkdir(path string) error {
	if d.mkdir != nil {
		return d.mkdir(d.FS, path)
	}
	return d.FS.Mkdir(path)
}

func (d *brokenDisk) Remove(path string) error {
	if d.remove != nil {
		return d.remove(d.FS, path)
	}
	return d.FS.Remove(path)
}

func (d *brokenDisk) Rename(oldPath, newPath string) error {
	if d.rename != nil {
		return d.rename(d.FS, oldPath, newPath)
	}
	return d.FS.Rename(oldPath, newPath)
}

func (d *brokenDisk) ReadDir(path string) ([]vfs.Info, error) {
	list, err := d.FS.ReadDir(path)
	if d.readDir != nil {
		return d.readDir(list, err)
	}
	return list, err
}

func (d *brokenDisk) Stat(path string) (vfs.Info, error) {
	info, err := d.FS.Stat(path)
	if d.stat != nil {
		return d.stat(info, err)
	}
	return info, err
}

func (d *brokenDisk) SyncDir(path string) error {
	if d.syncDir != nil {
		return d.syncDir(d.FS, path)
	}
	return d.FS.SyncDir(path)
}

func (d *brokenDisk) Lock(path string, exclusive bool) (vfs.Lock, error) {
	if d.lock != nil {
		return d.lock(d.FS, path, exclusive)
	}
	return d.FS.Lock(path, exclusive)
}

type brokenFile struct {
	vfs.File
	readAt   func(f vfs.File, p []byte, off int64) (int, error)
	writeAt  func(f vfs.File, p []byte, off int64) (int, error)
	truncate func(f vfs.File, size int64) error
	allocate func(f vfs.File, off, length int64) error
	size     func(size int64, err error) (int64, error)
	sync     func(f vfs.File) error
	close    func(f vfs.File) error
}

func (b *brokenFile) ReadAt(p []byte, off int64) (int, error) {
	if b.readAt != nil {
		return b.readAt(b.File, p, off)
	}
	return b.File.ReadAt(p, off)
}

func (b *brokenFile) WriteAt(p []byte, off int64) (int, error) {
	if b.writeAt != nil {
		return b.writeAt(b.File, p, off)
	}
	return b.File.WriteAt(p, off)
}

func (b *brokenFile) Truncate(size int64) error {
	if b.truncate != nil {
		return b.truncate(b.File, size)
	}
	return b.File.Truncate(size)
}

func (b *brokenFile) Allocate(off, length int64) error {
	if b.allocate != nil {
		return b.allocate(b.File, off, length)
	}
	return b.File.Allocate(off, length)
}

func (b *brokenFile) Size() (int64, error) {
	size, err := b.File.Size()
	if b.size != nil {
		return b.size(size, err)
	}
	return size, err
}

func (b *brokenFile) Sync() error {
	if b.sync != nil {
		return b.sync(b.File)
	}
	return b.File.Sync()
}

func (b *brokenFile) SyncData() error {
	if b.sync != nil {
		return b.sync(b.File)
	}
	return b.File.SyncData()
}

func (b *brokenFile) Close() error {
	if b.close != nil {
		return b.close(b.File)
	}
	return b.File.Close()
}

// openWithout opens without some flags.
func openWithout(flags vfs.OpenFlag) func(vfs.FS, string, vfs.OpenFlag) (vfs.File, error) {
	return func(fs vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
		return fs.OpenFile(path, flag&^flags)
	}
}

// unwrapped loses the *fs.PathError of an error.
func unwrapped(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return errors.Unwrap(err)
}

type brokenLock struct {
	vfs.Lock
	setHolder func(l vfs.Lock, text string) error
	close     func(l vfs.Lock) error
}

func (b brokenLock) SetHolder(text string) error {
	if b.setHolder != nil {
		return b.setHolder(b.Lock, text)
	}
	return b.Lock.SetHolder(text)
}

func (b brokenLock) Close() error {
	if b.close != nil {
		return b.close(b.Lock)
	}
	return b.Lock.Close()
}

func lockWith(broken brokenLock) func(vfs.FS, string, bool) (vfs.Lock, error) {
	return func(fs vfs.FS, path string, exclusive bool) (vfs.Lock, error) {
		l, err := fs.Lock(path, exclusive)
		if err != nil {
			return nil, err
		}
		wrapped := broken
		wrapped.Lock = l
		return wrapped, nil
	}
}

// TestBrokenDisks breaks each promise once: the case that guards it must say so.
func TestBrokenDisks(t *testing.T) {
	all := slices.Concat(brokenOpens(), brokenFiles(), brokenSizes(),
		brokenNames(), brokenRenames(), brokenLocks())
	for _, test := range all {
		t.Run(test.name, func(t *testing.T) {
			at := slices.IndexFunc(cases(), func(one testCase) bool { return one.name == test.guard })
			if at < 0 {
				t.Fatalf("no case %q", test.guard)
			}
			test.disk.FS = vfs.NewMem()
			if len(cases()[at].faults(test.disk, string(filepath.Separator))) == 0 {
				t.Errorf("case %q finds nothing", test.guard)
			}
		})
	}
}
