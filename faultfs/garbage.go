package faultfs

import "encoding/binary"

// maxGraves bounds the memory for old bytes of removed files.
const maxGraves = 8

// bury keeps the blocks that a durable truncation gives back, at the indexes
// that they had in their file.
func (d *disk) bury(a *Atom) {
	n := d.durable.get(a.ino)
	if a.Kind != AtomShrink || n == nil {
		return
	}
	keep := int((a.Size + int64(d.mk.sector) - 1) / int64(d.mk.sector))
	if keep >= len(n.blocks) {
		return
	}
	cut := make([]*block, len(n.blocks))
	copy(cut[keep:], n.blocks[keep:])
	d.grave(cut)
}

// grave keeps the blocks of a file that is gone for good.
func (d *disk) grave(blocks []*block) {
	for _, b := range blocks {
		if b != nil && b.hash != 0 {
			d.graves = append(d.graves[max(0, len(d.graves)+1-maxGraves):len(d.graves):len(d.graves)], blocks)
			return
		}
	}
}

// donors are the old blocks that new files may have been given: those of files
// and tails that are gone durably, and of files without a name in the tree.
func (d *disk) donors(t *tree) [][]*block {
	list := d.graves[:len(d.graves):len(d.graves)]
	names := named(t)
	for i, n := range t.nodes {
		if n != nil && !names[i] && n.held > 0 {
			list = append(list, n.blocks)
		}
	}
	return list
}

// foul puts garbage where sizes persisted and bytes did not.
func (d *disk) foul(t *tree, sel Selection, seed uint64) {
	var donors [][]*block
	for _, e := range d.exposures(sel) {
		n := t.edit(e.ino)
		if n == nil || len(e.open) == 0 {
			continue
		}
		if donors == nil {
			donors = append(d.donors(t), nil)
		}
		source := source{mk: d.mk, seed: mix(seed, uint64(e.ino))}
		if old := len(donors) - 1; old > 0 && source.seed&1 == 1 {
			source.old = donors[source.seed>>1%uint64(old)]
		}
		for _, s := range e.open {
			source.fill(n, s)
		}
	}
}

// exposure is what of a file the chosen sizes show and no chosen bytes cover.
type exposure struct {
	ino     ino
	seq     int
	base    int64 // the size before the call seq
	size    int64
	open    spans // shown or to be shown, not written
	written spans // behind the sizes that came before
}

// exposures follows the sizes through the pending atoms. Only bytes that some
// write meant to put there count: what Truncate and Allocate add reads as zeros
// on every file system.
func (d *disk) exposures(sel Selection) []exposure {
	var list []exposure
	at := map[ino]int{}
	for i, a := range d.pending {
		stored := d.durable.get(a.ino)
		if a.entries() || stored == nil {
			continue
		}
		k, known := at[a.ino]
		if !known {
			k = len(list)
			at[a.ino] = k
			list = append(list, exposure{ino: a.ino, size: stored.size})
		}
		list[k].follow(a, sel.Has(i), sel.cutOf(i))
	}
	for k := range list {
		list[k].open = list[k].open.without(span{list[k].size, maxFile})
	}
	return list
}

// follow takes in one atom, of which the first cut bytes persist.
func (e *exposure) follow(a *Atom, chosen bool, cut int) {
	if a.Seq != e.seq {
		e.seq, e.base = a.Seq, e.size
	}
	switch a.Kind {
	case AtomGrow:
		if chosen {
			e.size = max(e.size, a.Size)
		}
	case AtomShrink:
		if chosen {
			e.size, e.base = min(e.size, a.Size), min(e.base, a.Size)
			e.open = e.open.without(span{a.Size, maxFile})
			e.written = e.written.without(span{a.Size, maxFile})
		}
	case AtomData:
		mid, end := a.Off, a.Off+int64(a.Len)
		switch {
		case chosen && cut >= 0:
			mid += int64(min(cut, a.Len))
		case chosen:
			mid = end
		}
		e.open = e.open.without(span{a.Off, mid})
		e.written = e.written.with(span{max(a.Off, e.base), mid})
		lost := spans{}.with(span{max(mid, e.base), end})
		for _, w := range e.written {
			lost = lost.without(w)
		}
		for _, s := range lost {
			e.open = e.open.with(s)
		}
	}
}

// span is a range of bytes [from, to).
type span struct{ from, to int64 }

// spans are ranges that do not overlap, in no order.
type spans []span

// without takes a range out.
func (s spans) without(cut span) spans {
	if cut.from >= cut.to {
		return s
	}
	var rest spans
	for _, one := range s {
		if one.to <= cut.from || cut.to <= one.from {
			rest = append(rest, one)
			continue
		}
		if one.from < cut.from {
			rest = append(rest, span{one.from, cut.from})
		}
		if cut.to < one.to {
			rest = append(rest, span{cut.to, one.to})
		}
	}
	return rest
}

// with adds a range.
func (s spans) with(more span) spans {
	if more.from >= more.to {
		return s
	}
	return append(s.without(more), more)
}

// source makes bytes out of nothing: noise, or old blocks.
type source struct {
	mk   *blockMaker
	seed uint64
	old  []*block // nil for noise
}

// fill puts the bytes of the source into a range of a file.
func (s source) fill(n *node, r span) {
	size := int64(s.mk.sector)
	for off := r.from; off < r.to; {
		i, in := int(off/size), off%size
		end := min(r.to, off-in+size)
		n.setBlock(i, s.mk.overlay(n.block(i), int(in), s.sector(i)[in:in+end-off]))
		off = end
	}
}

// sector is the content of the source at a sector index.
func (s source) sector(i int) []byte {
	if len(s.old) == 0 {
		return noise(mix(s.seed, uint64(i)), s.mk.sector)
	}
	b := s.old[i%len(s.old)]
	if b == nil {
		return s.mk.zero.data
	}
	return b.data
}

// noise is n bytes that look random and are the same for the same seed.
func noise(seed uint64, n int) []byte {
	p := make([]byte, (n+7)/8*8)
	for i := 0; i < len(p); i += 8 {
		seed += prime1
		binary.LittleEndian.PutUint64(p[i:], mix(seed, prime3))
	}
	return p[:n]
}
