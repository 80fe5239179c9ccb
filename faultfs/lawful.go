package faultfs

import "slices"

// Lawful is the largest part of a selection that may persist under the
// profile of the state, together with what must persist under it. Image and
// Crash apply it, so that any selection, drawn or shrunk, leaves a legal disk.
//
// Under every law the legal selections are closed under union, which is why
// there is a largest one.
func (s *State) Lawful(sel Selection) Selection {
	if !s.profile.Law.narrows() {
		return sel
	}
	n := narrowing{pending: s.d.pending, inFlight: s.From, sel: sel.clone()}
	switch s.profile.Law {
	case Ext4ish:
		n.keep(dutyExt4ish)
		n.entriesInOrder()
	case Ordered:
		n.keep(dutyOrdered)
		n.metadataInOrder(0)
	case Prefix:
		n.keep(dutyPrefix)
		n.metadataInOrder(n.wholeCalls())
	}
	if n.sel.cutAtom > 0 && !n.sel.Has(n.sel.cutAtom-1) {
		n.sel.cutAtom, n.sel.cutBytes = 0, 0
	}
	return n.sel
}

// narrowing takes out of a selection what a law forbids.
type narrowing struct {
	pending  []*Atom
	inFlight int // the call that may have been on its way
	sel      Selection
	duty     duty
}

// keep adds the atoms that must persist under a law, wholly.
func (n *narrowing) keep(must duty) {
	n.duty = must
	for i, a := range n.pending {
		if a.must&must == 0 {
			continue
		}
		n.sel.set(i)
		if n.sel.cutAtom == i+1 {
			n.sel.cutAtom, n.sel.cutBytes = 0, 0
		}
	}
}

// whole tells whether an atom persists with all its bytes.
func (n *narrowing) whole(i int) bool { return n.sel.Has(i) && n.sel.cutOf(i) < 0 }

// entriesInOrder drops every entry atom of a directory behind one that is not
// selected.
func (n *narrowing) entriesInOrder() {
	var broken []ino
	for i, a := range n.pending {
		if !a.entries() {
			continue
		}
		if n.sel.Has(i) && (a.must&n.duty != 0 || !slices.ContainsFunc(broken, a.in)) {
			continue
		}
		n.sel.clear(i)
		broken = append(broken, a.dir)
		if a.Kind == AtomRename {
			broken = append(broken, a.to)
		}
	}
}

// metadataInOrder drops, from the atom with the given index on, every entry and
// size behind one that is not selected, and every size whose bytes are not.
func (n *narrowing) metadataInOrder(from int) {
	broken := false
	for i := from; i < len(n.pending); i++ {
		a := n.pending[i]
		if a.Kind == AtomData || a.must&n.duty != 0 {
			continue
		}
		if broken || !n.sel.Has(i) || !n.covered(i) {
			n.sel.clear(i)
			broken = true
		}
	}
}

// covered tells whether the bytes that a size atom shows persist.
func (n *narrowing) covered(i int) bool {
	for j := range shown(n.pending, i) {
		if !n.whole(j) {
			return false
		}
	}
	return true
}

// wholeCalls drops what stands behind the first call that is not selected
// wholly, apart from the atoms of that call when it is the one in flight. It
// returns the index of the first atom that is not of a whole call.
func (n *narrowing) wholeCalls() int {
	for i := 0; i < len(n.pending); {
		j, all := i, true
		for j < len(n.pending) && n.pending[j].Seq == n.pending[i].Seq {
			all = all && n.whole(j)
			j++
		}
		if !all {
			if n.pending[i].Seq == n.inFlight {
				n.sel.clearRange([2]int{j, len(n.pending)})
			} else {
				n.sel.clearRange([2]int{i, len(n.pending)})
			}
			return i
		}
		i = j
	}
	return len(n.pending)
}

// shown yields the indexes of the data atoms whose bytes the size atom i shows:
// those of the write that made it, as far as they lie behind the size before.
func shown(pending []*Atom, i int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		z := pending[i]
		if z.Kind != AtomGrow {
			return
		}
		for j := i + 1; j < len(pending) && pending[j].Seq == z.Seq; j++ {
			d := pending[j]
			if d.Kind == AtomData && d.Off+int64(d.Len) > z.base && !yield(j) {
				return
			}
		}
	}
}
