package faultfs

const (
	// maxLosses bounds the sectors that are lost one by one; of more, as many
	// are lost, evenly chosen.
	maxLosses = 1024
	// maxRests is the logarithm of how many selections all lost sectors with
	// all subsets of the units may make.
	maxRests = 8
)

// losses takes, one at a time, every sector that was on its way to the disk.
// Cutting no byte leaves zeros, cutting one leaves noise. What else persists is
// every subset of the units where all that comes to few selections, else
// nothing, all, and all before the sector was written.
func (c *choice) losses(maxSubset int) bool {
	flying := c.inFlight()
	limit := min(maxSubset, maxRests)
	if len(c.units) < limit && len(flying)<<(len(c.units)+1) <= 1<<limit {
		for _, i := range flying {
			if !c.lose(i, c.all) || !c.subsets(c.units, c.fixed, func(s Selection) bool { return c.lose(i, s) }) {
				return false
			}
		}
		return true
	}
	before := c.fixed.clone()
	done := 0
	for k, i := range flying {
		for ; done < i; done++ {
			before.set(done)
		}
		if k%(1+len(flying)/maxLosses) != 0 {
			continue
		}
		for _, s := range []Selection{c.fixed, c.all, before} {
			if !c.lose(i, s) {
				return false
			}
		}
	}
	return true
}

func (c *choice) lose(i int, rest Selection) bool {
	return c.yield(rest.Cut(i, 0)) && c.yield(rest.Cut(i, 1))
}

// inFlight lists, for each sector that is being written, the last of the atoms
// that write it.
func (c *choice) inFlight() []int {
	type place struct {
		ino    ino
		sector int64
	}
	last := map[place]int{}
	for _, g := range c.calls {
		for i := g[0]; i < g[1]; i++ {
			if at, ok := c.pending[i].writes(c.sector); ok {
				last[place{c.pending[i].ino, at}] = i
			}
		}
	}
	var list []int
	for _, g := range c.calls {
		for i := g[0]; i < g[1]; i++ {
			if at, ok := c.pending[i].writes(c.sector); ok && last[place{c.pending[i].ino, at}] == i {
				list = append(list, i)
			}
		}
	}
	return list
}

// writes is the sector of its file that an atom writes: that of its bytes, or
// the one in which a cut leaves zeros behind the new end.
func (a *Atom) writes(sector int64) (index int64, ok bool) {
	switch a.Kind {
	case AtomData:
		return a.Off / sector, true
	case AtomShrink:
		return a.Size / sector, a.Size%sector != 0
	}
	return 0, false
}
