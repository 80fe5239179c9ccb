package faultfs

import "slices"

// duty is a set of laws under which an atom that no sync has covered persists
// all the same, because of a sync of something else.
type duty uint8

const (
	dutyExt4ish duty = 1 << iota
	dutyOrdered
	dutyPrefix
)

// duties tells, for each pending atom, under which laws it persists with this
// sync, which covers the marked ones. What a milder law makes persist, the
// laws that are milder still do too.
func (a syncAct) duties(pending []*Atom, covered []bool) []duty {
	must := make([]duty, len(pending))
	for i, at := range pending {
		must[i] = at.must
		switch {
		case covered[i]:
			must[i] |= dutyExt4ish | dutyOrdered | dutyPrefix
		case at.Kind == AtomBind && at.ino == a.ino:
			must[i] |= dutyExt4ish | dutyOrdered
		}
		if at.Seq <= a.upTo {
			must[i] |= dutyPrefix
		}
	}
	closeEntries(pending, must)
	closeMetadata(pending, must)
	return must
}

// closeEntries spreads dutyExt4ish to the entry atoms that stand before a
// bound one in a directory.
func closeEntries(pending []*Atom, must []duty) {
	var dirs []ino
	for i, at := range slices.Backward(pending) {
		if !at.entries() || must[i]&dutyExt4ish == 0 && !slices.ContainsFunc(dirs, at.in) {
			continue
		}
		must[i] |= dutyExt4ish | dutyOrdered
		dirs = append(dirs, at.dir)
		if at.Kind == AtomRename {
			dirs = append(dirs, at.to)
		}
	}
}

// closeMetadata spreads dutyOrdered to all entries and sizes before a bound
// one, and to the bytes that those sizes show.
func closeMetadata(pending []*Atom, must []duty) {
	bound := false
	for i, at := range slices.Backward(pending) {
		if at.Kind == AtomData {
			continue
		}
		bound = bound || must[i]&dutyOrdered != 0
		if !bound {
			continue
		}
		must[i] |= dutyOrdered
		for j := range shown(pending, i) {
			must[j] |= dutyOrdered
		}
	}
}
