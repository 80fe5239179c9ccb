package torture

import (
	"fmt"
	"slices"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// Task is a workload and how hard it is looked at.
type Task struct {
	Workload Workload
	Profile  faultfs.Profile // what a power cut may leave; the zero value is posix
	// Bounded tries all subsets of fewer pending writes, and more of those that
	// stand in for all subsets where there are too many.
	Bounded bool
	Double  Depth // crashes in the recovery from a crash
	Kill    Depth // ends of the process, and crashes in the recovery from those
	// Errors tries single faults: all of them, or every ErrorStep-th from
	// ErrorFirst on. OnlyErrors leaves out the crashes of the run without faults.
	Errors     bool
	ErrorStep  int
	ErrorFirst int
	OnlyErrors bool
	// Twice runs the workload once more, without errors: its calls to the disk
	// must be the same ones.
	Twice bool
}

const (
	// maxViolations is how many one task reports: they mostly are one mistake.
	maxViolations = 3
	// allSubsets is the number of pending writes up to which every subset is
	// tried.
	allSubsets = 12
	// boundedSubsets and boundedDrawn are for the tiers with many workloads.
	boundedSubsets = 6
	// drawnSubsets are drawn of those that are too many.
	drawnSubsets = 64
)

// enumeration is how the disks are chosen that the first power cut may leave.
func (t Task) enumeration() faultfs.Enum {
	e := enumeration()
	e.Profile, e.MaxSubset, e.Wide, e.Random = t.Profile, allSubsets, true, drawnSubsets
	if t.Bounded {
		e.MaxSubset = boundedSubsets
	}
	return e
}

// examine runs a task.
func (b *bases) examine(t Task) (Counts, []Violation) {
	base, err := b.get(t.Workload.Start, t.Workload.Knobs)
	if err != nil {
		return Counts{}, []Violation{{Rule: "start", Text: err.Error(), Token: Case{Workload: t.Workload}.Token()}}
	}
	p := newProber(t.Workload, b.mutate)
	p.depth, p.law, p.seen, p.watched = t.Double, t.Profile, b.seen, !b.noRules
	s, found := b.plainRun(t.Workload, base, p)
	s.c.Profile = t.Profile
	if t.Twice && len(found) == 0 {
		found = b.again(s, base)
	}
	if len(found) == 0 && !t.OnlyErrors {
		s.crashes(t.enumeration())
		s.coverage()
	}
	if t.Kill > Once && s.r != nil && !s.full() {
		s.kills(t.Kill)
	}
	counts, found := s.counts, append(found, s.found...)
	if t.Errors && len(found) == 0 {
		p.depth = Once
		more, bad := b.errors(t, s.r, base, p)
		counts.add(more)
		found = append(found, bad...)
	}
	counts.Runs++
	counts.Distinct += p.opens
	counts.Seconds += p.seconds
	counts.boundary("recovery", p.calls[0], p.calls[1])
	if b := p.folders; b != nil && b.calls[0] > 0 {
		counts.boundary("backup and restore made again", b.calls[0], b.calls[1])
	}
	return counts, found
}

// errors tries the faults of a task; clean is the run without any.
func (b *bases) errors(t Task, clean *run, base *base, p *prober) (counts Counts, found []Violation) {
	n := -1
	for c := range errorCases(t.Workload, clean) {
		if n++; t.ErrorStep > 1 && n%t.ErrorStep != t.ErrorFirst {
			continue
		}
		more, bad := b.errorCase(c, base, p)
		counts.add(more)
		if found = append(found, bad...); len(found) >= maxViolations {
			break
		}
	}
	return counts, found
}

// plainRun runs a workload without errors, under the static rules.
func (b *bases) plainRun(w Workload, base *base, p *prober) (*sweep, []Violation) {
	c := Case{Workload: w}
	var watch *rules
	if !b.noRules {
		watch = &rules{}
	}
	r, flaws := guarded(func() *run { return runAll(w, base, watch) })
	if watch != nil {
		flaws = append(flaws, watch.flaws...)
	}
	return newSweep(c, r, p, maxViolations), violations(c, r, flaws)
}

// determinismRule is broken by a run whose calls differ from those of another
// run of the same case: what is found there could not be replayed.
const determinismRule = "determinism"

// again runs the workload of a sweep once more and compares the calls to the
// disk with their bytes and results.
func (b *bases) again(s *sweep, base *base) []Violation {
	c := Case{Workload: s.c.Workload}
	r, flaws := guarded(func() *run { return runAll(c.Workload, base, nil) })
	if r == nil || len(flaws) > 0 {
		return violations(c, r, flaws)
	}
	first, second := s.r.disk.Log(), r.disk.Log()
	if first.Fingerprint() == second.Fingerprint() {
		return nil
	}
	return []Violation{newViolation(flaw{determinismRule, "run again, the same workload " + difference(first, second)}, c, r, nil)}
}

// difference tells where two logs part.
func difference(first, second *faultfs.Log) string {
	a, b := first.Records(), second.Records()
	for i := range min(len(a), len(b)) {
		if a[i].String() != b[i].String() {
			return fmt.Sprintf("makes call %q in place of %q", b[i], a[i])
		}
	}
	return fmt.Sprintf("makes %d calls to the disk, at first %d, or writes other bytes", len(b), len(a))
}

// runAll runs a workload from its beginning to its close.
func runAll(w Workload, base *base, watch *rules) *run {
	r := begin(w, base, watch)
	for _, o := range w.program() {
		r.do(o)
	}
	return r
}

// guarded turns a panic of the engine into a flaw.
func guarded(do func() *run) (r *run, flaws []flaw) {
	defer func() {
		if x := recover(); x != nil {
			flaws = append(flaws, flaw{"I16 no panic", fmt.Sprintf("panic: %v", x)})
		}
	}()
	r = do()
	return r, r.flaws
}

func violations(c Case, r *run, flaws []flaw) []Violation {
	var list []Violation
	for _, f := range flaws {
		if len(list) == maxViolations {
			break
		}
		if r == nil {
			list = append(list, Violation{Rule: f.rule, Text: f.text, Token: c.Token()})
			continue
		}
		list = append(list, newViolation(f, c, r, nil))
	}
	return list
}

// errorCase judges a run with faults: what it returned, every crash of it
// roughly, and the disk at its end from all sides.
func (b *bases) errorCase(c Case, base *base, p *prober) (Counts, []Violation) {
	counts, found, _ := b.watchedCase(c, base, p, newSiteWatch())
	return counts, found
}

// lookDepth is how the power is cut after an open. A failed sync may have left
// bytes in the page cache that no later sync writes: a reader, who writes
// nothing, may show them and lose them.
func lookDepth(c Case, how string) Depth {
	failed := func(f faultfs.Fault) bool { return f.Kind&faultfs.KindFsync != 0 }
	if how == stepLook && slices.ContainsFunc(c.Faults, failed) {
		return Once
	}
	return Dropped
}
