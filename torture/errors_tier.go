package torture

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// ErrorReport is what the errors of calls showed. A cell is a call site with one
// of the errors of faultfs.Errors in one of the ways of it, or with a limit of the
// disk that begins there.
type ErrorReport struct {
	Workloads  int         `json:"workloads"`
	Sites      int         `json:"sites"`
	Cells      int         `json:"cells"`
	Covered    int         `json:"covered"`
	Missing    []string    `json:"missing"` // cells that no fault struck
	Injected   int         `json:"errors_injected"`
	Limits     int         `json:"limits"` // of those: cases with too few handles or a read-only disk
	States     int         `json:"crash_states"`
	Violations []Violation `json:"violations"`
	Seconds    float64     `json:"seconds"`
}

// String is one line.
func (r ErrorReport) String() string {
	return fmt.Sprintf("%d workloads, %d call sites, %d of %d cells of site × error × way (%.1f %%), %d errors injected (%d with few handles or on a read-only disk), %d crash states: %d violations; %.1f s",
		r.Workloads, r.Sites, r.Covered, r.Cells, 100*float64(r.Covered)/float64(max(r.Cells, 1)), r.Injected, r.Limits, r.States, len(r.Violations), r.Seconds)
}

// cell is a call site with one error, or with a limit.
type cell struct {
	site  errorSite
	err   int // index into faultfs.Errors(site.Kind)
	way   way
	limit limit
}

func (c cell) String() string {
	if c.limit != noLimit {
		return fmt.Sprintf("%s %v: %v", c.site.Place, c.site.Kind, c.limit)
	}
	return c.site.Place + " " + faultfs.Plan{c.fault(1)}.String()
}

// way is how often an error strikes.
type way uint8

const (
	once   way = iota
	sticky     // from then on
	here       // from then on, at the bytes that the first call touched
	twice      // two calls, so that one that is tried again fails again
	ways
)

// fault is the error of the cell, which strikes the n-th call first.
func (c cell) fault(n int) faultfs.Fault {
	f := faultfs.Errors(c.site.Kind)[c.err]
	f.N, f.Sticky, f.Here = n, c.way == sticky, c.way == here
	if c.way == twice {
		f.Times = 2
	}
	return f
}

// lasts tells whether the error strikes again and again.
func (c cell) lasts() bool { return c.way == sticky || c.way == here }

// cellsOf are all cells of a site. Reads go wrong in every way; writes that are
// tried again or carried on show that with one error before anything is done, and
// with those that stop in the middle.
func cellsOf(s errorSite) (list []cell) {
	for i, f := range faultfs.Errors(s.Kind) {
		again := s.Kind == faultfs.KindRead || s.Kind == faultfs.KindWrite && (f.Errno == 0 || f.Errno == syscall.EIO) &&
			(f.Effect == faultfs.EffectBefore || f.Part == faultfs.PartHalf)
		for w := range ways {
			if w < here || again {
				list = append(list, cell{site: s, err: i, way: w})
			}
		}
	}
	for _, l := range limitsOf(s.Kind) {
		list = append(list, cell{site: s, limit: l})
	}
	return list
}

// aim is how a cell is struck: the case, of which the last fault or the limit is the
// cell's.
type aim struct {
	cell cell
	c    Case
}

// hit tells whether the run has struck it.
func (a aim) hit(r *run) bool {
	if a.cell.limit != noLimit {
		return r.limitStruck()
	}
	return r.faults.struck(len(a.c.Faults) - 1)
}

// errorTier injects every error at every call site.
type errorTier struct {
	*crew
	bases   bases
	reached map[errorSite][]reach
	fresh   []errorSite // sites met since the last round
	covered map[cell]bool
	aimed   []cell
	looked  map[errorSite]bool // sites of read-only handles on unclean databases
	report  ErrorReport
}

// reach is a run that comes by a site.
type reach struct {
	text string // of the case, to sort by
	c    Case
	v    visit
}

// Errors runs the tier. Share leaves out cells, which then count as missing.
// Each cell is struck in Depth different calls, at one without it; a negative
// Depth strikes every call of the workloads with every error.
func Errors(c PartConfig) ErrorReport {
	t := &errorTier{crew: newCrew(c), reached: map[errorSite][]reach{}, covered: map[cell]bool{}, looked: map[errorSite]bool{}}
	t.bases.mutate = c.Mutate
	t.do(t.learning(errorWorkloads(c.Match)))
	t.do(t.limits)
	// Some places are reached only on the way out of another error.
	for round := 0; len(t.fresh) > 0 && round < 3 && !t.full(); round++ {
		fresh := t.fresh
		t.fresh = nil
		t.do(t.striking(fresh))
	}
	t.do(t.missed())
	t.do(t.looking())
	return t.finish()
}

// errorWorkloads are all phrases on all start states, with knobs that rotate; those
// with a text in them.
func errorWorkloads(match string) []Workload {
	var list []Workload
	all := allKnobs()
	for i, start := range Starts() {
		for j := range alphabet(all[0]) {
			k := all[(i*3+j*5)%len(all)]
			list = append(list, Workload{k, start, alphabet(k)[j]})
		}
		// The log outgrows what it may have, and shrinks again.
		k := all[i*3%len(all)]
		list = append(list, Workload{k, start, []Op{put(keyIn(0, 0, k.Buckets), 60000), put(keyIn(0, 1, k.Buckets), 30),
			{Kind: OpCheckpoint}, put(keyIn(0, 2, k.Buckets), 30)}})
	}
	for _, f := range families() {
		f.tasks(1, 2, 0, Task{}, func(t Task) bool {
			list = append(list, t.Workload)
			return true
		})
	}
	return slices.DeleteFunc(list, func(w Workload) bool { return !strings.Contains(w.String(), match) })
}

// learning are the runs without errors that tell which sites there are.
func (t *errorTier) learning(list []Workload) iter.Seq[func()] {
	return func(yield func(func()) bool) {
		for i, w := range list {
			if (!t.c.Sample || t.c.mine(i)) && !yield(func() { t.learn(w) }) {
				return
			}
		}
	}
}

func (t *errorTier) learn(w Workload) {
	c := Case{Workload: w}
	watch := newSiteWatch()
	found := t.guard(c.Token(), func() []Violation {
		base, err := t.bases.get(w.Start, w.Knobs)
		if err != nil {
			return []Violation{{Rule: "start", Text: err.Error(), Token: c.Token()}}
		}
		r := begin(w, base.under(watch), nil)
		watch.restart(r.disk)
		for _, o := range w.program() {
			watch.last = o.Kind == OpClose
			r.do(o)
		}
		return violations(c, r, r.flaws)
	})
	t.keep(found, func() {
		t.report.Workloads++
		t.enter(c, watch.visits)
	})
}

// under is the base with a watch between the engine and the disk.
func (b *base) under(w *siteWatch) *base {
	under := *b
	under.sites = w
	return &under
}

const waysThroughErrors = 8

// enter notes which sites a run came by.
func (t *errorTier) enter(c Case, visits []visit) {
	if c.limited() {
		return // no second limit can begin at another call
	}
	text := c.Token()
	for _, v := range visits {
		if len(faultfs.Errors(v.Kind)) == 0 {
			continue
		}
		list, known := t.reached[v.errorSite]
		if !known {
			t.fresh = append(t.fresh, v.errorSite)
		}
		// The ways through another error are as many as the errors.
		if len(c.Faults) == 0 || len(list) < waysThroughErrors {
			t.reached[v.errorSite] = append(list, reach{text, c, v})
		}
	}
}

// striking are the cases that strike all cells of some sites, those of one
// workload together.
func (t *errorTier) striking(sites []errorSite) iter.Seq[func()] {
	slices.SortFunc(sites, func(a, b errorSite) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Kind, b.Kind))
	})
	aims := aims{}
	n := 0
	for _, s := range sites {
		ways := t.ways(s)
		depth := min(max(t.c.Depth, 1), len(ways))
		if t.c.Depth < 0 {
			depth = len(ways)
		}
		for _, c := range cellsOf(s) {
			if n++; !t.c.mine(n) {
				continue
			}
			t.aimed = append(t.aimed, c)
			for d := range depth {
				aims.add(c, ways[(n+d*len(ways)/depth)%len(ways)], n+d)
			}
		}
	}
	return t.all(aims)
}

// missed are cases for the cells that were aimed at and not struck: a fault on the
// way to the place may lead elsewhere.
func (t *errorTier) missed() iter.Seq[func()] {
	const tries = 32
	aims := aims{}
	for i, c := range t.aimed {
		if t.covered[c] {
			continue
		}
		ways := t.ways(c.site)
		for d := range min(tries, len(ways)) {
			aims.add(c, ways[d*len(ways)/min(tries, len(ways))], i+d)
		}
	}
	return t.all(aims)
}

// ways are the runs that come by a site, in an order that does not depend on who
// came first.
func (t *errorTier) ways(s errorSite) []reach {
	ways := t.reached[s]
	slices.SortFunc(ways, func(a, b reach) int {
		return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.v.n, b.v.n))
	})
	return ways
}

// aims are in the order of their workloads' texts.
type aims map[string][]aim

func (a aims) add(c cell, way reach, n int) {
	text := way.c.Workload.String()
	a[text] = append(a[text], aim{c, way.strike(c, n)})
}

func (t *errorTier) all(a aims) iter.Seq[func()] {
	return func(yield func(func()) bool) {
		for _, text := range slices.Sorted(maps.Keys(a)) {
			if !yield(func() { t.strikeAll(a[text]) }) {
				return
			}
		}
	}
}

// strike is the case with one more fault. Without Late the handle is used again
// after the disk has healed; the calls of the last close are struck only with it. A
// sticky one strikes all calls of the
// kind from then on, or only those on files of the class.
func (w reach) strike(at cell, n int) Case {
	c := w.c
	c.Late = c.Late || w.v.last || at.lasts() && n%8 < 4
	c = w.v.aim(c, at)
	if at.way == sticky && n%4 < 2 && w.v.Kind != faultfs.KindRename {
		f := &c.Faults[len(c.Faults)-1]
		f.Class, f.N = w.v.class, w.v.ofKin
	}
	return c
}

func (t *errorTier) strikeAll(list []aim) {
	w := list[0].c.Workload
	base, err := t.bases.get(w.Start, w.Knobs)
	if err != nil {
		return // learning has told it
	}
	p := newProber(w, t.c.Mutate)
	for _, a := range list {
		if t.full() {
			return
		}
		t.strike(a, base, p)
	}
}

func (t *errorTier) strike(a aim, base *base, p *prober) {
	watch := newSiteWatch()
	var counts Counts
	var r *run
	found := t.guard(a.c.Token(), func() (found []Violation) {
		counts, found, r = t.bases.watchedCase(a.c, base, p, watch)
		return found
	})
	if !t.c.NoShrink && len(found) > 0 && strings.HasPrefix(found[0].Token, tokenVersion+";") {
		found = []Violation{(&bases{mutate: t.c.Mutate}).shrink(found[0], shrinkTime)}
	}
	t.keep(found, func() {
		t.report.Injected++
		t.report.States += counts.States
		if a.cell.limit != noLimit {
			t.report.Limits++
		}
		if r != nil && a.hit(r) {
			t.covered[a.cell] = true
		}
		t.enter(a.c, watch.visits)
	})
}

func (t *errorTier) finish() ErrorReport {
	r := t.report
	sites := t.looked
	for s := range t.reached {
		sites[s] = true
	}
	r.Violations, r.Seconds, r.Sites = t.violations(), t.seconds(), len(sites)
	for s := range sites {
		for _, c := range cellsOf(s) {
			if r.Cells++; t.covered[c] {
				r.Covered++
			} else {
				r.Missing = append(r.Missing, c.String())
			}
		}
	}
	slices.Sort(r.Missing)
	return r
}

// watchedCase judges a run with faults, and watches who calls: what the run returned,
// every crash of it roughly, and the disk at its end from all sides.
func (b *bases) watchedCase(c Case, base *base, p *prober, sites *siteWatch) (Counts, []Violation, *run) {
	watch := &rules{}
	r, flaws := guarded(func() *run { return watchedRun(c, base.under(sites), watch, sites) })
	counts := Counts{Errors: 1}
	if len(flaws)+len(watch.flaws) > 0 || r == nil {
		return counts, violations(c, r, append(flaws, watch.flaws...)), r
	}
	if nameLost(r) || r.unlisted() {
		return counts, nil, r
	}
	s := newSweep(c, r, p, maxViolations)
	s.crashes(faultfs.Enum{MaxSubset: -1, NoSingles: true, NoPrefixes: true, NoTears: true, Fixed: faultfs.ClassLock})
	end := s.log.StateAfter(r.disk.Seq())
	if !s.full() {
		s.crash(end, enumeration())
	}
	for _, how := range []string{stepKill, stepLook} {
		// An error that F4 holds back is the next process's to see.
		if !s.full() && !r.faults.heldBack() {
			s.kill(end, how, lookDepth(c, how))
		}
	}
	counts.add(s.counts)
	return counts, s.found, r
}

// nameLost tells whether a sync of a folder failed and nothing can make a name in it
// durable then: the call by which the engine takes such a name back failed too, or
// the name, or the file, is one of the original, which syncs neither. No crash is judged.
func nameLost(r *run) bool {
	folders := map[string]bool{}
	for _, rec := range r.disk.Log().Records() {
		switch {
		case rec.Fault == "" || rec.Err == nil:
		case r.w.Start == foreignStart && (rec.Kind == faultfs.KindSyncDir || rec.Kind&faultfs.KindFsync != 0 && faultfs.ClassOf(rec.Path) == faultfs.ClassSnap):
			return true
		case rec.Kind == faultfs.KindSyncDir:
			folders[clean(rec.Path)] = true
		case rec.Kind&(faultfs.KindRemove|faultfs.KindRename) != 0 && folders[path.Dir(clean(rec.Path))]:
			return true
		}
	}
	return false
}
