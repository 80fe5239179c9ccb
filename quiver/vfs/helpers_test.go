package vfs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

var errInjected = errors.New("injected")

// scriptDisk lists the changing calls on a disk, and fails one of them.
type scriptDisk struct {
	vfs.FS
	calls  []string
	failAt int // index of the call that fails; -1 for none
	after  bool
	open   int
}

func (d *scriptDisk) do(call string, run func() error) error {
	d.calls = append(d.calls, call)
	fail := len(d.calls)-1 == d.failAt
	if fail && !d.after {
		return errInjected
	}
	err := run()
	if fail {
		return errInjected
	}
	return err
}

func (d *scriptDisk) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	var f vfs.File
	err := d.do(fmt.Sprintf("open %s %04b", path, flag), func() (err error) {
		f, err = d.FS.OpenFile(path, flag)
		return err
	})
	if err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, err
	}
	d.open++
	return &scriptFile{f, d, path}, nil
}

func (d *scriptDisk) Mkdir(path string) error {
	return d.do("mkdir "+path, func() error { return d.FS.Mkdir(path) })
}

func (d *scriptDisk) Remove(path string) error {
	return d.do("remove "+path, func() error { return d.FS.Remove(path) })
}

func (d *scriptDisk) Rename(oldPath, newPath string) error {
	return d.do("rename "+oldPath+" "+newPath, func() error { return d.FS.Rename(oldPath, newPath) })
}

func (d *scriptDisk) SyncDir(path string) error {
	return d.do("syncdir "+path, func() error { return d.FS.SyncDir(path) })
}

type scriptFile struct {
	vfs.File
	disk *scriptDisk
	path string
}

func (f *scriptFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.disk.do(fmt.Sprintf("write %s %d+%d", f.path, off, len(p)), func() (err error) {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	return n, err
}

func (f *scriptFile) Sync() error {
	return f.disk.do("sync "+f.path, f.File.Sync)
}

func (f *scriptFile) Close() error {
	f.disk.open--
	err := f.File.Close() // a handle is gone even if Close fails
	return f.disk.do("close "+f.path, func() error { return err })
}

func TestReplaceFileOrder(t *testing.T) {
	disk := &scriptDisk{FS: vfs.NewMem(), failAt: -1}
	require.NoError(t, disk.FS.Mkdir("db"))
	path := filepath.Join("db", "meta")
	require.NoError(t, vfs.ReplaceFile(disk, path, []byte("new")))
	require.Equal(t, []string{
		"remove " + path + ".tmp", "open " + path + ".tmp 0111", "write " + path + ".tmp 0+3", "sync " + path + ".tmp",
		"close " + path + ".tmp", "rename " + path + ".tmp " + path, "syncdir db",
	}, disk.calls)
}

// TestReplaceFileFails fails each call once, before and after it took effect.
func TestReplaceFileFails(t *testing.T) {
	const renameCall, calls = 5, 7
	for failAt := range calls {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d done %v", failAt, after), func(t *testing.T) {
				disk := &scriptDisk{FS: vfs.NewMem(), failAt: -1}
				require.NoError(t, vfs.ReplaceFile(disk, "meta", []byte("old")))
				disk.calls, disk.failAt, disk.after = nil, failAt, after
				require.ErrorIs(t, vfs.ReplaceFile(disk, "meta", []byte("new")), errInjected)

				data, err := vfs.ReadFile(disk.FS, "meta", 100)
				require.NoError(t, err)
				want := "old"
				if failAt > renameCall || failAt == renameCall && after {
					want = "new"
				}
				require.Equal(t, want, string(data))
				_, err = disk.FS.Stat("meta.tmp")
				require.ErrorIs(t, err, fs.ErrNotExist)
				require.Zero(t, disk.open, "handles left open")
			})
		}
	}
}

func TestReplaceFileFirstError(t *testing.T) {
	disk := &scriptDisk{FS: vfs.NewMemSize(0), failAt: 3} // the close after the failed write
	err := vfs.ReplaceFile(disk, "meta", []byte("new"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NotErrorIs(t, err, errInjected)
	require.Equal(t, []string{"remove meta.tmp", "open meta.tmp 0111", "write meta.tmp 0+3", "close meta.tmp", "remove meta.tmp"},
		disk.calls)
}

func TestReplaceFileOverLeftover(t *testing.T) {
	fsys := vfs.NewMem()
	f := openNew(t, fsys, "meta.tmp")
	_, err := f.WriteAt([]byte("longer content of an earlier crash"), 0)
	require.NoError(t, err)
	require.NoError(t, vfs.ReplaceFile(fsys, "meta", []byte("new")))
	data, err := vfs.ReadFile(fsys, "meta", 100)
	require.NoError(t, err)
	require.Equal(t, "new", string(data))
}

// shortDisk writes or reads less than asked and says that all is well.
type shortDisk struct{ vfs.FS }

func (d shortDisk) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	f, err := d.FS.OpenFile(path, flag)
	return shortFile{f}, err
}

type shortFile struct{ vfs.File }

func (f shortFile) WriteAt(p []byte, off int64) (int, error) {
	return f.File.WriteAt(p[:len(p)-1], off)
}

func (f shortFile) ReadAt(p []byte, off int64) (int, error) {
	return f.File.ReadAt(p[:len(p)-1], off)
}

func TestShortCalls(t *testing.T) {
	fsys := vfs.NewMem()
	require.NoError(t, vfs.ReplaceFile(fsys, "file", []byte("content")))
	require.ErrorIs(t, vfs.ReplaceFile(shortDisk{fsys}, "file", []byte("new")), io.ErrShortWrite)
	_, err := vfs.ReadFile(shortDisk{fsys}, "file", 100)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	data, err := vfs.ReadFile(fsys, "file", 100)
	require.NoError(t, err)
	require.Equal(t, "content", string(data))
}

func TestReadFile(t *testing.T) {
	fsys := vfs.NewMem()
	require.NoError(t, vfs.ReplaceFile(fsys, "file", []byte("content")))
	require.NoError(t, vfs.ReplaceFile(fsys, "empty", nil))
	for limit, wantErr := range map[int64]error{0: syscall.EFBIG, 6: syscall.EFBIG, 7: nil, 1 << 60: nil} {
		disk := &scriptDisk{FS: fsys, failAt: -1}
		data, err := vfs.ReadFile(disk, "file", limit)
		require.Zero(t, disk.open, "handles left open")
		require.ErrorIs(t, err, wantErr)
		if wantErr == nil {
			require.Equal(t, "content", string(data))
		} else {
			require.Nil(t, data)
		}
	}
	data, err := vfs.ReadFile(fsys, "empty", 0)
	require.NoError(t, err)
	require.Equal(t, []byte{}, data)
	_, err = vfs.ReadFile(fsys, "none", 100)
	require.ErrorIs(t, err, fs.ErrNotExist)

	f, err := fsys.OpenFile("huge", vfs.Write|vfs.Create)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<50))
	_, err = vfs.ReadFile(fsys, "huge", 1<<30)
	require.ErrorIs(t, err, syscall.EFBIG)

	_, err = vfs.ReadFile(&scriptDisk{FS: fsys, failAt: 1}, "file", 100)
	require.ErrorIs(t, err, errInjected, "a failed Close counts")
}

func TestMkdirAll(t *testing.T) {
	disk := &scriptDisk{FS: vfs.NewMem(), failAt: -1}
	require.NoError(t, disk.FS.Mkdir("a"))
	made, err := vfs.MkdirAll(disk, filepath.FromSlash("a/b/./c/"))
	require.NoError(t, err)
	b, c := filepath.Join("a", "b"), filepath.Join("a", "b", "c")
	require.Equal(t, []string{b, c}, made)
	require.Equal(t, []string{"mkdir " + b, "syncdir a", "mkdir " + c, "syncdir " + b}, disk.calls)

	disk.calls = nil
	made, err = vfs.MkdirAll(disk, c)
	require.NoError(t, err)
	require.Empty(t, made)
	require.Empty(t, disk.calls)

	made, err = vfs.MkdirAll(disk, "x")
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, made)
	require.Equal(t, []string{"mkdir x", "syncdir ."}, disk.calls)
}

func TestMkdirAllFails(t *testing.T) {
	fsys := vfs.NewMem()
	require.NoError(t, openNew(t, fsys, "file").Close())
	for _, path := range []string{"file", filepath.Join("file", "dir"), filepath.Join("file", "dir", "dir")} {
		made, err := vfs.MkdirAll(fsys, path)
		require.ErrorIs(t, err, syscall.ENOTDIR, path)
		require.Empty(t, made)
	}
	for failAt := range 4 {
		disk := &scriptDisk{FS: vfs.NewMem(), failAt: failAt}
		made, err := vfs.MkdirAll(disk, filepath.Join("a", "b"))
		require.ErrorIs(t, err, errInjected)
		require.Empty(t, made)
		_, err = disk.FS.Stat("a")
		require.ErrorIs(t, err, fs.ErrNotExist, "after a failed sync a name has to be made anew")
	}
}

// blindDisk cannot tell whether the name "a" is there.
type blindDisk struct{ vfs.FS }

func (d blindDisk) Stat(path string) (vfs.Info, error) {
	if path == "a" {
		return vfs.Info{}, errInjected
	}
	return d.FS.Stat(path)
}

func TestMkdirAllBlind(t *testing.T) {
	disk := &scriptDisk{FS: blindDisk{vfs.NewMem()}, failAt: -1}
	_, err := vfs.MkdirAll(disk, "a")
	require.ErrorIs(t, err, errInjected)
	require.Empty(t, disk.calls, "nothing is made on a guess")
}

// racingDisk makes each directory shortly before it is asked to.
type racingDisk struct {
	vfs.FS
	make func(path string) error
}

func (d racingDisk) Mkdir(path string) error {
	if err := d.make(path); err != nil {
		return err
	}
	return d.FS.Mkdir(path)
}

func TestMkdirAllRace(t *testing.T) {
	fsys := vfs.NewMem()
	made, err := vfs.MkdirAll(racingDisk{fsys, fsys.Mkdir}, filepath.Join("a", "b"))
	require.NoError(t, err)
	require.Empty(t, made, "what somebody else made is not ours to remove")

	_, err = vfs.MkdirAll(racingDisk{fsys, func(path string) error {
		return vfs.ReplaceFile(fsys, path, nil)
	}}, "c")
	require.ErrorIs(t, err, fs.ErrExist)
}
