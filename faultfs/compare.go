package faultfs

import (
	"bytes"
	"fmt"
)

// Digest identifies the live content.
func (f *FS) Digest() Digest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.d.live.digest()
}

// Equal tells whether both disks show the same names and bytes.
func (f *FS) Equal(other *FS) bool { return f.Diff(other) == "" }

// Diff says how the live content of other differs from that of f, "" when it
// does not.
func (f *FS) Diff(other *FS) string {
	mine, theirs := f.content(), other.content()
	for _, name := range mine.names {
		a, b := mine.files[name], theirs.files[name]
		switch {
		case b == nil:
			return fmt.Sprintf("%s is missing", name)
		case a.dir != b.dir:
			return fmt.Sprintf("%s is a directory on one side only", name)
		case a.dir:
		case len(a.data) != len(b.data):
			return fmt.Sprintf("%s has %d bytes instead of %d", name, len(b.data), len(a.data))
		case !bytes.Equal(a.data, b.data):
			return fmt.Sprintf("%s differs from byte %d on", name, firstDifference(a.data, b.data))
		}
	}
	for _, name := range theirs.names {
		if mine.files[name] == nil {
			return fmt.Sprintf("%s is there too much", name)
		}
	}
	return ""
}

type content struct {
	names []string
	files map[string]*contentFile
}

type contentFile struct {
	dir  bool
	data []byte
}

// content copies the live view, parents before what is in them.
func (f *FS) content() content {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := content{files: map[string]*contentFile{}}
	f.d.live.walk(func(path string, n *node) {
		one := &contentFile{dir: n.dir}
		if !n.dir {
			one.data = make([]byte, n.size)
			n.read(f.d.mk, one.data, 0)
		}
		c.names = append(c.names, path)
		c.files[path] = one
	})
	return c
}

func firstDifference(a, b []byte) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}
