package torture

import "github.com/quiverdb/quiverdb-go/faultfs"

// Counts are how much was judged.
type Counts struct {
	Runs     int // runs of a workload, with and without errors
	Points   int // moments at which the power was cut
	Partial  int // of those: with too many pending writes to try all subsets
	States   int // disks that it may have left, judged for their moment
	Distinct int // of those, different ones of one workload, each opened and written on
	Kills    int // ends of the process alone, and openings after it
	Seconds  int // disks that a second power cut, in a recovery, may have left
	Errors   int // runs with injected errors
	// Excused are disks on which a promise was not kept and need not be: see
	// sweep.detect.
	Excused int
	// Boundaries are the calls of each operation: how many there are, and how
	// many were explored.
	Boundaries map[string][2]int
}

func (c *Counts) add(d Counts) {
	c.Runs += d.Runs
	c.Points += d.Points
	c.Partial += d.Partial
	c.States += d.States
	c.Distinct += d.Distinct
	c.Kills += d.Kills
	c.Seconds += d.Seconds
	c.Errors += d.Errors
	c.Excused += d.Excused
	for name, b := range d.Boundaries {
		c.boundary(name, b[0], b[1])
	}
}

func (c *Counts) boundary(operation string, existing, explored int) {
	if c.Boundaries == nil {
		c.Boundaries = map[string][2]int{}
	}
	b := c.Boundaries[operation]
	c.Boundaries[operation] = [2]int{b[0] + existing, b[1] + explored}
}

// coverage counts, for each operation of a run, the calls it made and those
// that the sweep has explored. The calls are counted by the disk, what was
// explored by the sweep.
func (s *sweep) coverage() {
	for _, step := range s.r.steps {
		if step.begin < s.r.first {
			continue // before the first crash point
		}
		s.counts.boundary(step.op.Kind.String(), step.end-step.begin, covered(s.judged, step.begin, step.end))
	}
}

// covered is how many of the calls behind begin, up to end, lie in the ranges.
func covered(ranges [][2]int, begin, end int) int {
	n := 0
	for _, r := range ranges {
		if from, to := max(r[0], begin+1), min(r[1], end); from <= to {
			n += to - from + 1
		}
	}
	return n
}

// unitsOf is how many things a power cut may take or leave: as package faultfs
// counts them, atoms, save that a write of many sectors is three.
func unitsOf(pending []faultfs.Atom, fixed faultfs.Class) int {
	n, run, last := 0, 0, -1
	for _, a := range pending {
		if faultfs.ClassOf(a.Path)&fixed != 0 {
			continue
		}
		if a.Kind != faultfs.AtomData || a.Seq != last {
			run = 0
		}
		last = a.Seq
		if a.Kind == faultfs.AtomData {
			run++
		}
		if run <= 3 {
			n++
		}
	}
	return n
}
