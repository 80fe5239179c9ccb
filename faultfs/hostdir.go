package faultfs

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Import copies a directory of the running system to the directory at, whose
// parents are made; everything copied is durable.
func (f *FS) Import(osDir, at string) error {
	return filepath.WalkDir(osDir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(osDir, name)
		if err != nil {
			return err
		}
		to := path.Join(clean(at), filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			return f.tamper("import", to, func(o *op) error { return o.settleDirs(o.rec.Path) })
		case !d.Type().IsRegular():
			return fmt.Errorf("faultfs: %s is neither a file nor a directory", name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return f.WriteFile(to, data)
	})
}

// Export copies what the live view has at a directory to a directory of the
// running system, which is made when it is absent. Files there are replaced.
func (f *FS) Export(at, osDir string) error {
	if err := os.MkdirAll(osDir, 0o777); err != nil {
		return err
	}
	root := clean(at)
	c := f.content()
	for _, name := range c.names {
		rel, err := filepath.Rel(root, name)
		if err != nil || rel == "." || len(rel) >= 2 && rel[:2] == ".." {
			continue
		}
		to := filepath.Join(osDir, rel)
		if c.files[name].dir {
			err = os.MkdirAll(to, 0o777)
		} else {
			err = os.WriteFile(to, c.files[name].data, 0o666)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
