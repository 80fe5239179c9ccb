package vfs_test

import (
	"bytes"
	"io/fs"
	"math"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

const blockSize = 4096

func openNew(t *testing.T, fsys vfs.FS, path string) vfs.File {
	t.Helper()
	f, err := fsys.OpenFile(path, vfs.Write|vfs.Create|vfs.Exclusive)
	require.NoError(t, err)
	return f
}

// room counts the blocks that a full disk still takes.
func room(t *testing.T, fsys vfs.FS) int {
	t.Helper()
	f := openNew(t, fsys, "probe")
	blocks := 0
	for f.Allocate(int64(blocks*blockSize), blockSize) == nil {
		blocks++
	}
	require.NoError(t, f.Close())
	require.NoError(t, fsys.Remove("probe"))
	return blocks
}

func TestMemSizeWrite(t *testing.T) {
	fsys := vfs.NewMemSize(4*blockSize + blockSize - 1)
	f := openNew(t, fsys, "file")
	data := bytes.Repeat([]byte("x"), 6*blockSize)

	n, err := f.WriteAt(data, 10)
	require.ErrorIs(t, err, syscall.ENOSPC)
	var pathErr *fs.PathError
	require.ErrorAs(t, err, &pathErr)
	require.Equal(t, 4*blockSize-10, n, "what fits is written")
	size, err := f.Size()
	require.NoError(t, err)
	require.EqualValues(t, 4*blockSize, size)

	n, err = f.WriteAt(data[:4*blockSize], 0)
	require.NoError(t, err, "overwriting needs no room")
	require.Equal(t, 4*blockSize, n)
	require.Zero(t, room(t, fsys))
}

func TestMemSizeAllocate(t *testing.T) {
	fsys := vfs.NewMemSize(8 * blockSize)
	f := openNew(t, fsys, "file")
	_, err := f.WriteAt([]byte("content"), 0)
	require.NoError(t, err)

	for _, length := range []int64{8*blockSize + 1, 100 * blockSize, math.MaxInt64} {
		require.ErrorIs(t, f.Allocate(0, length), syscall.ENOSPC)
		require.Equal(t, 7, room(t, fsys), "a refused Allocate takes nothing")
	}
	data, err := vfs.ReadFile(fsys, "file", blockSize)
	require.NoError(t, err)
	require.Equal(t, "content", string(data), "a refused Allocate changes nothing")

	require.NoError(t, f.Allocate(0, 6*blockSize))
	require.NoError(t, f.Allocate(100, 5*blockSize), "what is reserved is not counted again")
	require.Equal(t, 2, room(t, fsys))
	other := openNew(t, fsys, "other")
	_, err = other.WriteAt(make([]byte, 3*blockSize), 0)
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, err = f.WriteAt(make([]byte, 6*blockSize), 0)
	require.NoError(t, err, "a write into reserved space cannot fail")
}

func TestMemSizeHoles(t *testing.T) {
	fsys := vfs.NewMemSize(2 * blockSize)
	f := openNew(t, fsys, "file")
	require.NoError(t, f.Truncate(1<<40), "growth reserves nothing")
	require.Equal(t, 2, room(t, fsys))
	for _, off := range []int64{1 << 39, 1 << 30} {
		_, err := f.WriteAt([]byte("x"), off)
		require.NoError(t, err)
	}
	n, err := f.WriteAt([]byte("x"), 0)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Zero(t, n)
	require.NoError(t, f.Truncate(1<<39))
	require.Equal(t, 1, room(t, fsys), "Truncate gives back what it cuts")
	require.NoError(t, f.Truncate(0))
	require.Equal(t, 2, room(t, fsys))
}

func TestMemSizeRemove(t *testing.T) {
	fsys := vfs.NewMemSize(4 * blockSize)
	f := openNew(t, fsys, "file")
	second, err := fsys.OpenFile("file", 0)
	require.NoError(t, err)
	require.NoError(t, f.Allocate(0, 3*blockSize))

	require.NoError(t, fsys.Remove("file"))
	require.Equal(t, 1, room(t, fsys), "an open file keeps its room")
	require.NoError(t, f.Close())
	require.Equal(t, 1, room(t, fsys))
	require.NoError(t, second.Close())
	require.Equal(t, 4, room(t, fsys), "the last handle gives it back")

	require.NoError(t, openNew(t, fsys, "tmp").Close())
	f = openNew(t, fsys, "file")
	require.NoError(t, f.Allocate(0, 3*blockSize))
	require.NoError(t, f.Close())
	require.NoError(t, fsys.Rename("tmp", "file"))
	require.Equal(t, 4, room(t, fsys), "so does being renamed over")

	lock, err := fsys.Lock("LOCK", true)
	require.NoError(t, err)
	require.NoError(t, lock.SetHolder("holder"))
	_, err = fsys.Lock("LOCK", false)
	require.ErrorIs(t, err, vfs.ErrLocked)
	require.NoError(t, fsys.Remove("LOCK"))
	require.Equal(t, 3, room(t, fsys))
	require.NoError(t, lock.Close())
	require.Equal(t, 4, room(t, fsys))
}

func TestMemSizeNothing(t *testing.T) {
	for _, bytes := range []int64{-1, 0, blockSize - 1} {
		fsys := vfs.NewMemSize(bytes)
		require.NoError(t, fsys.Mkdir("dir"), "names take no room")
		f := openNew(t, fsys, "dir/file")
		_, err := f.WriteAt([]byte("x"), 0)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.ErrorIs(t, f.Allocate(0, 1), syscall.ENOSPC)
	}
}

// TestMemSparse reaches for the largest offsets: the memory in use follows what
// was written, not the size.
func TestMemSparse(t *testing.T) {
	f := openNew(t, vfs.NewMem(), "file")
	_, err := f.WriteAt([]byte("end"), math.MaxInt64-3)
	require.NoError(t, err)
	got := make([]byte, 3)
	_, err = f.ReadAt(got, math.MaxInt64-3)
	require.NoError(t, err)
	require.Equal(t, "end", string(got))
	_, err = f.WriteAt([]byte("beyond"), math.MaxInt64-3)
	require.ErrorIs(t, err, syscall.EFBIG)
	require.NoError(t, f.Allocate(0, math.MaxInt64))
}
