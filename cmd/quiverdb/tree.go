package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// tree is a folder whose files are put under their paths.
type tree struct {
	root    string
	exclude []string // patterns of path.Match: of a name, or with a slash of a whole path
	skipped treeCounts

	database fs.FileInfo // folder of the database, which is not read into itself
}

// treeCounts are what a load of a folder left out.
type treeCounts struct {
	Symlinks int64 `json:"symlinks"`
	Special  int64 `json:"special"`  // neither file, folder nor symbolic link
	Excluded int64 `json:"excluded"` // matches of --exclude; a folder counts once
	Database int64 `json:"database"`
}

// check finds what is wrong with the flags before anything is done.
func (t *tree) check() error {
	info, err := os.Stat(t.root)
	if err != nil {
		return usageError{err}
	}
	if !info.IsDir() {
		return usagef("--tree %s is no folder", t.root)
	}
	for _, pattern := range t.exclude {
		if _, err := path.Match(pattern, ""); err != nil {
			return usagef("--exclude %q: %w", pattern, err)
		}
	}
	return nil
}

// prepare remembers which folder the database is, and refuses to read a folder
// inside the database: its files change while they are read.
func (t *tree) prepare(database string) error {
	info, err := os.Stat(database)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // opening it will say so
	}
	if err != nil {
		return err
	}
	t.database = info
	// The walk does not follow a symbolic link, so the root must be none.
	root, err := filepath.EvalSymlinks(t.root)
	if err != nil {
		return err
	}
	t.root = root
	above, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	for ; ; above = filepath.Dir(above) {
		if info, err := os.Stat(above); err == nil && os.SameFile(info, t.database) {
			return usagef("--tree %s is in the database itself", t.root)
		}
		if filepath.Dir(above) == above {
			return nil
		}
	}
}

// size adds up the files. It may differ from what feed finds a moment later;
// only the bar is told.
func (t *tree) size() (int64, error) {
	counted := *t // the counts of what is left out are feed's
	var n int64
	err := counted.walk(func(_, _ string, d fs.DirEntry) error {
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

func (t *tree) feed(ctx context.Context, b *bar, put func(key, value []byte) error) error {
	return t.walk(func(name, key string, _ fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		value, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		b.add(len(value))
		if err := put([]byte(key), value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// walk visits the files to put in lexical order, so that equal folders give
// equal loads.
func (t *tree) walk(visit func(name, key string, d fs.DirEntry) error) error {
	return filepath.WalkDir(t.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == t.root {
			return err
		}
		rel, err := filepath.Rel(t.root, name)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(rel)
		wanted, err := t.wants(key, d)
		switch {
		case err != nil:
			return err
		case d.IsDir() && !wanted:
			return fs.SkipDir
		case d.IsDir() || !wanted:
			return nil
		}
		return visit(name, key, d)
	})
}

// wants says whether to put a file or enter a folder, and counts what it refuses.
func (t *tree) wants(key string, d fs.DirEntry) (bool, error) {
	switch {
	case t.excluded(key):
		t.skipped.Excluded++
		return false, nil
	case d.IsDir():
		info, err := d.Info()
		if err != nil {
			return false, err
		}
		if os.SameFile(info, t.database) {
			t.skipped.Database++
			return false, nil
		}
		return true, nil
	case d.Type()&fs.ModeSymlink != 0:
		t.skipped.Symlinks++
		return false, nil
	case !d.Type().IsRegular():
		t.skipped.Special++
		return false, nil
	}
	return true, nil
}

// excluded: check found the patterns well-formed.
func (t *tree) excluded(key string) bool {
	for _, pattern := range t.exclude {
		against := key
		if !strings.Contains(pattern, "/") {
			against = path.Base(key)
		}
		if matched, _ := path.Match(pattern, against); matched {
			return true
		}
	}
	return false
}
