package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// zeroSink notes where zeros were written, and is full at a point.
type zeroSink struct {
	t        *testing.T
	from, to int64
	full     int64
}

func (s *zeroSink) WriteAt(p []byte, off int64) (int, error) {
	require.Equal(s.t, s.to, off, "written in one piece, in order")
	require.LessOrEqual(s.t, len(p), 1<<20, "no buffer of the size of the request")
	for _, b := range p {
		if b != 0 {
			s.t.Fatal("a byte is not zero")
		}
	}
	s.to = off + int64(len(p))
	if s.to > s.full {
		return 0, syscall.ENOSPC
	}
	return len(p), nil
}

func TestWriteZeros(t *testing.T) {
	for _, test := range []struct{ from, to int64 }{
		{0, 1}, {7000, 7001}, {5, 3 << 20}, {1 << 20, 1<<20 + 1<<18}, {9, 9}, {9, 3},
	} {
		sink := &zeroSink{t: t, from: test.from, to: test.from, full: 1 << 60}
		require.NoError(t, writeZeros(sink, "sink", test.from, test.to))
		require.Equal(t, max(test.from, test.to), sink.to)
	}
	require.ErrorIs(t, writeZeros(&zeroSink{t: t, full: 1 << 20}, "sink", 0, 2<<20), syscall.ENOSPC)
}

// TestCloseBesideCalls closes a file under running calls: they succeed or say
// that it is closed, and never meet the descriptor's next owner.
func TestCloseBesideCalls(t *testing.T) {
	dir := t.TempDir()
	for range 20 {
		f, err := OS().OpenFile(filepath.Join(dir, "file"), Write|Create)
		require.NoError(t, err)
		calls := []func() error{
			f.SyncData, f.Sync,
			func() error { return f.Allocate(0, 4096) },
			func() error { _, err := f.Size(); return err },
			func() error { _, err := f.WriteAt([]byte("x"), 0); return err },
		}
		var all sync.WaitGroup
		for _, call := range calls {
			all.Go(func() {
				for range 5 {
					if err := call(); err != nil && !errors.Is(err, fs.ErrClosed) {
						t.Error(err)
					}
				}
			})
		}
		require.NoError(t, f.Close())
		all.Wait()
	}
}

func TestLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	target := filepath.Join(elsewhere, "target")
	require.NoError(t, os.WriteFile(target, []byte("content"), 0o600))
	if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
		t.Skip("this system makes no symbolic links:", err)
	}
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, "linkdir")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "none"), filepath.Join(dir, "loose")))
	list, err := OS().ReadDir(dir)
	require.NoError(t, err)
	require.Equal(t, []Info{{Name: "link", Size: 7, Link: true}, {Name: "linkdir", Dir: true, Link: true}}, list)
	for _, want := range list {
		want.Link = false
		info, err := OS().Stat(filepath.Join(dir, want.Name))
		require.NoError(t, err)
		require.Equal(t, want, info)
	}
}

func TestRenameError(t *testing.T) {
	err := OS().Rename("none", "new")
	var pathErr *fs.PathError
	require.ErrorAs(t, err, &pathErr)
	require.Equal(t, "none", pathErr.Path)
	var link *os.LinkError
	require.False(t, errors.As(err, &link), "the paths are told twice: %v", err)
}
