package vfs

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// NewMem is an empty disk in memory without a bound. Its root and its working
// directory are the same directory, and there is nothing above. Nothing on it
// survives the process; the syncs only check their arguments.
//
// Permissions and links do not exist on it. For the rest it
// behaves as OS does on Linux.
func NewMem() FS { return newMem(math.MaxInt64) }

// NewMemSize is NewMem with room for bytes bytes, counted in blocks of 4096
// that belong to a file from their first write or Allocate on. When they run
// out, WriteAt writes what fits and Allocate nothing, and both answer
// syscall.ENOSPC. A removed file gives its blocks back with its last handle.
// Names take no room.
func NewMemSize(bytes int64) FS { return newMem(max(bytes, 0)) }

func newMem(bytes int64) FS {
	space := &memSpace{free: bytes / memBlock, bounded: bytes != math.MaxInt64}
	return &memFS{root: newMemDir(), space: space}
}

// memFS is a tree of names. Invariant: a file's data stays as long as a name
// or a handle refers to it, and its blocks are given back when neither does.
type memFS struct {
	mu    sync.RWMutex // guards the tree and the link, handle and lock counts of the files
	root  *memNode
	space *memSpace
}

// memNode is a directory or a file.
type memNode struct {
	children map[string]*memNode // nil for a file
	data     *memData            // nil for a directory
	linked   bool                // a name refers to the file
	handles  int                 // open handles and locks
	locks    memLocks
}

func newMemDir() *memNode { return &memNode{children: map[string]*memNode{}} }

func (n *memNode) isDir() bool { return n.children != nil }

func (n *memNode) info(name string) Info {
	if n.isDir() {
		return Info{Name: name, Dir: true}
	}
	return Info{Name: name, Size: n.data.currentSize()}
}

// releaseIfUnused gives back the blocks of a file that nothing refers to.
func (n *memNode) releaseIfUnused() {
	if !n.linked && n.handles == 0 {
		n.data.release()
	}
}

// split gives the names on the way from the root to path.
func split(path string) []string {
	const sep = string(filepath.Separator)
	path = filepath.Clean(sep + path[len(filepath.VolumeName(path)):])
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// find returns the node of path, nil when only the last name is absent, and
// the directory that has or would have it. The root has neither parent nor name.
func (m *memFS) find(path string) (parent *memNode, name string, node *memNode, err error) {
	if path == "" {
		return nil, "", nil, fs.ErrNotExist
	}
	node = m.root
	for _, next := range split(path) {
		switch {
		case node == nil:
			return nil, "", nil, fs.ErrNotExist
		case !node.isDir():
			return nil, "", nil, syscall.ENOTDIR
		}
		parent, name, node = node, next, node.children[next]
	}
	return parent, name, node, nil
}

func (m *memFS) OpenFile(path string, flag OpenFlag) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.open(path, flag)
	if err != nil {
		return nil, pathError("open", path, err)
	}
	return &memFile{fs: m, node: node, data: node.data, path: path, writable: flag&Write != 0}, nil
}

// open finds or makes a file and counts a handle of it.
func (m *memFS) open(path string, flag OpenFlag) (*memNode, error) {
	parent, name, node, err := m.find(path)
	switch {
	case err != nil:
		return nil, err
	case node == nil && flag&Create == 0:
		return nil, fs.ErrNotExist
	case node == nil:
		node = &memNode{data: newMemData(m.space), linked: true}
		parent.children[name] = node
	case flag&Create != 0 && flag&Exclusive != 0:
		return nil, fs.ErrExist
	case node.isDir():
		return nil, syscall.EISDIR
	case flag&Write != 0 && flag&Truncate != 0:
		node.data.truncate(0)
	}
	node.handles++
	return node, nil
}

func (m *memFS) closeHandle(node *memNode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node.handles--
	node.releaseIfUnused()
}

func (m *memFS) Mkdir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, name, node, err := m.find(path)
	if err == nil && node != nil {
		err = fs.ErrExist
	}
	if err != nil {
		return pathError("mkdir", path, err)
	}
	parent.children[name] = newMemDir()
	return nil
}

func (m *memFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, name, node, err := m.find(path)
	switch {
	case err != nil:
	case node == nil:
		err = fs.ErrNotExist
	case parent == nil:
		err = syscall.EBUSY
	case len(node.children) > 0:
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return pathError("remove", path, err)
	}
	m.unlink(parent, name)
	return nil
}

// unlink takes a name away; handles of a file go on working.
func (m *memFS) unlink(parent *memNode, name string) {
	node := parent.children[name]
	delete(parent.children, name)
	if !node.isDir() {
		node.linked = false
		node.releaseIfUnused()
	}
}

func (m *memFS) Rename(oldPath, newPath string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.rename(oldPath, newPath); err != nil {
		return pathError("rename", oldPath, fmt.Errorf("to %s: %w", newPath, err))
	}
	return nil
}

func (m *memFS) rename(oldPath, newPath string) error {
	oldParent, oldName, node, err := m.find(oldPath)
	if err != nil {
		return err
	}
	newParent, newName, target, err := m.find(newPath)
	switch {
	case err != nil:
		return err
	case node == nil:
		return fs.ErrNotExist
	case target != nil && target.isDir():
		return fs.ErrExist
	case node == target:
		return nil
	case node.isDir() && node.holds(newParent):
		return syscall.EINVAL
	case target != nil && node.isDir():
		return syscall.ENOTDIR
	}
	if target != nil {
		m.unlink(newParent, newName)
	}
	delete(oldParent.children, oldName)
	newParent.children[newName] = node
	return nil
}

// holds reports whether dir is n or stands somewhere below it.
func (n *memNode) holds(dir *memNode) bool {
	if n == dir {
		return true
	}
	for _, child := range n.children {
		if child.isDir() && child.holds(dir) {
			return true
		}
	}
	return false
}

func (m *memFS) ReadDir(path string) ([]Info, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	node, err := m.findDir(path)
	if err != nil {
		return nil, pathError("open", path, err)
	}
	infos := make([]Info, 0, len(node.children))
	for _, name := range slices.Sorted(maps.Keys(node.children)) {
		infos = append(infos, node.children[name].info(name))
	}
	return infos, nil
}

func (m *memFS) findDir(path string) (*memNode, error) {
	_, _, node, err := m.find(path)
	switch {
	case err != nil:
		return nil, err
	case node == nil:
		return nil, fs.ErrNotExist
	case !node.isDir():
		return nil, syscall.ENOTDIR
	}
	return node, nil
}

func (m *memFS) Stat(path string) (Info, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, _, node, err := m.find(path)
	if err == nil && node == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Info{}, pathError("stat", path, err)
	}
	return node.info(filepath.Base(path)), nil
}

func (m *memFS) SyncDir(path string) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if _, err := m.findDir(path); err != nil {
		return pathError("sync", path, err)
	}
	return nil
}
