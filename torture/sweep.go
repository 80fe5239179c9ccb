package torture

import (
	"fmt"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
)

// enumeration is how the disks are chosen that a power cut may leave, where
// many runs are looked at. The content of the lock file decides nothing.
func enumeration() faultfs.Enum {
	return faultfs.Enum{ByteCuts: true, Fixed: faultfs.ClassLock}
}

// sweep judges the crashes of one run.
type sweep struct {
	c      Case
	r      *run
	p      *prober
	log    *faultfs.Log
	counts Counts
	judged [][2]int // calls after which every crash was judged: from and to
	limit  int      // violations at which it ends
	found  []Violation
}

func newSweep(c Case, r *run, p *prober, limit int) *sweep {
	s := &sweep{c: c, r: r, p: p, limit: limit}
	if r != nil {
		s.log = r.disk.Log()
	}
	return s
}

func (s *sweep) full() bool { return len(s.found) >= s.limit }

// crash is where and how a disk came to be.
type crash struct {
	how   string // stepCrash, stepKill, stepLook
	point *faultfs.State
	sel   faultfs.Selection
	next  *crash // a second one, in the recovery from this
}

// crashes cuts the power at every point.
func (s *sweep) crashes(e faultfs.Enum) {
	for st := range s.log.Points() {
		s.counts.Points++
		s.crash(st, e)
		if s.full() {
			return
		}
		s.judged = append(s.judged, [2]int{st.From, st.To})
	}
}

func (s *sweep) crash(st *faultfs.State, e faultfs.Enum) {
	w := s.r.line.window(st.From, st.To)
	if e.Profile != (faultfs.Profile{}) {
		st = st.Under(e.Profile)
	}
	if unitsOf(st.Pending(), e.Fixed) > e.MaxSubset {
		s.counts.Partial++
	}
	for im := range st.Images(e) {
		s.counts.States++
		s.image(im, w, crash{how: stepCrash, point: st, sel: im.Sel})
		if s.full() {
			return
		}
	}
}

// image judges one disk.
func (s *sweep) image(im faultfs.Image, w window, at crash) {
	if harsh(im) {
		if f := s.detect(im, w); f != nil {
			s.report(*f, at)
		}
		return
	}
	before := len(s.found)
	s.judge(s.p.twice(s.r.ledger.of(im)), w, at)
	if !s.r.ledger.inside() && len(s.found) == before {
		s.p.seen.add(im.Digest, s.p.salt)
		s.outside(s.p.beside(s.p.depth, false), im.FS, w, at)
	}
}

// outside judges what is beside the database.
func (s *sweep) outside(b *besides, fresh func() *faultfs.FS, w window, at crash) {
	o := b.look(fresh, s.r.ledger)
	f := s.r.ledger.outside(o, s.p, w)
	if f == nil {
		return
	}
	if f.at.point != nil {
		at.next = &f.at
	}
	s.report(f.flaw, at)
}

// judge compares an outcome with what had been promised.
func (s *sweep) judge(o *outcome, w window, at crash) {
	if len(o.flaws) > 0 {
		s.report(o.flaws[0], at)
		return
	}
	if f := promised(s.p, s.r, o, w); f != nil {
		s.report(*f, at)
		return
	}
	if o.again != nil {
		if f := o.again.judge(s.p, s.r, w, o); f != nil {
			at.next = &f.at
			s.report(f.flaw, at)
		}
	}
}

// promised says what an outcome lacks of what a window promises.
func promised(p *prober, r *run, o *outcome, w window) *flaw {
	line := r.line
	class := line.classOf(p, o.holds)
	switch {
	case class < 0 || !w.hasClass(line, class):
		return &flaw{"I3 no hole", line.explain(p.contents[o.holds], class, w)}
	case o.lsn < w.lsn && o.holds != absent:
		return &flaw{"I6 LSN", fmt.Sprintf("LastLSN is %d, it was %d before the crash", o.lsn, w.lsn)}
	}
	return r.ledger.snapshots(o.snaps, w)
}

// explain says in words what was found and what may be found.
func (t *timeline) explain(got model.State, class int, w window) string {
	var b strings.Builder
	switch {
	case got == nil:
		b.WriteString("found no database")
	case class >= 0:
		fmt.Fprintf(&b, "found state %d", class)
	default:
		b.WriteString("found a state that never was")
	}
	b.WriteString("; may be")
	for id := w.high; id >= w.low; id-- {
		if !w.has(t, id) {
			continue
		}
		diff := model.Diff(got, t.states[id])
		if t.states[id] == nil {
			diff = "no database"
		}
		fmt.Fprintf(&b, "\n    state %d: %s", id, diff)
	}
	return b.String()
}

func (s *sweep) report(f flaw, at crash) {
	c := s.c
	c.Steps = nil
	for x := &at; x != nil; x = x.next {
		how := x.how
		if how == "" {
			how = stepCrash
		}
		c.Steps = append(c.Steps, Step{How: how, Call: x.point.From, Sel: x.sel})
	}
	s.found = append(s.found, newViolation(f, c, s.r, &at))
}
