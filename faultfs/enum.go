package faultfs

import (
	"iter"
	"slices"
)

// Enum says which selections of a state's pending atoms are tried. Nothing
// and everything always are.
//
// The unit of choice is the atom, save that the data atoms of one write count
// as at most three: the first, those in the middle, the last.
type Enum struct {
	// MaxSubset is the largest number of units of which every subset is
	// tried; 0 = 8, negative = none. It is at most 20.
	MaxSubset int
	// NoSingles leaves out losing one unit or one call, and keeping only one.
	NoSingles bool
	// NoPrefixes leaves out the prefixes of the log.
	NoPrefixes bool
	// NoTears leaves out the sector cuts of the last write of each file: its
	// sectors up to a cut persist, or those behind it, and all other atoms.
	NoTears bool
	// ByteCuts tears the write that led to the state inside its first and its
	// last sector too, after one byte, in the middle, and before the last byte.
	ByteCuts bool
	// Wide adds, for states with too many units for all subsets, the list that
	// bounds them: see choice.wide.
	Wide bool
	// Random is how many random selections such a state gets; Seed and the
	// number of the call decide which.
	Random int
	Seed   uint64
	// Profile is what the disk may leave. Under NoPSOW each sector in flight is
	// also lost, up to 1024 of them, with every subset of the units where those
	// are at most 256 selections more, else with nothing, all, and all before it.
	// The zero value means the profile that
	// the state is seen under, which is Posix unless State.Under was called.
	Profile Profile
	// Fixed are path classes whose atoms are not chosen: they persist in every
	// selection but the empty one. ClassLock is a good choice where the
	// content of the lock file decides nothing.
	Fixed Class
}

// maxTears bounds the sector cuts of one write: a longer one is cut at so
// many places, evenly.
const maxTears = 128

func (e Enum) maxSubset() int {
	if e.MaxSubset == 0 {
		return 8
	}
	return min(e.MaxSubset, 20)
}

// under is the state under the profile that e asks for.
func (s *State) under(e Enum) *State {
	if e.Profile == (Profile{}) {
		return s
	}
	return s.Under(e.Profile)
}

// Selections yields what e asks for and the profile allows, most telling
// first. A selection may come more than once. Under a profile that e names the
// selections belong to State.Under of it.
func (s *State) Selections(e Enum) iter.Seq[Selection] {
	s = s.under(e)
	if s.profile.Law == Kill {
		return func(yield func(Selection) bool) { yield(All(len(s.d.pending))) }
	}
	return func(yield func(Selection) bool) {
		c := choice{pending: s.d.pending, sector: int64(s.d.mk.sector), all: All(len(s.d.pending)), law: s.profile.Law, yield: yield}
		if c.law.narrows() {
			c.yield = s.lawfulOnce(yield)
		}
		c.calls = calls(c.pending)
		if e.Fixed != 0 {
			c.calls = slices.DeleteFunc(c.calls, func(r [2]int) bool {
				fixed := ClassOf(c.pending[r[0]].Path)&e.Fixed != 0
				if fixed {
					c.fixed.setRange(r)
				}
				return fixed
			})
		}
		c.units = units(c.pending, c.calls)
		c.run(e, s.From)
	}
}

// lawfulOnce narrows selections to what the profile allows, and passes on only
// those that did not come before: many selections narrow to one.
func (s *State) lawfulOnce(yield func(Selection) bool) func(Selection) bool {
	seen := map[string]struct{}{}
	return func(sel Selection) bool {
		sel = s.Lawful(sel)
		text := sel.String()
		if _, known := seen[text]; known {
			return true
		}
		seen[text] = struct{}{}
		return yield(sel)
	}
}

// choice walks the selections of one state until yield has had enough.
type choice struct {
	pending []*Atom
	sector  int64
	calls   [][2]int // [from, to) in pending of what each call made, fixed ones left out
	units   [][2]int // likewise of each unit
	all     Selection
	fixed   Selection
	law     Law
	yield   func(Selection) bool
}

func (c *choice) run(e Enum, last int) bool {
	if !c.yield(None()) || len(c.pending) == 0 || !c.yield(c.all) {
		return false
	}
	switch {
	case c.law == Prefix:
		if !c.prefixes() || !c.lastCall(last) {
			return false
		}
	case len(c.units) <= e.maxSubset():
		// Prefixes and singles are subsets of the units too.
		if !c.subsets(c.units, c.fixed, c.yield) {
			return false
		}
	case !c.bounded(e, last):
		return false
	}
	if !e.NoTears && !c.tears() {
		return false
	}
	if c.law == NoPSOW && !c.losses(e.maxSubset()) {
		return false
	}
	return !e.ByteCuts || c.law == NoPSOW || c.byteCuts(last)
}

// bounded stands in for all subsets where there are too many.
func (c *choice) bounded(e Enum, last int) bool {
	if !e.NoPrefixes && !c.prefixes() {
		return false
	}
	if !e.NoSingles && !(c.singles(c.units) && c.singles(c.calls)) {
		return false
	}
	if e.Wide && !c.wide() {
		return false
	}
	return c.random(e.Random, mix(e.Seed, uint64(last)))
}

// units groups the atoms of calls as Enum says.
func units(pending []*Atom, calls [][2]int) [][2]int {
	var u [][2]int
	for _, call := range calls {
		for i := call[0]; i < call[1]; {
			j := i
			for j < call[1] && pending[j].Kind == AtomData {
				j++
			}
			switch {
			case j-i > 3:
				u = append(u, [2]int{i, i + 1}, [2]int{i + 1, j - 1}, [2]int{j - 1, j})
				i = j
			default:
				u = append(u, [2]int{i, i + 1})
				i++
			}
		}
	}
	return u
}

// calls groups pending atoms by the call that made them.
func calls(pending []*Atom) [][2]int {
	var u [][2]int
	for i := 0; i < len(pending); {
		j := i + 1
		for j < len(pending) && pending[j].Seq == pending[i].Seq {
			j++
		}
		u = append(u, [2]int{i, j})
		i = j
	}
	return u
}

// subsets visits a selection with every proper subset of the units added.
func (c *choice) subsets(units [][2]int, to Selection, visit func(Selection) bool) bool {
	for mask := 0; mask < 1<<len(units)-1; mask++ {
		s := to.clone()
		for i, u := range units {
			if mask>>i&1 == 1 {
				s.setRange(u)
			}
		}
		if !visit(s) {
			return false
		}
	}
	return true
}

func (c *choice) prefixes() bool {
	s := c.fixed
	if !c.yield(s) {
		return false
	}
	for _, u := range c.calls {
		s = s.clone()
		s.setRange(u)
		if !c.yield(s) {
			return false
		}
	}
	return true
}

func (c *choice) singles(groups [][2]int) bool {
	for _, u := range groups {
		drop, keep := c.all.clone(), c.fixed.clone()
		drop.clearRange(u)
		keep.setRange(u)
		if !c.yield(drop) || !c.yield(keep) {
			return false
		}
	}
	return true
}

// tears cuts the last write of each file between its sectors.
func (c *choice) tears() bool {
	var torn []ino
	for _, g := range slices.Backward(c.calls) {
		sectors := c.sectors(g)
		n := sectors[1] - sectors[0]
		if n == 0 || slices.Contains(torn, c.pending[sectors[0]].ino) {
			continue
		}
		torn = append(torn, c.pending[sectors[0]].ino)
		for k := 0; k < n; k += 1 + n/maxTears {
			at := sectors[0] + k
			head, tail := c.all.clone(), c.all.clone()
			head.clearRange([2]int{at, sectors[1]})
			tail.clearRange([2]int{sectors[0], at})
			if !c.yield(head) || !c.yield(tail) {
				return false
			}
		}
	}
	return true
}

// sectors is the range of the data atoms in a call's range; they stand
// together.
func (c *choice) sectors(call [2]int) [2]int {
	for call[0] < call[1] && c.pending[call[0]].Kind != AtomData {
		call[0]++
	}
	for call[1] > call[0] && c.pending[call[1]-1].Kind != AtomData {
		call[1]--
	}
	return call
}

// made is the range in pending of the call with the given number when that is
// the last one that is chosen from, else an empty one.
func (c *choice) made(seq int) [2]int {
	if len(c.calls) == 0 {
		return [2]int{}
	}
	g := c.calls[len(c.calls)-1]
	if c.pending[g[0]].Seq != seq {
		return [2]int{}
	}
	return g
}

// byteCuts tears the write with the given number inside a sector.
func (c *choice) byteCuts(seq int) bool {
	sectors := c.sectors(c.made(seq))
	if sectors[0] == sectors[1] {
		return true
	}
	for _, at := range []int{sectors[0], sectors[1] - 1} {
		head := c.all.clone()
		head.clearRange([2]int{at, sectors[1]})
		n := c.pending[at].Len
		for _, k := range []int{1, n / 2, n - 1} {
			if k > 0 && k < n && !c.yield(head.Cut(at, k)) {
				return false
			}
		}
	}
	return true
}
