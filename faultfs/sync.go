package faultfs

import "slices"

// syncAct makes atoms of one inode durable, or fails to in one of the ways of
// Effect. Only atoms issued by calls up to upTo, the last call before the sync
// began, are covered: a write that raced with the sync stays pending.
type syncAct struct {
	ino    ino
	upTo   int
	effect Effect // Before stands for a sync that did its work
	keep   uint64 // EffectF5: which covered atoms persist
	late   error  // EffectF4: what the next sync reports
	told   bool   // this sync reports the late error of an earlier one
}

func (a syncAct) apply(d *disk, _ *Record) {
	covered, names := a.covered(d.pending)
	var must []duty
	if a.keeps() {
		must = a.duties(d.pending, covered)
	}
	dropped := false
	count := 0
	rest := d.pending[:0:0]
	for i, at := range d.pending {
		if !covered[i] {
			if must != nil && must[i] != at.must {
				bound := *at
				bound.must = must[i]
				at = &bound
			}
			rest = append(rest, at)
			continue
		}
		if a.persists(count) {
			d.bury(at)
			at.apply(&d.durable, d.mk)
		} else {
			dropped = true
		}
		count++
	}
	if n := d.durable.get(a.ino); n != nil && n.own == d.durable.own && !n.dir {
		n.trim(d.mk)
	}
	d.pending = rest
	a.settleLive(d, dropped)
	if names {
		d.sweep()
	}
}

// covers tells whether the sync is about the atom itself.
func (a syncAct) covers(at *Atom) bool { return at.Seq <= a.upTo && at.of(a.ino) }

// covered marks the pending atoms that the sync is about, and tells whether
// there are entry atoms among them. A rename between directories persists as
// one step, so whatever was done before to either of its names in the other
// directory must persist with it: else an older binding could come back beside
// the renamed file.
func (a syncAct) covered(pending []*Atom) (marks []bool, names bool) {
	type slot struct {
		dir  ino
		name string
	}
	var tied map[slot]bool
	marks = make([]bool, len(pending))
	for i := len(pending) - 1; i >= 0; i-- {
		at := pending[i]
		marks[i] = a.covers(at)
		if !at.entries() {
			continue
		}
		marks[i] = marks[i] || tied[slot{at.dir, at.name}] || at.Kind == AtomRename && tied[slot{at.to, at.toName}]
		names = names || marks[i]
		if marks[i] && at.Kind == AtomRename {
			if tied == nil {
				tied = map[slot]bool{}
			}
			tied[slot{at.dir, at.name}], tied[slot{at.to, at.toName}] = true, true
		}
	}
	return marks, names
}

// keeps tells whether everything covered reaches the disk.
func (a syncAct) keeps() bool {
	return a.effect != EffectF1 && a.effect != EffectF2 && a.effect != EffectF5
}

// persists tells whether the i-th covered atom reaches the disk.
func (a syncAct) persists(i int) bool {
	switch a.effect {
	case EffectF1, EffectF2:
		return false
	case EffectF5:
		return a.keep>>(i%64)&1 == 1
	}
	return true
}

// settleLive brings the live view in line with what the sync did: what was
// dropped is either still shown (and counts as clean) or gone.
func (a syncAct) settleLive(d *disk, dropped bool) {
	n := d.live.get(a.ino)
	if n == nil {
		return
	}
	if a.late != nil || a.told {
		n = d.live.edit(a.ino)
		n.late = a.late
	}
	if !dropped || n.dir {
		return
	}
	stored := d.durable.get(a.ino)
	n = d.live.edit(a.ino)
	n.will = stored.size
	for _, at := range d.pending {
		if at.ino != a.ino {
			continue
		}
		switch at.Kind {
		case AtomGrow:
			n.will = max(n.will, at.Size)
		case AtomShrink:
			n.will = min(n.will, at.Size)
		}
	}
	if a.effect == EffectF2 {
		a.revert(d, n, stored)
	}
}

// revert makes the live file what the disk has, with the writes that the sync
// did not cover on top.
func (a syncAct) revert(d *disk, n, stored *node) {
	before := n.held
	n.size, n.sum, n.held = stored.size, stored.sum, stored.held
	n.blocks, n.ownBlocks = slices.Clone(stored.blocks), true
	for _, at := range d.pending {
		if !at.entries() && at.ino == a.ino {
			at.applyFile(n, d.mk, -1)
		}
	}
	n.trim(d.mk)
	d.held += n.held - before
}

// matters tells whether the sync changes the disk at all, be it only by what
// must persist with it under some law.
func (a syncAct) matters(d *disk) bool {
	if a.late != nil || a.told || slices.ContainsFunc(d.pending, a.covers) {
		return true
	}
	if !a.keeps() {
		return false
	}
	return slices.ContainsFunc(d.pending, func(at *Atom) bool {
		creates := at.Kind == AtomBind && at.ino == a.ino
		return creates && at.must&dutyExt4ish == 0 || at.Seq <= a.upTo && at.must&dutyPrefix == 0
	})
}
