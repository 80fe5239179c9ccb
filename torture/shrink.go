package torture

import (
	"cmp"
	"slices"
	"time"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// Shrink looks for a shorter case that violates the same rule: fewer operations,
// a simpler start and simpler options, a milder law of power cuts, fewer
// crashes, an earlier one, fewer lost writes. m is the mutation that the
// violation was found with. It ends when the budget of time is used up, and
// returns the shortest that it has found.
func Shrink(v Violation, m Mutation, budget time.Duration) Violation {
	return (&bases{mutate: m}).shrink(v, budget)
}

func (b *bases) shrink(v Violation, budget time.Duration) Violation {
	c, err := ParseToken(v.Token)
	if err != nil {
		return v // of a part with tokens of its own
	}
	x := &shrinker{bases: b, end: time.Now().Add(budget), best: v, c: c}
	if !x.find(c, Dropped) {
		x.depth = Complete
		if !x.find(c, Complete) {
			return v
		}
	}
	x.operations()
	x.simpler()
	x.laws()
	x.lost()
	return x.best
}

type shrinker struct {
	bases *bases
	end   time.Time
	depth Depth // of second crashes, as far as there are any
	best  Violation
	c     Case // of best
}

// operations leaves out operations, many at once where there are many.
func (x *shrinker) operations() {
	for n := max(len(x.c.Workload.Ops)/2, 1); ; n /= 2 {
		for i := len(x.c.Workload.Ops) - n; i >= 0; i-- {
			if i+n > len(x.c.Workload.Ops) {
				continue
			}
			c := x.c
			c.Workload.Ops = slices.Delete(slices.Clone(c.Workload.Ops), i, i+n)
			x.try(c)
		}
		if n <= 1 {
			return
		}
	}
}

// simplerSize is that of a value that needs no page of its own.
const simplerSize = 40

// simpler tries start states and options that need less to be understood, and
// shorter values.
func (x *shrinker) simpler() {
	for _, start := range []string{"fresh", "empty"} {
		if x.c.Workload.Start != start && x.c.Workload.Start != "fresh" {
			c := x.c
			c.Workload.Start = start
			x.try(c)
		}
	}
	plain := DefaultKnobs()
	plain.Buckets = 1
	if x.c.Workload.Knobs != plain {
		c := x.c
		c.Workload.Knobs = plain
		x.try(c)
	}
	for i := range x.c.Workload.Ops {
		c := x.c
		c.Workload.Ops = slices.Clone(c.Workload.Ops)
		op := &c.Workload.Ops[i]
		op.Changes = slices.Clone(op.Changes)
		shorter := false
		for j := range op.Changes {
			if op.Changes[j].Size > simplerSize {
				op.Changes[j].Size, shorter = simplerSize, true
			}
		}
		if shorter {
			x.try(c)
		}
	}
}

// laws tries the milder laws, the mildest first.
func (x *shrinker) laws() {
	if len(x.c.Steps) == 0 {
		return
	}
	for _, law := range []faultfs.Law{faultfs.Prefix, faultfs.Ordered, faultfs.Ext4ish, faultfs.Posix} {
		c := x.c
		c.Profile = faultfs.Profile{Law: law}
		if c.Profile == x.c.Profile || x.try(c) {
			return
		}
	}
}

// lost gives back lost writes, one after the other.
func (x *shrinker) lost() {
	for n, step := range x.c.Steps {
		if step.How != stepCrash || n >= len(x.c.Steps) {
			continue
		}
		for i := range x.pending(n) {
			if x.c.Steps[n].Sel.Has(i) || time.Now().After(x.end) {
				continue
			}
			c := x.c
			c.Steps = slices.Clone(c.Steps)
			c.Steps[n].Sel = c.Steps[n].Sel.With(i)
			if _, found, err := x.bases.retry(c); err == nil {
				x.take(found, len(c.Steps))
			}
		}
	}
}

// pending is how many writes the power cut of a step could take.
func (x *shrinker) pending(step int) int {
	s, _, err := x.bases.retry(x.c)
	if err != nil || s.r == nil {
		return 0
	}
	if step == 0 {
		return len(s.log.StateAfter(x.c.Steps[0].Call).Under(x.c.Profile).Pending())
	}
	// Enough for every recovery: what it has not is not there to be given back.
	return 64
}

// try looks whether a case violates the same rule, somewhere.
func (x *shrinker) try(c Case) bool {
	return !time.Now().After(x.end) && x.find(c, max(x.depth, Dropped))
}

// find sweeps the workload of a case and takes the simplest violation.
func (x *shrinker) find(c Case, depth Depth) bool {
	base, err := x.bases.get(c.Workload.Start, c.Workload.Knobs)
	if err != nil {
		return false
	}
	if c.faulty() {
		return x.findFault(c, base)
	}
	t := Task{Workload: c.Workload, Profile: c.Profile}
	if len(c.Steps) > 0 && c.Steps[0].How != stepCrash {
		t.Kill = depth
	} else if len(c.Steps) > 1 {
		t.Double = depth
	}
	p := newProber(t.Workload, x.bases.mutate)
	p.depth, p.law, p.watched = t.Double, t.Profile, !x.bases.noRules
	s, found := x.bases.plainRun(t.Workload, base, p)
	if s.r == nil || len(c.Steps) == 0 || len(found) > 0 {
		return x.take(found, 0)
	}
	s.c.Profile, s.limit = t.Profile, shrinkChoice
	if t.Kill > Once {
		s.kills(t.Kill)
	} else {
		s.crashes(t.enumeration())
	}
	return x.take(s.found, 2)
}

// shrinkChoice is among how many violations of a workload the simplest is
// chosen.
const shrinkChoice = 40

// findFault looks for the violation with the same fault, at the same or an
// earlier call.
func (x *shrinker) findFault(c Case, base *base) bool {
	if len(c.Faults) != 1 {
		_, found := x.bases.errorCase(c, base, newProber(c.Workload, x.bases.mutate))
		return x.take(found, 2)
	}
	for n := 1; n <= c.Faults[0].N && !time.Now().After(x.end); n++ {
		c.Faults = slices.Clone(c.Faults)
		c.Faults[0].N = n
		_, found := x.bases.errorCase(c, base, newProber(c.Workload, x.bases.mutate))
		if x.take(found, 2) {
			return true
		}
	}
	return false
}

// take keeps the simplest of the violations that are of the same rule and have
// at most so many steps.
func (x *shrinker) take(found []Violation, steps int) bool {
	type choice struct {
		v Violation
		c Case
	}
	var list []choice
	for _, v := range found {
		c, err := ParseToken(v.Token)
		if err == nil && v.Rule == x.best.Rule && len(c.Steps) <= max(steps, len(x.c.Steps)) {
			list = append(list, choice{v, c})
		}
	}
	if len(list) == 0 {
		return false
	}
	least := slices.MinFunc(list, func(a, b choice) int {
		return cmp.Or(cmp.Compare(len(a.c.Steps), len(b.c.Steps)), cmp.Compare(len(a.v.Lost), len(b.v.Lost)), cmp.Compare(calls(a.c), calls(b.c)))
	})
	x.best, x.c = least.v, least.c
	return true
}

// calls is how late the crashes of a case are.
func calls(c Case) int {
	n := 0
	for _, s := range c.Steps {
		n += s.Call
	}
	return n
}
