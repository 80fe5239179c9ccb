// Package vfstest checks that a disk behaves as package vfs promises. What
// survives a crash is not checked here: no live disk can show that.
package vfstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Run checks the disks that new makes, one for each case. root is an existing
// empty directory of the disk. All misbehaviour is reported, not the first only.
func Run(t *testing.T, new func(t *testing.T) (fs vfs.FS, root string)) {
	for _, one := range cases() {
		t.Run(one.name, func(t *testing.T) {
			fsys, root := new(t)
			for _, fault := range one.faults(fsys, root) {
				t.Error(fault)
			}
		})
	}
}

// testCase is one promise, checked on a disk of its own.
type testCase struct {
	name string
	run  func(c *check)
}

func cases() []testCase {
	return append(append(append(fileCases(), sizeCases()...), nameCases()...), lockCases()...)
}

// faults runs the case and says in which ways the disk failed it.
func (one testCase) faults(fsys vfs.FS, root string) []string {
	c := &check{fs: fsys, root: root}
	func() {
		defer func() {
			for _, f := range c.files {
				_ = f.Close() // most are closed already
			}
			if stop := recover(); stop != nil && stop != any(abandoned{}) {
				panic(stop)
			}
		}()
		one.run(c)
	}()
	return c.found
}

// abandoned is the panic by which a case ends that has nothing to go on with.
type abandoned struct{}

// check collects the faults of a case.
type check struct {
	fs    vfs.FS
	root  string
	files []vfs.File // closed when the case ends: some systems keep an open file's directory

	mu    sync.Mutex
	found []string
}

func (c *check) errorf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// ok reports an error, and whether there was none.
func (c *check) ok(what string, err error) bool {
	if err != nil {
		c.errorf("%s: %v", what, err)
	}
	return err == nil
}

// need is ok for what the rest of the case stands on.
func (c *check) need(what string, err error) {
	if !c.ok(what, err) {
		panic(abandoned{})
	}
}

// fails reports a missing error, one that is not target (when target is given)
// and one that is no *fs.PathError.
func (c *check) fails(what string, err, target error) {
	var pathErr *fs.PathError
	switch {
	case err == nil:
		c.errorf("%s: no error", what)
	case target != nil && !errors.Is(err, target):
		c.errorf("%s: error %q does not match %q", what, err, target)
	case !errors.As(err, &pathErr):
		c.errorf("%s: error %q (%T) has no *fs.PathError", what, err, err)
	}
}

func (c *check) path(elem ...string) string {
	return filepath.Join(append([]string{c.root}, elem...)...)
}

// open opens a file of the root that must be there or be made.
func (c *check) open(name string, flag vfs.OpenFlag) vfs.File {
	f, err := c.fs.OpenFile(c.path(name), flag)
	c.need("OpenFile "+name, err)
	c.files = append(c.files, f)
	return f
}

// create makes a file with the given content and leaves it open.
func (c *check) create(name string, content string) vfs.File {
	f := c.open(name, vfs.Write|vfs.Create|vfs.Exclusive)
	c.write(f, content, 0)
	return f
}

func (c *check) mkdir(elem ...string) {
	c.need("Mkdir", c.fs.Mkdir(c.path(elem...)))
}

func (c *check) write(f vfs.File, content string, off int64) {
	n, err := f.WriteAt([]byte(content), off)
	if err != nil || n != len(content) {
		c.errorf("WriteAt of %d bytes at %d = %d, %v", len(content), off, n, err)
	}
}

// holds compares the whole content of an open file, read in one go.
func (c *check) holds(what string, f vfs.File, want string) {
	size, err := f.Size()
	if err != nil || size != int64(len(want)) {
		c.errorf("%s: Size = %d, %v, want %d", what, size, err, len(want))
	}
	// A buffer that is used again is not empty: zeros must be read into it too.
	got := bytes.Repeat([]byte{0xAA}, len(want)+1)
	n, err := f.ReadAt(got, 0)
	if n != len(want) || err != io.EOF {
		c.errorf("%s: ReadAt of %d bytes in a file of %d = %d, %v, want all and io.EOF",
			what, len(got), len(want), n, err)
	}
	if at := firstDifference(string(got[:n]), want); at >= 0 {
		c.errorf("%s: content differs at byte %d", what, at)
	}
}

func firstDifference(a, b string) int {
	for i := 0; i < min(len(a), len(b)); i++ {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

// pathHolds compares the whole content of a file by its path.
func (c *check) pathHolds(what, path, want string) {
	f, err := c.fs.OpenFile(path, 0)
	if !c.ok(what, err) {
		return
	}
	c.holds(what, f, want)
	c.ok(what+": Close", f.Close())
}

// absent reports a name that is bound.
func (c *check) absent(what, path string) {
	_, err := c.fs.Stat(path)
	c.fails(what+": Stat of a name that must be absent", err, fs.ErrNotExist)
}
