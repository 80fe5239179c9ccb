package faultfs

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// clean is the one form of a path: slashes, absolute. The working directory
// is the root.
func clean(path string) string {
	if path == "" {
		return ""
	}
	return filepath.ToSlash(filepath.Clean(string(filepath.Separator) + path[len(filepath.VolumeName(path)):]))
}

// place is where a path leads.
type place struct {
	dir  ino    // the directory that has or would have the name; noIno for the root
	name string // the last element
	ino  ino    // noIno when the name is absent
}

// resolve follows a clean path in a tree. Only the last name may be absent.
func (t *tree) resolve(path string) (place, error) {
	if path == "" {
		return place{}, fs.ErrNotExist
	}
	p := place{dir: noIno, ino: rootIno}
	for rest := path[1:]; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		at := t.get(p.ino)
		switch {
		case at == nil:
			return place{}, fs.ErrNotExist
		case !at.dir:
			return place{}, syscall.ENOTDIR
		}
		p = place{dir: p.ino, name: name, ino: at.lookup(name)}
	}
	return p, nil
}

// existing is resolve for a name that must be there.
func (t *tree) existing(path string) (place, *node, error) {
	p, err := t.resolve(path)
	if err != nil {
		return p, nil, err
	}
	n := t.get(p.ino)
	if n == nil {
		return p, nil, fs.ErrNotExist
	}
	return p, n, nil
}

func (t *tree) existingDir(path string) (ino, *node, error) {
	p, n, err := t.existing(path)
	if err == nil && !n.dir {
		err = syscall.ENOTDIR
	}
	return p.ino, n, err
}

// below tells whether directory inner is outer or stands somewhere below it.
func (t *tree) below(outer, inner ino, depth int) bool {
	if outer == inner {
		return true
	}
	n := t.get(outer)
	if n == nil || !n.dir || depth > maxDepth {
		return false
	}
	for _, e := range n.entries {
		if c := t.get(e.ino); c != nil && c.dir && t.below(e.ino, inner, depth+1) {
			return true
		}
	}
	return false
}
