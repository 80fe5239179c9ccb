package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// initOnce makes a database where there is none. Where there is one nothing is
// asked of it: neither whether the options fit, nor its lock, which another
// process may hold for as long as it works with it.
func initOnce(path string, o quiver.InitOptions) error {
	if present(path) {
		return nil
	}
	err := quiver.Init(path, o)
	// Another process may have made it meanwhile, and have opened it.
	if errors.Is(err, quiver.ErrExists) || errors.Is(err, quiver.ErrLocked) && present(path) {
		return nil
	}
	return err
}

// present reports whether a folder has every file of a database. The meta file is
// the last one that an init or a restore gives its name.
func present(path string) bool {
	for _, name := range []string{format.MetaName, format.DirName, format.FreeName, format.WALName, format.SegmentName(1)} {
		if in, err := os.Stat(filepath.Join(path, name)); err != nil || !in.Mode().IsRegular() {
			return false
		}
	}
	return true
}
