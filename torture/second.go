package torture

import (
	"fmt"

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

func (d Depth) enumeration() faultfs.Enum {
	if d == Dropped {
		return faultfs.Enum{MaxSubset: -1, NoTears: true, NoPrefixes: true, Fixed: faultfs.ClassLock}
	}
	return faultfs.Enum{Fixed: faultfs.ClassLock}
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
// opened, in the state of first. before and after that call something else is
// promised.
func (p *prober) crashAgain(log *faultfs.Log, opened int, first *outcome, depth Depth) *second {
	s := &second{}
	for st := range log.Points() {
		for im := range st.Images(depth.enumeration()) {
			s.states++
			o := p.once(im)
			at := crash{point: st, sel: im.Sel}
			switch {
			case len(o.flaws) > 0:
				s.flaws = append(s.flaws, secondFlaw{o.flaws[0], at})
			case st.To >= opened:
				s.promise(first, o, at)
			default:
				s.enter(o, at)
			}
			if len(s.flaws) > 0 {
				return s
			}
		}
	}
	return s
}

// promise: what an open handle has shown survives.
func (s *second) promise(first, o *outcome, at crash) {
	switch {
	case o.absent != first.absent || o.class != first.class:
		s.flaws = append(s.flaws, secondFlaw{flaw{"I11 observed is durable",
			fmt.Sprintf("the first recovery showed state c%d, after a second crash it is c%d (absent: %v)", first.class, o.class, o.absent)}, at})
	case o.lsn < first.lsn:
		s.flaws = append(s.flaws, secondFlaw{flaw{"I6 LSN",
			fmt.Sprintf("the first recovery showed LastLSN %d, after a second crash it is %d", first.lsn, o.lsn)}, at})
	}
}

func (s *second) enter(o *outcome, at crash) {
	for _, have := range s.outcomes {
		if have.absent == o.absent && have.class == o.class && have.lsn <= o.lsn {
			return
		}
	}
	s.outcomes = append(s.outcomes, secondOutcome{o, at})
}

// judge compares the outcomes with a window of the first crash.
func (s *second) judge(line *timeline, w window) *secondFlaw {
	if len(s.flaws) > 0 {
		return &s.flaws[0]
	}
	for _, o := range s.outcomes {
		if f := promised(line, o.outcome, w); f != nil {
			return &secondFlaw{*f, o.at}
		}
	}
	return nil
}

// kills ends the process at every point. The next one sees all that was
// written; then, while and after it recovers, the power is cut.
func (s *sweep) kills(depth Depth) {
	for st := range s.log.Points() {
		w := s.r.line.window(st.From, st.To)
		for _, open := range []func(string, *quiver.Options) (*quiver.DB, error){quiver.Open, quiver.OpenReadOnly} {
			s.counts.Kills++
			s.killed(st, w, depth, open)
			if s.full() {
				return
			}
		}
	}
}

func (s *sweep) killed(st *faultfs.State, w window, depth Depth, open func(string, *quiver.Options) (*quiver.DB, error)) {
	at := crash{point: st, kill: true}
	disk := st.Kill()
	o := &outcome{class: -1}
	db, err := open(root, s.r.w.Knobs.options(quiet{disk}))
	opened := disk.Seq()
	if err != nil {
		v, _ := rawView(disk)
		if v != nil && w.low > 0 {
			s.report(flaw{"I19 opens", "after a kill: " + err.Error()}, at)
		}
		return
	}
	got, err := content(db, s.p.keys)
	if err != nil {
		s.report(flaw{"I4 honest", "after a kill: " + err.Error()}, at)
	}
	if o.class, o.lsn = s.p.line.find(got), db.LastLSN(); o.class < 0 {
		s.report(flaw{"I3 no hole", "after a kill: the run never made this state; against the newest: " +
			model.Diff(got, s.p.line.states[s.p.line.top])}, at)
	} else if f := promised(s.r.line, o, w); f != nil {
		s.report(*f, at)
	}
	if s.full() {
		return
	}
	again := s.p.crashAgain(disk.Log(), opened, o, depth)
	s.counts.KillStates += again.states
	if f := again.judge(s.r.line, w); f != nil {
		at.next = &f.at
		s.report(f.flaw, at)
	}
}
