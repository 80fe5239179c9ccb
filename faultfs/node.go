package faultfs

import (
	"bytes"
	"cmp"
	"slices"
)

// ino names an inode. Numbers are given out in the order of creation and
// never again, so that a replay of the log gives the same ones.
type ino int

const (
	noIno   ino = -1
	rootIno ino = 0
)

// entry binds a name in a directory.
type entry struct {
	name string
	hash uint64
	ino  ino
}

// node is an inode as one view sees it. Only the view whose token it carries
// may change it; see tree.
type node struct {
	own *token
	dir bool

	entries []entry // of a directory, sorted by name

	size      int64
	blocks    []*block // of a file, by sector; what lies behind the end is a hole
	ownBlocks bool     // the slice itself is not shared
	sum       uint64   // of the blocks' weights
	held      int64    // blocks that take space

	// will is, in the live view, the size that the disk would have if every
	// pending atom persisted. It is less than size after a failed sync that
	// dropped a growth; the next write there must grow the file again.
	will int64
	// late is the error that the next sync of the inode reports (effect F4).
	late error
}

// clone is a copy that whoever has the token may change.
func (n *node) clone(own *token) *node {
	c := *n
	c.own, c.ownBlocks = own, false
	c.entries = slices.Clone(n.entries)
	return &c
}

func (n *node) find(name string) (int, bool) {
	return slices.BinarySearchFunc(n.entries, name, func(e entry, s string) int { return cmp.Compare(e.name, s) })
}

func (n *node) lookup(name string) ino {
	if i, ok := n.find(name); ok {
		return n.entries[i].ino
	}
	return noIno
}

func (n *node) bind(name string, to ino) {
	i, ok := n.find(name)
	if ok {
		n.entries[i].ino = to
		return
	}
	n.entries = slices.Insert(n.entries, i, entry{name: name, hash: hashName(name), ino: to})
}

func (n *node) unbind(name string) {
	if i, ok := n.find(name); ok {
		n.entries = slices.Delete(n.entries, i, i+1)
	}
}

// block is the block at a sector index, nil behind the last one.
func (n *node) block(i int) *block {
	if i >= len(n.blocks) {
		return nil
	}
	return n.blocks[i]
}

func (n *node) setBlock(i int, b *block) {
	if !n.ownBlocks {
		grown := make([]*block, len(n.blocks), max(i+1, len(n.blocks)))
		copy(grown, n.blocks)
		n.blocks, n.ownBlocks = grown, true
	}
	for len(n.blocks) <= i {
		n.blocks = append(n.blocks, nil)
	}
	old := n.blocks[i]
	n.sum += b.weight(i) - old.weight(i)
	n.held += held(b) - held(old)
	n.blocks[i] = b
}

func held(b *block) int64 {
	if b == nil {
		return 0
	}
	return 1
}

// trim drops every byte behind the end of the file.
func (n *node) trim(m *blockMaker) { n.cut(m, n.size) }

// cut drops every byte from size on.
func (n *node) cut(m *blockMaker, size int64) {
	s := int64(m.sector)
	keep := int((size + s - 1) / s)
	for i := len(n.blocks) - 1; i >= keep; i-- {
		if n.blocks[i] != nil {
			n.setBlock(i, nil)
		}
	}
	if len(n.blocks) > keep {
		n.blocks = n.blocks[:keep]
	}
	tail := int(size % s)
	if tail == 0 || n.block(keep-1) == nil {
		return
	}
	if b := n.blocks[keep-1]; !bytes.Equal(b.data[tail:], m.zero.data[tail:]) {
		fresh := make([]byte, m.sector)
		copy(fresh, b.data[:tail])
		n.setBlock(keep-1, m.whole(fresh))
	}
}

// reserve makes the holes in [from, to) take space.
func (n *node) reserve(m *blockMaker, from, to int64) {
	s := int64(m.sector)
	for i := int(from / s); i < int((to+s-1)/s); i++ {
		if n.block(i) == nil {
			n.setBlock(i, m.zero)
		}
	}
}

// read copies the bytes at off into p; the caller has checked the range.
func (n *node) read(m *blockMaker, p []byte, off int64) {
	s := int64(m.sector)
	for len(p) > 0 {
		in := int(off % s)
		c := min(len(p), m.sector-in)
		if b := n.block(int(off / s)); b != nil {
			copy(p[:c], b.data[in:])
		} else {
			clear(p[:c])
		}
		p, off = p[c:], off+int64(c)
	}
}
