package torture

import (
	"fmt"
	"iter"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// Depth says how much is tried beyond the first crash.
type Depth uint8

const (
	// Once is no second crash.
	Once Depth = iota
	// Dropped tries nothing, everything, and each unit lost or kept alone.
	Dropped
	// Complete is as the first crash.
	Complete
)

// drawnSeconds is how many subsets are drawn at each call of a recovery where
// not all are tried.
const drawnSeconds = 2

func (d Depth) enumeration(law faultfs.Profile) faultfs.Enum {
	e := faultfs.Enum{Fixed: faultfs.ClassLock, Profile: law}
	if d == Dropped {
		e.MaxSubset, e.NoTears, e.NoPrefixes, e.Random = -1, true, true, drawnSeconds
		return e
	}
	e.MaxSubset, e.Wide, e.Random, e.ByteCuts = allSubsets, true, drawnSubsets, true
	return e
}

// second are the crashes of a recovery. What they may leave depends on what the
// first crash might have left, so the outcomes are kept to be judged for each
// moment of that.
type second struct {
	states   int
	outcomes []secondOutcome
	flaws    []secondFlaw
}

// secondOutcome is an outcome that differs from the others before it.
type secondOutcome struct {
	*outcome
	at crash
}

type secondFlaw struct {
	flaw
	at crash
}

// crashAgain cuts the power at every point of a recovery that ended, with call
// opened, in what first shows. Before and after that call something else is
// promised.
func (p *prober) crashAgain(r *recovery, depth Depth) *second {
	s := &second{}
	e := depth.enumeration(p.law)
	next := novelty{e: e, opened: r.opened}
	p.calls[0] += r.last - r.first
	for st := range r.log.Points() {
		if e.Profile != (faultfs.Profile{}) {
			st = st.Under(e.Profile)
		}
		images := next.images(st)
		if p.only != nil {
			images = p.only.image(st)
		}
		for im := range images {
			if harsh(im) {
				continue // judged where it is the first crash
			}
			s.states++
			p.again(s, r, st, im)
			if len(s.flaws) > 0 {
				return s
			}
		}
		p.calls[1] += covered([][2]int{{st.From, st.To}}, r.first, r.last)
	}
	return s
}

// image is the one that a step asks for, if it is of this state.
func (step *Step) image(st *faultfs.State) iter.Seq[faultfs.Image] {
	return func(yield func(faultfs.Image) bool) {
		if st.From == step.Call {
			yield(st.Image(step.Sel))
		}
	}
}

// novelty leaves out the points of a recovery whose images an earlier point of
// the same half, before or after the open had returned, has surely had: where
// that one tried all subsets, a sync behind it only leaves fewer.
type novelty struct {
	e       faultfs.Enum
	opened  int
	started bool
	after   bool // the last point was behind the open
	all     bool // all subsets were tried there
}

func (n *novelty) images(st *faultfs.State) iter.Seq[faultfs.Image] {
	after := st.To >= n.opened
	pending := st.Pending()
	all := unitsOf(pending, n.e.Fixed) <= n.e.MaxSubset
	known := n.started && n.all && n.after == after && n.e.Profile.Law == faultfs.Posix
	n.started, n.after, n.all = true, after, all
	if !known || !all {
		return st.Images(n.e)
	}
	if len(pending) == 0 || pending[len(pending)-1].Seq != st.From {
		return func(func(faultfs.Image) bool) {}
	}
	return st.Images(n.e)
}

// again judges one disk that a second crash may leave.
func (p *prober) again(s *second, r *recovery, st *faultfs.State, im faultfs.Image) {
	o := p.once(im)
	at := crash{point: st, sel: im.Sel}
	switch {
	case len(o.flaws) > 0:
		s.flaws = append(s.flaws, secondFlaw{o.flaws[0], at})
	case st.To < r.opened || !r.made && p.unborn(r.shown, o):
		s.enter(o, at)
	default:
		s.promise(r.shown, o, at)
		if sameShown(r.shown.snaps, o.snaps) {
			return
		}
		if st.To < r.listed {
			s.enter(o, at)
			return
		}
		s.flaws = append(s.flaws, secondFlaw{flaw{"I12 snapshot", "a second crash changes what the first recovery has shown: " + stillShown(r.shown.snaps, o.snaps)}, at})
	}
}

// unborn is the one thing that may vanish after it was seen: an empty database
// whose init had not returned.
func (p *prober) unborn(first, o *outcome) bool {
	return o.holds == absent && len(p.contents[first.holds]) == 0
}

// promise: what an open handle has shown survives.
func (s *second) promise(first, o *outcome, at crash) {
	switch {
	case o.holds != first.holds:
		s.flaws = append(s.flaws, secondFlaw{flaw{"I11 observed is durable", "a second crash takes away what the first recovery has shown"}, at})
	case o.lsn < first.lsn:
		s.flaws = append(s.flaws, secondFlaw{flaw{"I6 LSN",
			fmt.Sprintf("the first recovery showed LastLSN %d, after a second crash it is %d", first.lsn, o.lsn)}, at})
	}
}

func (s *second) enter(o *outcome, at crash) {
	for _, have := range s.outcomes {
		if have.holds == o.holds && have.lsn <= o.lsn && sameShown(have.snaps, o.snaps) {
			return
		}
	}
	s.outcomes = append(s.outcomes, secondOutcome{o, at})
}

// judge compares the outcomes with a window of the first crash. Where that had
// left no database, the one that a new init makes is right too.
func (s *second) judge(p *prober, r *run, w window, first *outcome) *secondFlaw {
	if len(s.flaws) > 0 {
		return &s.flaws[0]
	}
	for _, o := range s.outcomes {
		if first.holds == absent && len(p.contents[o.holds]) == 0 {
			continue
		}
		if f := promised(p, r, o.outcome, w); f != nil {
			return &secondFlaw{*f, o.at}
		}
	}
	return nil
}

// kills ends the process at every point. The next one sees all that was
// written; then, while and after it recovers, the power is cut.
func (s *sweep) kills(depth Depth) {
	for st := range s.log.Points() {
		for _, how := range []string{stepKill, stepLook} {
			s.kill(st, how, depth)
			if s.full() {
				return
			}
		}
	}
}

// kill ends the process at one point, and opens the database for writing or for
// reading.
func (s *sweep) kill(st *faultfs.State, how string, depth Depth) {
	s.counts.Kills++
	at := crash{how: how, point: st}
	open := quiver.Open
	if how == stepLook {
		open = quiver.OpenReadOnly
	}
	w := s.r.line.window(st.From, st.To)
	if !s.r.ledger.inside() && how == stepKill {
		before := len(s.found)
		s.outside(s.p.beside(depth, true), st.Kill, w, at)
		if len(s.found) > before {
			return
		}
	}
	disk := st.Kill()
	view, _ := rawView(disk)
	first := disk.Seq()
	db, err := open(root, s.r.w.Knobs.options(s.p.fs(disk)))
	rec := &recovery{first: first, opened: disk.Seq(), shown: &outcome{}}
	if err != nil {
		if w.low > 0 || s.r.line.states[0] != nil {
			s.report(flaw{"I19 opens", "after a kill: " + err.Error()}, at)
		} else if how == stepKill && depth != Once {
			s.initAgain(disk, first, depth, w, at)
		}
		return
	}
	got, err := content(db, s.p.keys)
	if err != nil {
		s.report(flaw{"I4 honest", "after a kill: " + err.Error()}, at)
		return
	}
	s.p.readSnapshots(rec.shown, db)
	rec.listed = disk.Seq()
	if len(rec.shown.flaws) > 0 {
		s.report(rec.shown.flaws[0], at)
		return
	}
	rec.shown.holds, rec.shown.lsn, rec.log, rec.last = s.p.intern(got), db.LastLSN(), disk.Log(), disk.Seq()
	if f := promised(s.p, s.r, rec.shown, w); f != nil {
		s.report(*f, at)
		return
	}
	if depth == Once {
		return
	}
	again := s.p.crashAgain(rec, depth)
	s.counts.Seconds += again.states
	if f := again.judge(s.p, s.r, w, rec.shown); f != nil {
		at.next = &f.at
		s.report(f.flaw, at)
		return
	}
	if how == stepKill && view != nil {
		s.p.carry(rec.shown, disk, db, got, view.MaxLSN())
		if len(rec.shown.flaws) > 0 {
			s.report(rec.shown.flaws[0], at)
		}
	}
}

// initAgain makes the database that a killed process was making: what that one has
// made already may stand in the page cache only, and has to last once the second
// init has returned.
func (s *sweep) initAgain(disk *faultfs.FS, first int, depth Depth, w window, at crash) {
	if err := quiver.Init(root, s.p.k.init(s.p.fs(disk))); err != nil {
		s.report(flaw{"init", "init again after a kill: " + err.Error()}, at)
		return
	}
	end := disk.Seq()
	rec := &recovery{log: disk.Log(), first: first, opened: end, listed: end, last: end, made: true, shown: &outcome{holds: s.p.intern(model.State{})}}
	again := s.p.crashAgain(rec, depth)
	s.counts.Seconds += again.states
	if f := again.judge(s.p, s.r, w, &outcome{holds: absent}); f != nil {
		at.next = &f.at
		s.report(f.flaw, at)
	}
}
