package torture

import (
	"fmt"
	"strings"
)

// Replay judges one case again and describes everything about it. It returns
// what is violated, nothing if all is well.
func Replay(token string) (description string, found []Violation, err error) {
	if description, found, err, ok := replayPart(token, nil); ok {
		return description, found, err
	}
	c, err := ParseToken(token)
	if err != nil {
		return "", nil, err
	}
	var b bases
	s, found, err := b.retry(c)
	switch {
	case err != nil:
		return "", nil, err
	case s.r == nil:
		return "the run ended in a panic\n", found, nil
	}
	return s.describe(), found, nil
}

// nowhere is a second crash that no recovery has.
var nowhere = Step{How: stepCrash, Call: -1}

// retry judges one case: its run, and the disk that its steps lead to.
func (b *bases) retry(c Case) (s *sweep, found []Violation, err error) {
	base, err := b.get(c.Workload.Start, c.Workload.Knobs)
	if err != nil {
		return nil, nil, err
	}
	p := newProber(c.Workload, b.mutate)
	p.law, p.only, p.watched = c.Profile, &nowhere, !b.noRules
	if len(c.Steps) > 1 {
		p.depth, p.only = Complete, &c.Steps[1]
	}
	if c.faulty() {
		watch := &rules{}
		r, flaws := guarded(func() *run { return errorRun(c, base, watch) })
		found = violations(c, r, append(flaws, watch.flaws...))
		s = newSweep(c, r, p, maxViolations)
	} else {
		s, found = b.plainRun(c.Workload, base, p)
		s.c = c
	}
	if s.r == nil || len(c.Steps) == 0 {
		return s, found, nil
	}
	st := s.log.StateAfter(c.Steps[0].Call)
	if c.Steps[0].How == stepCrash {
		st = st.Under(c.Profile)
		im := st.Image(c.Steps[0].Sel)
		s.image(im, s.r.line.window(st.From, st.To), crash{how: stepCrash, point: st, sel: im.Sel})
	} else {
		s.kill(st, c.Steps[0].How, max(p.depth, Dropped))
	}
	return s, append(found, s.found...), nil
}

// describe is the whole run: its operations and all calls.
func (s *sweep) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fingerprint %v\n", s.log.Fingerprint())
	for _, step := range s.r.steps {
		fmt.Fprintln(&b, step)
	}
	b.WriteString(s.log.String())
	return b.String()
}
