package torture

import (
	"fmt"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// Enumeration is how the disks are chosen that a power cut may leave.
func enumeration() faultfs.Enum {
	return faultfs.Enum{ByteCuts: true, Fixed: faultfs.ClassLock}
}

// sweep judges every crash of one run.
type sweep struct {
	r      *run
	p      *prober
	log    *faultfs.Log
	counts Counts
	limit  int // violations at which it ends
	found  []Violation
}

func (s *sweep) full() bool { return len(s.found) >= s.limit }

// crashes cuts the power at every point.
func (s *sweep) crashes() {
	for st := range s.log.Points() {
		s.counts.Points++
		w := s.r.line.window(st.From, st.To)
		for im := range st.Images(enumeration()) {
			s.counts.States++
			s.judge(s.p.twice(im), w, crash{point: st, sel: im.Sel})
			if s.full() {
				return
			}
		}
	}
}

// crash is where and how a disk came to be.
type crash struct {
	point *faultfs.State
	sel   faultfs.Selection
	kill  bool   // no power cut: the process died
	next  *crash // a second one, in the recovery from this
}

// judge compares an outcome with what had been promised.
func (s *sweep) judge(o *outcome, w window, c crash) {
	for _, f := range o.flaws {
		s.report(f, c)
		return
	}
	if f := promised(s.r.line, o, w); f != nil {
		s.report(*f, c)
		return
	}
	if o.again != nil {
		if f := o.again.judge(s.r.line, w); f != nil {
			c.next = &f.at
			s.report(f.flaw, c)
		}
	}
}

// promised says what an outcome lacks of what a window promises.
func promised(line *timeline, o *outcome, w window) *flaw {
	switch {
	case o.absent:
		if line.states[0] != nil || w.low > 0 {
			return &flaw{"I1 durable", "there is no database"}
		}
	case !w.hasClass(line, o.class):
		return &flaw{"I3 no hole", fmt.Sprintf("holds the state of %s; may be %s", line.name(o.class), line.names(w))}
	case o.lsn < w.lsn:
		return &flaw{"I6 LSN", fmt.Sprintf("LastLSN is %d, it was %d before the crash", o.lsn, w.lsn)}
	}
	return nil
}

func (s *sweep) report(f flaw, c crash) {
	s.found = append(s.found, Violation{Rule: f.rule, Text: f.text, Workload: s.r.w.String(), Where: fmt.Sprintf("k=%d,a=%v", c.point.From, c.sel)})
}

// Counts are how much was judged.
type Counts struct {
	Points            int
	States            int
	Kills, KillStates int
}

// Violation is a promise that was found broken.
type Violation struct {
	Rule, Text, Workload, Where string
}

func (t *timeline) name(class int) string { return fmt.Sprintf("c%d", class) }

func (t *timeline) names(w window) string {
	var s string
	for id := w.low; id <= w.high; id++ {
		if w.has(t, id) {
			s += fmt.Sprintf(" c%d(class %d)", id, t.class[id])
		}
	}
	return s
}
