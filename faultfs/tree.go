package faultfs

import "slices"

// token marks who may change a node in place.
type token struct{ _ byte }

// tree is one view of the disk: inodes by number, the root directory first.
//
// Trees share nodes. A node may be changed in place only by the tree that
// carries the same token; every other tree clones it first. A tree without a
// token is frozen: it never changes, and any number of goroutines may read
// and fork it.
type tree struct {
	nodes []*node
	own   *token
}

func newTree() tree {
	own := new(token)
	return tree{nodes: []*node{{own: own, dir: true}}, own: own}
}

// freeze returns the tree as it is now. The tree itself gives up its nodes
// and clones what it changes from here on.
func (t *tree) freeze() tree {
	frozen := tree{nodes: slices.Clone(t.nodes)}
	t.own = new(token)
	return frozen
}

// fork makes a tree that can be changed from a frozen one.
func (t tree) fork() tree {
	return tree{nodes: slices.Clone(t.nodes), own: new(token)}
}

func (t *tree) get(i ino) *node {
	if int(i) >= len(t.nodes) || i < 0 {
		return nil
	}
	return t.nodes[i]
}

// edit returns the node for changing; nil when the tree has no such inode.
func (t *tree) edit(i ino) *node {
	n := t.get(i)
	if n == nil || n.own == t.own {
		return n
	}
	c := n.clone(t.own)
	t.nodes[i] = c
	return c
}

// put sets an inode, nil to forget it.
func (t *tree) put(i ino, n *node) {
	for len(t.nodes) <= int(i) {
		t.nodes = append(t.nodes, nil)
	}
	t.nodes[i] = n
}

func (t *tree) add(i ino, dir bool) {
	t.put(i, &node{own: t.own, dir: dir})
}

// walk visits every name below the root, parents first, in name order. A
// directory that a crash left bound below itself is visited once.
func (t *tree) walk(visit func(path string, n *node)) {
	seen := make([]bool, len(t.nodes))
	t.walkFrom(rootIno, "", seen, visit)
}

func (t *tree) walkFrom(at ino, path string, seen []bool, visit func(string, *node)) {
	d := t.get(at)
	if d == nil || seen[at] {
		return
	}
	seen[at] = true
	for _, e := range d.entries {
		n := t.get(e.ino)
		if n == nil {
			continue
		}
		full := path + "/" + e.name
		visit(full, n)
		if n.dir {
			t.walkFrom(e.ino, full, seen, visit)
		}
	}
}

// digest is a sum over all names, so that the order does not matter and a
// file costs no more than its cached content hash.
func (t *tree) digest() Digest {
	return Digest(mix(t.digestFrom(rootIno, prime3, 0), prime1))
}

// maxDepth bounds the walk over trees in which a crash bound a directory
// below itself.
const maxDepth = 32

func (t *tree) digestFrom(at ino, path uint64, depth int) uint64 {
	d := t.get(at)
	if d == nil || depth > maxDepth {
		return 0
	}
	var sum uint64
	for i := range d.entries {
		e := &d.entries[i]
		n := t.get(e.ino)
		if n == nil {
			continue
		}
		p := mix(path, e.hash)
		if n.dir {
			sum += mix(p, prime3) + t.digestFrom(e.ino, p, depth+1)
			continue
		}
		sum += mix(p, mix(uint64(n.size), n.sum))
	}
	return sum
}
