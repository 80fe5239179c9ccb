package faultfs_test

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs/vfstest"
)

func TestConformance(t *testing.T) {
	for name, o := range map[string]faultfs.Options{"sector 4096": {}, "sector 512": {Sector: 512, NoReads: true}} {
		t.Run(name, func(t *testing.T) {
			vfstest.Run(t, func(t *testing.T) (vfs.FS, string) {
				f := faultfs.New(o)
				if err := f.Mkdir("/root"); err != nil {
					t.Fatal(err)
				}
				return f, "/root"
			})
		})
	}
}
