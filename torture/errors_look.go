package torture

import (
	"fmt"
	"iter"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// Errors while a database that was not closed is looked at by a read-only
// handle, which redoes the log in memory.

// lookToken is the first word of the tokens of such cases: "look1;workload;words".
const lookToken = "look1"

func lookCase(c Case) string {
	return strings.Join([]string{lookToken, c.Workload.String(), c.words()}, ";")
}

func replayLook(token string, m Mutation) (string, []Violation, error) {
	parts := strings.Split(token, ";")
	if len(parts) != 3 {
		return "", nil, fmt.Errorf("torture: token %q is not %s;workload;words", token, lookToken)
	}
	w, err := ParseWorkload(parts[1])
	if err != nil {
		return "", nil, err
	}
	c := Case{Workload: w}
	for _, word := range strings.Fields(parts[2]) {
		if err := c.parseWord(word); err != nil {
			return "", nil, err
		}
	}
	bases := bases{mutate: m}
	base, err := bases.get(w.Start, w.Knobs)
	if err != nil {
		return "", nil, err
	}
	r := look(c, base, nil)
	return r.disk.Log().String(), r.lookViolations(c), nil
}

// look runs a workload, kills the process, and opens what is left for reading
// while faults strike.
func look(c Case, b *base, sites *siteWatch) *run {
	if sites != nil {
		b = b.under(sites)
	}
	r := begin(c.Workload, b, nil)
	for _, o := range c.Workload.program() {
		if o.Kind != OpClose {
			r.do(o)
		}
	}
	r.kill()
	j := &errorJudge{plan: c.Faults}
	r.faults = j
	before := withoutLock(r.disk)
	r.inject(c)
	if sites != nil {
		sites.restart(r.disk)
	}
	r.lookOnce()
	j.fired = r.disk.Fired()
	r.cure()
	if sites != nil {
		sites.off = true
	}
	if h, l := r.disk.Handles(), r.disk.Locks(); h != 0 || l != 0 {
		r.flaw("I20 no leaks", "%d handles and %d locks are left after a read-only handle", h, l)
	}
	if withoutLock(r.disk) != before {
		r.flaw("read-only", "a read-only handle has changed a file")
	}
	if !j.has(faultfs.EffectF4) {
		r.faults = nil
		if err := r.open(); err != nil {
			r.flaw("I19 heals", "open for writing after the faults: %v", err)
		} else if err := r.close(); err != nil {
			r.flaw("I19 heals", "close after the faults: %v", err)
		}
	}
	r.faults = j
	return r
}

// lookOnce opens, reads and closes: each error must name the fault, and what is
// read be right.
func (r *run) lookOnce() {
	told := func(err error) {
		if r.faults.readOnly {
			r.flaw("I19 reads", "a read-only handle on a read-only disk: %v", err)
		} else if !r.faults.typed(r, err) {
			r.flaw("I17 surfaced", "read-only: the error does not match what was injected: %v", err)
		}
	}
	db, err := quiver.OpenReadOnly(root, r.options())
	if err != nil {
		told(err)
		return
	}
	for range 2 {
		got, err := content(db, r.keys)
		if err != nil {
			told(err)
			continue
		}
		if !r.mayBe(got) {
			r.flaw("I3 no hole", "a read-only handle shows a state that may not be")
		}
	}
	if err := db.Close(); err != nil {
		told(err)
	}
}

func (r *run) mayBe(got map[string]string) bool {
	for _, id := range r.line.possible() {
		if same(r.line.states[id], got) {
			return true
		}
	}
	return false
}

func withoutLock(disk *faultfs.FS) faultfs.Digest {
	d := disk.Snapshot()
	_ = d.RemoveFile(inRoot("LOCK")) // it may be absent
	return d.Digest()
}

func (r *run) lookViolations(c Case) []Violation {
	list := violations(c, r, r.flaws)
	for i := range list {
		list[i].Token = lookCase(c)
	}
	return list
}

// looking are the jobs for the read-only handles: all errors at all calls of a
// few workloads.
func (t *errorTier) looking() iter.Seq[func()] {
	return func(yield func(func()) bool) {
		for i, w := range errorWorkloads("") {
			if (t.c.Depth >= 0 && i%7 != 0) || startOf(w.Start, w.Knobs).fresh {
				continue
			}
			if !yield(func() { t.lookAll(w) }) {
				return
			}
		}
	}
}

func (t *errorTier) lookAll(w Workload) {
	base, err := t.bases.get(w.Start, w.Knobs)
	if err != nil {
		return // learning has told it
	}
	watch := newSiteWatch()
	t.lookAt(Case{Workload: w}, base, watch, nil)
	t.lookAt(Case{Workload: w, ReadOnly: true}, base, nil, nil)
	n := 0
	for _, v := range t.unlooked(watch.visits) {
		for _, at := range cellsOf(v.errorSite) {
			if n++; !t.c.mine(n) {
				continue
			}
			t.lookAt(v.aim(Case{Workload: w}, at), base, nil, &at)
			if t.full() {
				return
			}
		}
	}
}

func (t *errorTier) lookAt(c Case, base *base, watch *siteWatch, at *cell) {
	var r *run
	found := t.guard(lookCase(c), func() []Violation {
		r = look(c, base, watch)
		return r.lookViolations(c)
	})
	t.keep(found, func() {
		if at == nil {
			return
		}
		t.report.Injected++
		if at.limit != noLimit {
			t.report.Limits++
		}
		if r != nil && (aim{*at, c}).hit(r) {
			t.covered[*at] = true
		}
	})
}

// unlooked are the visits that are to be struck: one of each site, unless every
// call is.
func (t *errorTier) unlooked(visits []visit) (list []visit) {
	t.keep(nil, func() {
		for _, v := range visits {
			if t.c.Depth < 0 || !t.looked[v.errorSite] {
				list = append(list, v)
			}
			t.looked[v.errorSite] = true
		}
	})
	return list
}
