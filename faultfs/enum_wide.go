package faultfs

import (
	"math/rand/v2"
	"slices"
)

// Bounds of the wide list, so that a state costs thousands of images at most.
const (
	maxPairs    = 48 // units, and calls, that are combined two by two
	maxProducts = 10 // files, or names, of which every subset is tried
)

// wide yields, for a state with too many units:
//   - losing any two units;
//   - of any two calls, losing the earlier one and all behind the later one;
//   - every combination of files of which all or nothing persists, with all
//     entries and with none;
//   - every subset of the entries, with all data and with none.
//
// With more units, calls, files or entries than the bounds say, the last ones
// are combined.
func (c *choice) wide() bool {
	return c.pairs() && c.gaps() && c.files() && c.names()
}

// newest is at most n of the last elements.
func newest[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

func (c *choice) pairs() bool {
	units := newest(c.units, maxPairs)
	for i, u := range units {
		for _, v := range units[:i] {
			s := c.all.clone()
			s.clearRange(u)
			s.clearRange(v)
			if !c.yield(s) {
				return false
			}
		}
	}
	return true
}

func (c *choice) gaps() bool {
	calls := newest(c.calls, maxPairs)
	upTo := c.fixed.clone()
	for _, g := range c.calls[:len(c.calls)-len(calls)] {
		upTo.setRange(g)
	}
	for j, last := range calls {
		upTo.setRange(last)
		for _, gap := range calls[:j] {
			s := upTo.clone()
			s.clearRange(gap)
			if !c.yield(s) {
				return false
			}
		}
	}
	return true
}

// atomsOf lists the chosen-from atoms that want accepts, as units.
func (c *choice) atomsOf(want func(*Atom) bool) [][2]int {
	var list [][2]int
	for _, g := range c.calls {
		for i := g[0]; i < g[1]; i++ {
			if want(c.pending[i]) {
				list = append(list, [2]int{i, i + 1})
			}
		}
	}
	return list
}

func (c *choice) files() bool {
	var files []ino
	for _, u := range c.atomsOf(func(a *Atom) bool { return !a.entries() }) {
		if i := c.pending[u[0]].ino; !slices.Contains(files, i) {
			files = append(files, i)
		}
	}
	varied := newest(files, maxProducts)
	entries := c.atomsOf((*Atom).entries)
	for mask := range 1 << len(varied) {
		s := c.fixed.clone()
		for _, u := range c.atomsOf(func(a *Atom) bool { return !a.entries() }) {
			k := slices.Index(varied, c.pending[u[0]].ino)
			if k < 0 || mask>>k&1 == 1 {
				s.setRange(u)
			}
		}
		if !c.yield(s) || !c.yield(with(s, entries)) {
			return false
		}
	}
	return true
}

func (c *choice) names() bool {
	entries := c.atomsOf((*Atom).entries)
	varied := newest(entries, maxProducts)
	older := with(c.fixed, entries[:len(entries)-len(varied)])
	data := c.atomsOf(func(a *Atom) bool { return !a.entries() })
	for _, base := range []Selection{older, with(older, data)} {
		if !c.subsets(varied, base, c.yield) || !c.yield(with(base, varied)) {
			return false
		}
	}
	return true
}

func with(s Selection, units [][2]int) Selection {
	s = s.clone()
	for _, u := range units {
		s.setRange(u)
	}
	return s
}

// random yields n selections in which each atom persists with the same chance.
func (c *choice) random(n int, seed uint64) bool {
	r := rand.New(rand.NewPCG(seed, uint64(len(c.pending))))
	chances := [...]float64{0.5, 0.02, 0.98, 0.1, 0.9}
	atoms := c.atomsOf(func(*Atom) bool { return true })
	for k := range n {
		s := c.fixed.clone()
		for _, u := range atoms {
			if r.Float64() < chances[k%len(chances)] {
				s.setRange(u)
			}
		}
		if !c.yield(s) {
			return false
		}
	}
	return true
}

// lastCall yields the subsets of the units of the call in flight, with
// everything before it.
func (c *choice) lastCall(seq int) bool {
	g := c.made(seq)
	if g[0] == g[1] {
		return true
	}
	before := c.all.clone()
	before.clearRange(g)
	return c.subsets(units(c.pending, [][2]int{g}), before, c.yield)
}
