// Package disk is the disk in memory that the targets of package folder work on:
// cheap to make, to copy, to compare and to use.
//
// It keeps what a running program can see and nothing of what a crash would leave,
// which no target asks for. Package faultfs, which does, was a third of the cost of
// a whole execution.
package disk

import (
	"bytes"
	"cmp"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// blockSize is the unit, in bytes, in which files are stored, shared and counted.
const blockSize = 4096

// maxSize bounds a file, so that a wild offset is an error and not a table of
// blocks that fills the memory.
const maxSize = 1 << 36

// Disk is a disk without a bound but the room for data. It is safe for concurrent
// use.
//
// Invariant: a block that cells of two inodes refer to, or a cell and a slice that
// the disk was given, is never changed. So a copy of a disk shares all its blocks.
type Disk struct {
	mu    sync.Mutex
	names map[string]*inode // by clean path
	all   int64             // blocks that there are
	room  int64             // blocks that are not taken

	handles, locks int // open now
}

var _ vfs.FS = (*Disk)(nil)

// inode is a directory or a file. A file without a name stays as long as a handle
// refers to it.
type inode struct {
	dir   bool
	size  int64
	cells []cell // by offset; none stands wholly behind the size

	links, handles int
	shared         int // locks
	exclusive      bool
}

// cell is the place of a block in a file; the zero cell is a hole, which takes no
// room.
type cell struct {
	data *[blockSize]byte // bytes behind the size are zeros
	own  bool             // nothing else refers to the block
}

// zeroBlock is what reserved room holds until it is written.
var zeroBlock [blockSize]byte

// New is an empty disk with room for so many bytes, counted in whole blocks of
// 4096. Names take no room.
func New(bytes int64) *Disk {
	return &Disk{names: map[string]*inode{"/": {dir: true, links: 1}}, all: bytes / blockSize, room: bytes / blockSize}
}

// Clone is a copy as the death of all processes leaves it: files without a name
// are gone, and nothing is open.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &Disk{names: make(map[string]*inode, len(d.names)+2), all: d.all, room: d.all}
	for name, n := range d.names {
		for i := range n.cells {
			n.cells[i].own = false
			if n.cells[i].data != nil {
				c.room--
			}
		}
		c.names[name] = &inode{dir: n.dir, size: n.size, cells: slices.Clone(n.cells), links: 1}
	}
	return c
}

// Same reports whether two disks, which nobody works on, hold the same: names,
// kinds, sizes and bytes, some names left out.
func (d *Disk) Same(o *Disk, but ...string) bool {
	holds := func(a, b *Disk) bool {
		for name, n := range a.names {
			if !n.same(b.names[name]) && !slices.Contains(but, name) {
				return false
			}
		}
		return true
	}
	return holds(d, o) && holds(o, d)
}

func (n *inode) same(o *inode) bool {
	if o == nil || n.dir != o.dir || n.size != o.size {
		return false
	}
	for i := range max(len(n.cells), len(o.cells)) {
		if a, b := n.block(i), o.block(i); a != b && !bytes.Equal(a[:], b[:]) {
			return false
		}
	}
	return true
}

// block is what is read at an index.
func (n *inode) block(i int) *[blockSize]byte {
	if i >= len(n.cells) || n.cells[i].data == nil {
		return &zeroBlock
	}
	return n.cells[i].data
}

// SetFile makes content, which must not change any more, that of a new file. The
// path is absolute and clean, and its directory is there.
func (d *Disk) SetFile(name string, content []byte) {
	n := &inode{size: int64(len(content)), cells: make([]cell, (len(content)+blockSize-1)/blockSize), links: 1}
	for i := range n.cells {
		if rest := content[i*blockSize:]; len(rest) >= blockSize {
			n.cells[i].data = (*[blockSize]byte)(rest)
		} else {
			n.cells[i] = cell{new([blockSize]byte), true}
			copy(n.cells[i].data[:], rest)
		}
	}
	d.room -= int64(len(n.cells))
	d.names[name] = n
}

func clean(name string) string {
	if name == "" {
		return ""
	}
	if name[0] == '/' && filepath.Separator == '/' {
		return filepath.Clean(name)
	}
	return filepath.ToSlash(filepath.Clean(string(filepath.Separator) + name[len(filepath.VolumeName(name)):]))
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// find is the inode of a clean path, nil where only the last name is absent.
func (d *Disk) find(name string) (*inode, error) {
	if n := d.names[name]; n != nil {
		return n, nil
	}
	if name == "" {
		return nil, fs.ErrNotExist
	}
	dir := path.Dir(name)
	switch n, err := d.find(dir); {
	case err != nil:
		return nil, err
	case n == nil:
		return nil, fs.ErrNotExist
	case !n.dir:
		return nil, syscall.ENOTDIR
	}
	return nil, nil
}

// open finds or makes a file.
func (d *Disk) open(name string, flag vfs.OpenFlag) (*inode, error) {
	n, err := d.find(name)
	switch {
	case err != nil:
		return nil, err
	case n == nil && flag&vfs.Create == 0:
		return nil, fs.ErrNotExist
	case n == nil:
		n = &inode{links: 1}
		d.names[name] = n
	case flag&vfs.Create != 0 && flag&vfs.Exclusive != 0:
		return nil, fs.ErrExist
	case n.dir:
		return nil, syscall.EISDIR
	case flag&vfs.Write != 0 && flag&vfs.Truncate != 0:
		d.cut(n, 0)
	}
	n.handles++
	return n, nil
}

// OpenFile implements vfs.FS.
func (d *Disk) OpenFile(name string, flag vfs.OpenFlag) (vfs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.open(clean(name), flag)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	d.handles++
	return &handle{d: d, n: n, name: name, writable: flag&vfs.Write != 0}, nil
}

// release gives back the room of a file that nothing refers to.
func (d *Disk) release(n *inode) {
	if n.links == 0 && n.handles == 0 {
		d.cut(n, 0)
	}
}

// Mkdir implements vfs.FS.
func (d *Disk) Mkdir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(clean(name))
	if err == nil && n != nil {
		err = fs.ErrExist
	}
	if err != nil {
		return pathError("mkdir", name, err)
	}
	d.names[clean(name)] = &inode{dir: true, links: 1}
	return nil
}

// below lists the paths in a directory, at any depth.
func (d *Disk) below(dir string) []string {
	var list []string
	prefix := strings.TrimSuffix(dir, "/") + "/"
	for name := range d.names {
		if len(name) > len(prefix) && strings.HasPrefix(name, prefix) {
			list = append(list, name)
		}
	}
	return list
}

// Remove implements vfs.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(clean(name))
	switch {
	case err != nil:
	case n == nil:
		err = fs.ErrNotExist
	case clean(name) == "/":
		err = syscall.EBUSY
	case n.dir && len(d.below(clean(name))) > 0:
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return pathError("remove", name, err)
	}
	d.unlink(clean(name))
	return nil
}

func (d *Disk) unlink(name string) {
	n := d.names[name]
	delete(d.names, name)
	n.links--
	d.release(n)
}

// Rename implements vfs.FS.
func (d *Disk) Rename(oldPath, newPath string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, to := clean(oldPath), clean(newPath)
	n, err := d.find(from)
	target, targetErr := d.find(to)
	switch err = cmp.Or(err, targetErr); {
	case err != nil:
	case n == nil:
		err = fs.ErrNotExist
	case target != nil && target.dir:
		err = fs.ErrExist
	case target == n:
		return nil
	case n.dir && strings.HasPrefix(to, from+"/"):
		err = syscall.EINVAL
	case n.dir && target != nil:
		err = syscall.ENOTDIR
	}
	if err != nil {
		return pathError("rename", oldPath, err)
	}
	if target != nil {
		d.unlink(to)
	}
	for _, name := range append(d.below(from), from) {
		d.names[to+name[len(from):]] = d.names[name]
		delete(d.names, name)
	}
	return nil
}

func (d *Disk) findDir(name string) error {
	n, err := d.find(name)
	switch {
	case err != nil:
		return err
	case n == nil:
		return fs.ErrNotExist
	case !n.dir:
		return syscall.ENOTDIR
	}
	return nil
}

// ReadDir implements vfs.FS.
func (d *Disk) ReadDir(name string) ([]vfs.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir := clean(name)
	if err := d.findDir(dir); err != nil {
		return nil, pathError("open", name, err)
	}
	list := make([]vfs.Info, 0, len(d.names))
	for p, n := range d.names {
		if p != "/" && path.Dir(p) == dir {
			list = append(list, n.info(p))
		}
	}
	slices.SortFunc(list, func(a, b vfs.Info) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (n *inode) info(name string) vfs.Info {
	return vfs.Info{Name: path.Base(name), Size: n.size, Dir: n.dir}
}

// Stat implements vfs.FS.
func (d *Disk) Stat(name string) (vfs.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(clean(name))
	if err == nil && n == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return vfs.Info{}, pathError("stat", name, err)
	}
	return n.info(clean(name)), nil
}

// SyncDir implements vfs.FS.
func (d *Disk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.findDir(clean(name)); err != nil {
		return pathError("sync", name, err)
	}
	return nil
}

// Names are the paths of everything, sorted.
func (d *Disk) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.names))
}

// Open is the number of files and locks that are open.
func (d *Disk) Open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handles + d.locks
}
