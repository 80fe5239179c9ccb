package faultfs

import "slices"

// maxKnown bounds how many versions of files and directories a builder keeps.
const maxKnown = 4096

// builder makes the trees that a power cut may leave of one disk. What becomes
// of a file or a directory depends on the atoms of its own alone, so each choice
// among those is made once, and images share it.
type builder struct {
	d     *disk // frozen
	p     Profile
	own   *token // of the nodes it makes, and of no tree
	parts []part
	known map[choiceOf]*node
}

// part is an inode with pending atoms.
type part struct {
	ino   ino
	base  *node // the durable one
	atoms []int // by index in pending
}

// choiceOf is a choice among the atoms of a part.
type choiceOf struct {
	part   int
	chosen uint64 // the bits of up to 64 atoms; of more, their hash
}

// builder makes one for a law that is not Kill. The disk must be frozen.
func (d *disk) builder(p Profile) *builder {
	b := &builder{d: d, p: p, own: new(token), known: map[choiceOf]*node{}}
	at := make([]int, len(d.durable.nodes)) // index in parts, plus one
	add := func(of ino, atom int) {
		base := d.durable.get(of)
		if base == nil {
			return
		}
		if at[of] == 0 {
			b.parts = append(b.parts, part{ino: of, base: base})
			at[of] = len(b.parts)
		}
		one := &b.parts[at[of]-1]
		one.atoms = append(one.atoms, atom)
	}
	for i, a := range d.pending {
		if !a.entries() {
			add(a.ino, i)
			continue
		}
		add(a.dir, i)
		if a.Kind == AtomRename && a.to != a.dir {
			add(a.to, i)
		}
	}
	return b
}

// tree is the disk after a power cut that let the chosen pending atoms persist.
// It is frozen.
func (b *builder) tree(sel Selection) tree {
	t := tree{nodes: slices.Clone(b.d.durable.nodes)}
	lost := -1
	if b.p.Law == NoPSOW && sel.cutAtom > 0 && sel.cutAtom <= len(b.d.pending) {
		lost, sel.cutAtom = sel.cutAtom-1, 0
	}
	for i := range b.parts {
		t.nodes[b.parts[i].ino] = b.node(i, sel)
	}
	switch {
	case b.p.Law == Garbage:
		t.own = new(token)
		b.d.foul(&t, sel, b.p.Seed)
	case lost >= 0:
		t.own = new(token)
		b.d.destroy(&t, b.d.pending[lost], sel.cutBytes, b.p.Seed)
	}
	t.own = nil
	return t
}

// node is what the chosen atoms make of a part.
func (b *builder) node(i int, sel Selection) *node {
	p := &b.parts[i]
	key, chosen, cut := choiceOf{part: i}, false, false
	for k, atom := range p.atoms {
		if k%64 == 0 && k > 0 {
			key.chosen = mix(key.chosen, uint64(k))
		}
		if sel.Has(atom) {
			key.chosen ^= 1 << (k % 64)
			chosen, cut = true, cut || sel.cutOf(atom) >= 0
		}
	}
	if !chosen {
		return p.base
	}
	if n := b.known[key]; n != nil && !cut {
		return n
	}
	n := p.base.clone(b.own)
	for _, atom := range p.atoms {
		if sel.Has(atom) {
			b.d.pending[atom].applyTo(p.ino, n, b.d.mk, sel.cutOf(atom))
		}
	}
	if !n.dir {
		n.trim(b.d.mk)
	}
	if !cut && len(b.known) < maxKnown {
		b.known[key] = n
	}
	return n
}

// destroy takes all bytes of the sector that an atom was on its way to,
// whatever put them there: no bytes written leaves zeros, else noise.
func (d *disk) destroy(t *tree, a *Atom, cut int, seed uint64) {
	i, ok := a.writes(int64(d.mk.sector))
	n := t.edit(a.ino)
	if !ok || n == nil {
		return
	}
	if cut == 0 {
		n.setBlock(int(i), d.mk.zero)
	} else {
		n.setBlock(int(i), d.mk.whole(noise(mix(mix(seed, uint64(a.ino)), uint64(i)), d.mk.sector)))
	}
	n.trim(d.mk)
}
