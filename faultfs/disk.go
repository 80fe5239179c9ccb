package faultfs

import "slices"

// disk is the whole model: what running programs see, what a power cut
// leaves for sure, and the atoms between the two.
//
// It changes only through apply, with actions that carry everything there is
// to know. Replaying a log on a copy of its base therefore gives the same
// states as the run that wrote it, faults included.
//
// Invariants:
//   - durable with all pending atoms applied in issue order equals live,
//     except where a failed sync dropped atoms (then live shows bytes that no
//     later sync persists until they are written again), and except for files
//     that have lost their last name.
//   - pending is in issue order, and its backing array is only appended to.
type disk struct {
	mk      *blockMaker
	live    tree
	durable tree
	pending []*Atom
	held    int64      // blocks of live that take space
	graves  [][]*block // of what is gone for good, for the profile that lets it come up again
}

func newDisk(sector int) *disk {
	return &disk{mk: newBlockMaker(sector), live: newTree(), durable: newTree()}
}

// freeze returns an immutable copy.
func (d *disk) freeze() *disk {
	c := *d
	c.live, c.durable = d.live.freeze(), d.durable.freeze()
	c.pending = slices.Clip(d.pending)
	return &c
}

// fork makes a disk that can be changed from a frozen one.
func (d *disk) fork() *disk {
	c := *d
	c.live, c.durable = d.live.fork(), d.durable.fork()
	return &c
}

// settled makes a disk on which live and durable are both the given tree.
func (d *disk) settled(t tree) *disk {
	c := &disk{mk: d.mk, live: t, graves: d.graves}
	c.dropUnnamed()
	c.durable = c.live.freeze().fork()
	return c
}

// killed is the disk after the death of every process: files without a name
// are gone with their handles, everything else stays as it is.
func (d *disk) killed() *disk {
	c := d.fork()
	c.dropUnnamed()
	return c
}

// dropUnnamed forgets the live files that have no name, and counts the space
// of the others.
func (d *disk) dropUnnamed() {
	names := named(&d.live)
	d.held = 0
	for i, n := range d.live.nodes {
		switch {
		case n == nil:
		case names[i]:
			d.held += n.held
		default:
			d.live.nodes[i] = nil
		}
	}
}

// named tells which inodes of a tree have a name in some directory.
func named(t *tree) []bool {
	set := make([]bool, len(t.nodes))
	set[rootIno] = true
	for _, n := range t.nodes {
		if n == nil {
			continue
		}
		for _, e := range n.entries {
			set[e.ino] = true
		}
	}
	return set
}

// sweep forgets what no name can ever reach again, on either view: a removed
// file whose removal is durable has no crash state any more.
func (d *disk) sweep() {
	keep := named(&d.live)
	mark := func(i ino) {
		if int(i) < len(keep) {
			keep[i] = true
		}
	}
	for _, n := range d.durable.nodes {
		if n == nil {
			continue
		}
		for _, e := range n.entries {
			mark(e.ino)
		}
	}
	for _, a := range d.pending {
		if a.entries() {
			mark(a.ino)
		}
	}
	for i, n := range d.durable.nodes {
		if i >= len(keep) || !keep[i] {
			if n != nil && n.held > 0 {
				d.grave(n.blocks)
			}
			d.durable.nodes[i] = nil
		}
	}
	gone := func(a *Atom) bool { return !a.entries() && d.durable.get(a.ino) == nil }
	if slices.ContainsFunc(d.pending, gone) {
		d.pending = slices.DeleteFunc(slices.Clone(d.pending), gone)
	}
}
