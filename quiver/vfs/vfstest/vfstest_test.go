package vfstest

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func TestOS(t *testing.T) {
	Run(t, func(t *testing.T) (vfs.FS, string) { return vfs.OS(), t.TempDir() })
}

func TestMem(t *testing.T) {
	Run(t, func(t *testing.T) (vfs.FS, string) { return vfs.NewMem(), "/" })
}

func TestMemSize(t *testing.T) {
	Run(t, func(t *testing.T) (vfs.FS, string) {
		fsys := vfs.NewMemSize(8 << 20)
		if err := fsys.Mkdir("dir"); err != nil {
			t.Fatal(err)
		}
		return fsys, "dir"
	})
}
