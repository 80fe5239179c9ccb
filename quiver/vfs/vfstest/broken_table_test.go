package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

type brokenRow struct {
	name, guard string
	disk        *brokenDisk
}

func fileRow(name, guard string, broken brokenFile) brokenRow {
	return brokenRow{name, guard, &brokenDisk{file: broken}}
}

func brokenOpens() []brokenRow {
	open := func(name, guard string, call func(vfs.FS, string, vfs.OpenFlag) (vfs.File, error)) brokenRow {
		return brokenRow{name, guard, &brokenDisk{openFile: call}}
	}
	creating := func(fs vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
		return fs.OpenFile(path, flag|vfs.Create)
	}
	return []brokenRow{
		open("open creates unasked", "open absent", creating),
		open("open does not create", "open create", openWithout(vfs.Create)),
		open("Exclusive ignored", "open exclusive", openWithout(vfs.Exclusive)),
		open("Truncate ignored", "open truncate", openWithout(vfs.Truncate)),
		open("opened for writing unasked", "handle for reading",
			func(fs vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
				return fs.OpenFile(path, flag|vfs.Write)
			}),
		open("errors without a path", "open absent",
			func(fs vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
				f, err := fs.OpenFile(path, flag)
				return f, unwrapped(err)
			}),
		open("directories open", "open directory",
			func(fs vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
				if info, err := fs.Stat(path); err == nil && info.Dir {
					return fs.OpenFile(path+"x", vfs.Create)
				}
				return fs.OpenFile(path, flag)
			}),
		{"handles have their own content", "many handles", &brokenDisk{
			openFile: func(fs vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
				if flag == vfs.Write {
					return fs.OpenFile(path+"x", flag|vfs.Create)
				}
				return fs.OpenFile(path, flag)
			}}},
	}
}

func brokenFiles() []brokenRow {
	return []brokenRow{
		fileRow("no io.EOF", "read at the end", brokenFile{readAt: func(f vfs.File, p []byte, off int64) (int, error) {
			n, err := f.ReadAt(p, off)
			if err == io.EOF {
				err = nil
			}
			return n, err
		}}),
		fileRow("io.EOF too often", "read at the end", brokenFile{readAt: func(f vfs.File, p []byte, off int64) (int, error) {
			n, _ := f.ReadAt(p, off)
			return n, io.EOF
		}}),
		fileRow("a write loses a byte", "read and write", brokenFile{writeAt: func(f vfs.File, p []byte, off int64) (int, error) {
			_, err := f.WriteAt(p[:max(len(p)-1, 0)], off)
			return len(p), err
		}}),
		fileRow("a write appends", "read and write", brokenFile{writeAt: func(f vfs.File, p []byte, off int64) (int, error) {
			size, _ := f.Size()
			return f.WriteAt(p, size)
		}}),
		fileRow("gaps have noise", "write beside the end", brokenFile{writeAt: func(f vfs.File, p []byte, off int64) (int, error) {
			if size, _ := f.Size(); size < off {
				_, _ = f.WriteAt([]byte("noise"), size)
			}
			return f.WriteAt(p, off)
		}}),
		fileRow("a write of nothing grows", "zero length", brokenFile{writeAt: func(f vfs.File, p []byte, off int64) (int, error) {
			if size, _ := f.Size(); len(p) == 0 && size < off {
				return 0, f.Truncate(off)
			}
			return f.WriteAt(p, off)
		}}),
		fileRow("negative offsets taken", "negative offset", brokenFile{writeAt: func(f vfs.File, p []byte, off int64) (int, error) {
			return f.WriteAt(p, max(off, 0))
		}}),
		fileRow("a read fills the capacity", "buffers belong to the caller", brokenFile{readAt: func(f vfs.File, p []byte, off int64) (int, error) {
			n, err := f.ReadAt(p[:cap(p)], off)
			return min(n, len(p)), err
		}}),
		fileRow("a write changes the buffer", "buffers belong to the caller", brokenFile{writeAt: func(f vfs.File, p []byte, off int64) (int, error) {
			n, err := f.WriteAt(p, off)
			clear(p)
			return n, err
		}}),
		fileRow("sync fails", "sync", brokenFile{sync: func(vfs.File) error { return fs.ErrInvalid }}),
		fileRow("sync of a closed file", "closed", brokenFile{sync: func(vfs.File) error { return nil }}),
		fileRow("second close", "closed", brokenFile{close: func(f vfs.File) error {
			_ = f.Close()
			return nil
		}}),
		fileRow("close does nothing", "closed", brokenFile{close: func(vfs.File) error { return nil }}),
		fileRow("writes beside a page are lost", "concurrent reads and writes", brokenFile{
			writeAt: func(f vfs.File, p []byte, off int64) (int, error) {
				if off == 3*100 {
					return len(p), nil
				}
				return f.WriteAt(p, off)
			}}),
		{"SyncDir of nothing", "sync", &brokenDisk{syncDir: func(vfs.FS, string) error { return nil }}},
	}
}

func brokenSizes() []brokenRow {
	onlyShrink := func(f vfs.File, size int64) error {
		if old, _ := f.Size(); size > old {
			return nil
		}
		return f.Truncate(size)
	}
	onlyGrow := func(f vfs.File, size int64) error {
		if old, _ := f.Size(); size < old {
			return nil
		}
		return f.Truncate(size)
	}
	overwriting := func(f vfs.File, off, length int64) error {
		_, err := f.WriteAt(make([]byte, max(length, 0)), off)
		return err
	}
	return []brokenRow{
		fileRow("Truncate does not grow", "truncate grows", brokenFile{truncate: onlyShrink}),
		fileRow("Truncate does not shrink", "truncate shrinks", brokenFile{truncate: onlyGrow}),
		fileRow("cut bytes return", "truncated bytes stay away", brokenFile{truncate: func(f vfs.File, size int64) error {
			old, _ := f.Size()
			tail := make([]byte, max(old-size, 0))
			_, _ = f.ReadAt(tail, size)
			if err := f.Truncate(size); err != nil || len(tail) == 0 {
				return err
			}
			_, err := f.WriteAt(tail[:1], size)
			return err
		}}),
		fileRow("Size is old", "truncate grows", brokenFile{size: func(size int64, err error) (int64, error) {
			return max(size-1, 0), err
		}}),
		fileRow("Allocate keeps the size", "allocate", brokenFile{allocate: func(vfs.File, int64, int64) error { return nil }}),
		fileRow("Allocate sets the size", "allocate", brokenFile{allocate: func(f vfs.File, off, length int64) error {
			return f.Truncate(off + length)
		}}),
		fileRow("Allocate writes zeros over data", "allocate", brokenFile{allocate: overwriting}),
		fileRow("Allocate writes zeros over a gap's end", "allocate over a gap",
			brokenFile{allocate: func(f vfs.File, off, length int64) error {
				return overwriting(f, off+5, length)
			}}),
		fileRow("a second Allocate clears", "allocate then use", brokenFile{allocate: overwriting}),
	}
}

func brokenNames() []brokenRow {
	return []brokenRow{
		{"Mkdir of a taken name", "mkdir", &brokenDisk{mkdir: func(fsys vfs.FS, path string) error {
			if err := fsys.Mkdir(path); !errors.Is(err, fs.ErrExist) {
				return err
			}
			return nil
		}}},
		{"Mkdir makes parents", "mkdir", &brokenDisk{mkdir: func(fs vfs.FS, path string) error {
			_ = fs.Mkdir(filepath.Dir(path))
			return fs.Mkdir(path)
		}}},
		{"Stat tells no size", "stat", &brokenDisk{stat: func(info vfs.Info, err error) (vfs.Info, error) {
			info.Size = 0
			return info, err
		}}},
		{"Stat tells a size of directories", "stat", &brokenDisk{stat: func(info vfs.Info, err error) (vfs.Info, error) {
			return vfs.Info{Name: info.Name, Dir: info.Dir, Size: max(info.Size, 1)}, err
		}}},
		{"Stat finds everything", "remove", &brokenDisk{stat: func(info vfs.Info, _ error) (vfs.Info, error) {
			return info, nil
		}}},
		{"ReadDir not sorted", "read directory", &brokenDisk{readDir: func(list []vfs.Info, err error) ([]vfs.Info, error) {
			slices.Reverse(list)
			return list, err
		}}},
		{"ReadDir without sizes", "read directory", &brokenDisk{readDir: func(list []vfs.Info, err error) ([]vfs.Info, error) {
			for i := range list {
				list[i].Size = 0
			}
			return list, err
		}}},
		{"ReadDir of nothing", "read directory", &brokenDisk{readDir: func(list []vfs.Info, _ error) ([]vfs.Info, error) {
			return list, nil
		}}},
		{"Remove does nothing", "remove", &brokenDisk{remove: func(vfs.FS, string) error { return nil }}},
		{"Remove of full directories", "remove", &brokenDisk{remove: func(fs vfs.FS, path string) error {
			list, _ := fs.ReadDir(path)
			for _, info := range list {
				_ = fs.Remove(filepath.Join(path, info.Name))
			}
			return fs.Remove(path)
		}}},
		{"Remove empties", "remove an open file", &brokenDisk{remove: func(fs vfs.FS, path string) error {
			if f, err := fs.OpenFile(path, vfs.Write|vfs.Truncate); err == nil {
				_ = f.Close()
			}
			return fs.Remove(path)
		}}},
	}
}

func brokenRenames() []brokenRow {
	return []brokenRow{
		{"Rename does nothing", "rename", &brokenDisk{rename: func(vfs.FS, string, string) error { return nil }}},
		{"Rename refuses a taken name", "rename", &brokenDisk{rename: func(fsys vfs.FS, oldPath, newPath string) error {
			if _, err := fsys.Stat(newPath); err == nil {
				return fs.ErrExist
			}
			return fsys.Rename(oldPath, newPath)
		}}},
		{"Rename copies over", "rename over an open file", &brokenDisk{rename: copyOver}},
		{"Rename copies an open file", "rename an open file", &brokenDisk{rename: copyOver}},
		{"Rename of files only", "rename directories", &brokenDisk{rename: copyOver}},
		{"Rename over directories", "rename refused", &brokenDisk{rename: func(fs vfs.FS, oldPath, newPath string) error {
			_ = fs.Remove(filepath.Join(newPath, "sub"))
			_ = fs.Remove(newPath)
			return fs.Rename(oldPath, newPath)
		}}},
		{"Rename loses the old file first", "concurrent names", &brokenDisk{
			rename: func(fs vfs.FS, oldPath, newPath string) error {
				_ = fs.Remove(newPath)
				return fs.Remove(oldPath)
			}}},
	}
}

// copyOver is a Rename that writes into the file that newPath names.
func copyOver(fsys vfs.FS, oldPath, newPath string) error {
	data, err := vfs.ReadFile(fsys, oldPath, 1<<20)
	if err != nil {
		return err
	}
	f, err := fsys.OpenFile(newPath, vfs.Write|vfs.Create|vfs.Truncate)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return errors.Join(f.Close(), fsys.Remove(oldPath))
}

func brokenLocks() []brokenRow {
	row := func(name, guard string, call func(vfs.FS, string, bool) (vfs.Lock, error)) brokenRow {
		return brokenRow{name, guard, &brokenDisk{lock: call}}
	}
	withError := func(change func(err *vfs.LockedError) error) func(vfs.FS, string, bool) (vfs.Lock, error) {
		return func(fs vfs.FS, path string, exclusive bool) (vfs.Lock, error) {
			l, err := fs.Lock(path, exclusive)
			if locked := (*vfs.LockedError)(nil); errors.As(err, &locked) {
				err = change(locked)
			}
			return l, err
		}
	}
	granting := func(fs vfs.FS, path string, exclusive bool) (vfs.Lock, error) {
		l, err := fs.Lock(path, exclusive)
		if errors.Is(err, vfs.ErrLocked) {
			return fs.Lock(path+"x", false)
		}
		return l, err
	}
	return []brokenRow{
		row("Lock empties the file", "lock creates", func(fs vfs.FS, path string, exclusive bool) (vfs.Lock, error) {
			l, err := fs.Lock(path, exclusive)
			if err == nil {
				err = l.SetHolder("")
			}
			return l, err
		}),
		row("always granted", "lock excludes", granting),
		row("granted to many", "concurrent locks", granting),
		row("all exclusive", "lock shared", func(fs vfs.FS, path string, _ bool) (vfs.Lock, error) {
			return fs.Lock(path, true)
		}),
		row("all shared", "lock excludes", func(fs vfs.FS, path string, _ bool) (vfs.Lock, error) {
			return fs.Lock(path, false)
		}),
		row("not released", "lock excludes", lockWith(brokenLock{close: func(vfs.Lock) error { return nil }})),
		row("second close", "lock closed", lockWith(brokenLock{close: func(l vfs.Lock) error {
			_ = l.Close()
			return nil
		}})),
		row("holder appended", "lock holder", lockWith(brokenLock{setHolder: func(l vfs.Lock, text string) error {
			return l.SetHolder("x" + text)
		}})),
		row("holder not told", "lock holder", withError(func(err *vfs.LockedError) error {
			return &vfs.LockedError{Path: err.Path}
		})),
		row("holder not bounded", "lock holder is bounded", withError(func(err *vfs.LockedError) error {
			return &vfs.LockedError{Path: err.Path, Holder: err.Holder + "x"}
		})),
		row("plain error", "lock excludes", withError(func(*vfs.LockedError) error { return vfs.ErrLocked })),
		row("locks by path", "lock is advisory", func(fs vfs.FS, path string, exclusive bool) (vfs.Lock, error) {
			f, err := fs.OpenFile(path, vfs.Create)
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				return nil, err
			}
			_ = fs.Mkdir("by-path")
			return fs.Lock(filepath.Join("by-path", filepath.Base(path)), exclusive)
		}),
		row("makes parents", "lock refused", func(fs vfs.FS, path string, exclusive bool) (vfs.Lock, error) {
			_ = fs.Mkdir(filepath.Dir(path))
			return fs.Lock(path, exclusive)
		}),
	}
}
