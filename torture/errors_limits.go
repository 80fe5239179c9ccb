package torture

import (
	"errors"
	"slices"
	"syscall"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// What the disk refuses because of its state, not because of the call: more
// handles than there are, and any change while it is for reading.

// inject puts to work what goes wrong in a case, want of space apart.
func (r *run) inject(c Case) {
	r.disk.Inject(c.Faults)
	from := r.disk.Seq() + c.From
	r.faults.from = from
	if c.Handles > 0 {
		n := c.Handles - 1
		if n == 0 {
			n = -1
		}
		r.disk.MaxHandlesAfter(from, n)
	}
	if c.ReadOnly {
		r.disk.ReadOnlyAfter(from)
	}
	r.faults.scarce, r.faults.readOnly = c.Handles > 0, c.ReadOnly
}

// cure takes back all that inject and fill have put to work.
func (r *run) cure() {
	r.disk.Inject(nil)
	r.disk.SetBudget(0)
	r.disk.SetMaxHandles(0)
	r.disk.SetReadOnly(false)
}

// limit tells whether an error is that of a limit of the disk.
func (j *errorJudge) limit(err error) bool {
	return j.scarce && errors.Is(err, syscall.EMFILE) || j.readOnly && errors.Is(err, syscall.EROFS)
}

// limitStruck tells whether the first call that a limit may refuse was refused.
func (r *run) limitStruck() bool {
	return slices.ContainsFunc(r.disk.Log().Records(), func(rec *faultfs.Record) bool {
		return rec.Seq == r.faults.from+1 && limitHit(rec)
	})
}

// limitsStruck tells whether any call was.
func (r *run) limitsStruck() bool {
	return slices.ContainsFunc(r.disk.Log().Records(), limitHit)
}

func limitHit(rec *faultfs.Record) bool {
	return rec.Fault == faultfs.NoHandles || rec.Fault == faultfs.ReadOnly
}

// readsGoOn reads everything while a limit is in force: a handle that could read
// it before needs no new file for it, and none writes one.
func (r *run) readsGoOn() {
	j := r.faults
	if j.reader != r.db {
		j.reader, j.read = r.db, false
	}
	if r.db == nil || !j.scarce && !j.readOnly || len(j.plan) > 0 {
		return
	}
	if r.disk.Seq() <= j.from {
		j.read = true // look has read it; a call of this one would move the limit
		return
	}
	got, err := content(r.db, r.keys)
	switch {
	case err == nil:
		j.read = true
		if d := model.Diff(got, r.line.states[r.line.top]); d != "" {
			r.flaw("I4 honest", "while a limit is in force: %s", d)
		}
	case j.read || j.readOnly || !j.limit(err):
		r.flaw("I19 reads", "after %v: %v", r.steps[len(r.steps)-1].op, err)
	}
	if !j.readOnly {
		return
	}
	for _, h := range r.snaps {
		if _, err := content(h.s, r.keys); err != nil {
			r.flaw("I19 reads", "a snapshot: %v", err)
		}
	}
	if _, err := readLasting(r.db, r.keys, r.keys); err != nil {
		r.flaw("I19 reads", "snapshots that were kept: %v", err)
	}
}

// readersOpen looks at the disk through a read-only handle, as the next process
// does while the disk is for reading.
func (r *run) readersOpen() {
	possible := r.line.possible()
	none := slices.ContainsFunc(possible, func(id int) bool { return r.line.states[id] == nil })
	if none || r.faults.has(faultfs.EffectF4) {
		return // there may be no database; or the error that F4 holds back would be the judge's
	}
	disk := r.disk.Snapshot()
	disk.SetReadOnly(true)
	db, err := quiver.OpenReadOnly(root, r.w.Knobs.options(r.mutate.apply(quiet{disk})))
	if err != nil {
		r.flaw("I19 reads", "a read-only handle on a read-only disk: %v", err)
		return
	}
	got, err := content(db, r.keys)
	if err = errors.Join(err, db.Close()); err != nil {
		r.flaw("I19 reads", "a read-only handle on a read-only disk: %v", err)
	} else if !r.mayBe(got) {
		r.flaw("I3 no hole", "a read-only handle on a read-only disk shows a state that may not be: %s", model.Diff(got, r.line.states[r.line.top]))
	}
}

// limit is one of them, as a way to strike a call.
type limit uint8

const (
	noLimit limit = iota
	noHandles
	noChanges
)

func (l limit) String() string { return [...]string{"", faultfs.NoHandles, faultfs.ReadOnly}[l] }

// handling are the calls that need one more handle.
const handling = faultfs.KindOpen | faultfs.KindCreate | faultfs.KindReadDir | faultfs.KindSyncDir | faultfs.KindLock

// limitsOf are those that can strike calls of a kind.
func limitsOf(k faultfs.Kind) (list []limit) {
	if k&handling != 0 {
		list = append(list, noHandles)
	}
	if slices.Contains(changing, k) {
		list = append(list, noChanges)
	}
	return list
}

// aim is the case in which the visit is struck by the fault or limit of a cell.
func (v visit) aim(c Case, at cell) Case {
	if at.limit != noLimit {
		return v.limited(c, at.limit)
	}
	c.Faults = append(slices.Clone(c.Faults), at.fault(v.n))
	return c
}

// limited is the case with a limit that begins with the call.
func (v visit) limited(c Case, l limit) Case {
	c.From = v.calls
	if l == noHandles {
		c.Handles = v.open + 1
	} else {
		c.ReadOnly = true
	}
	return c
}

// limitStep is of how many workloads one is tried under all limits. It has no common
// factor with the number of phrases.
const limitStep = 11

// limits are workloads under every limit of handles that refuses anything, from the
// open on, and on disks that become read-only in their midst.
func (t *errorTier) limits(yield func(func()) bool) {
	every := limitStep
	if t.c.Depth < 0 {
		every = 1
	}
	for i, w := range errorWorkloads(t.c.Match) {
		if i%every == 0 && t.c.mine(i/every) && !yield(func() { t.limitAll(w, i) }) {
			return
		}
	}
}

// readOnlyMoments is in how many places of a workload the disk becomes read-only.
const readOnlyMoments = 3

func (t *errorTier) limitAll(w Workload, turn int) {
	base, err := t.bases.get(w.Start, w.Knobs)
	if err != nil {
		return // learning has told it
	}
	p := newProber(w, t.c.Mutate)
	for n := 0; !t.full(); n++ {
		c := Case{Workload: w, Handles: n + 1, Late: (turn+n)%3 == 0}
		if !t.limit(c, base, p) {
			break
		}
	}
	watch := newSiteWatch()
	r := begin(w, base.under(watch), nil)
	watch.restart(r.disk)
	for _, o := range w.program() {
		r.do(o)
	}
	visits := slices.DeleteFunc(watch.visits, func(v visit) bool { return !slices.Contains(changing, v.Kind) })
	step := max(len(visits)/readOnlyMoments, 1)
	if t.c.Depth < 0 {
		step = 1
	}
	for n := turn % step; n < len(visits) && !t.full(); n += step {
		c := visits[n].limited(Case{Workload: w, Late: (turn+n)%3 == 0}, noChanges)
		t.limit(c, base, p)
	}
}

// limit judges a case and tells whether its limit has refused anything.
func (t *errorTier) limit(c Case, base *base, p *prober) (struck bool) {
	watch := newSiteWatch()
	var counts Counts
	var r *run
	found := t.guard(c.Token(), func() (found []Violation) {
		counts, found, r = t.bases.watchedCase(c, base, p, watch)
		return found
	})
	struck = r != nil && r.limitsStruck()
	t.keep(found, func() {
		t.report.States += counts.States
		if struck {
			t.report.Injected++
			t.report.Limits++
		}
		t.enter(c, watch.visits)
	})
	return struck
}
