package torture

import (
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// ErrorsAt runs workloads with every error of the calls of one kind for which
// here is true, once and from then on. Here is asked on the stack of the caller,
// in a run of the engine as it is: the Mutate of c may make the call elsewhere, or
// not at all, and so the next call of the kind is struck too.
func ErrorsAt(c PartConfig, list []Workload, kind faultfs.Kind, here func() bool) []Violation {
	t := &strikes{crew: newCrew(c), kind: kind, here: here}
	t.bases.mutate = c.Mutate
	t.do(func(yield func(func()) bool) {
		for i, w := range list {
			if !yield(func() { t.workload(i, w) }) {
				return
			}
		}
	})
	return t.violations()
}

// strikes are runs with errors at a place that somebody else knows.
type strikes struct {
	*crew
	bases, clean bases
	kind         faultfs.Kind
	here         func() bool
}

// Again judges workloads of tokens once more, under the Mutate of c: the case of each
// as it was, and then every crash of its run. Tokens of the other parts are passed over.
func Again(c PartConfig, tokens []string) ([]Violation, error) {
	t := &strikes{crew: newCrew(c)}
	t.bases.mutate, t.bases.seen = c.Mutate, &stateSet{}
	var list []Case
	for _, token := range tokens {
		if !strings.HasPrefix(token, tokenVersion+";") {
			continue
		}
		one, err := ParseToken(token)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	t.do(func(yield func(func()) bool) {
		for _, one := range list {
			if !yield(func() { t.again(one) }) {
				return
			}
		}
	})
	return t.violations(), nil
}

func (t *strikes) again(c Case) {
	t.keep(t.guard(c.Token(), func() []Violation {
		_, found, err := t.bases.retry(c)
		if err == nil {
			return found
		}
		return nil // the mutation has moved the calls that the token names
	}), nil)
	c.Steps = nil
	t.keep(t.guard(c.Token(), func() []Violation {
		base, err := t.bases.get(c.Workload.Start, c.Workload.Knobs)
		if err != nil {
			return nil // likewise
		}
		if len(c.Faults) == 0 && c.Full == 0 {
			_, found := t.bases.examine(Task{Workload: c.Workload, Profile: c.Profile, Bounded: true, Double: Dropped, Kill: Dropped})
			return found
		}
		_, found, _ := t.bases.watchedCase(c, base, newProber(c.Workload, t.c.Mutate), newSiteWatch())
		return found
	}), nil)
}

// mostStrikes is at how many calls of one workload the errors are tried.
const mostStrikes = 4

func (t *strikes) workload(number int, w Workload) {
	calls, err := t.calls(w)
	if err != nil {
		t.keep([]Violation{{Rule: "start", Text: err.Error(), Token: Case{Workload: w}.Token()}}, nil)
		return
	}
	base, err := t.bases.get(w.Start, w.Knobs)
	if err != nil {
		return // the mutation spoils the start: others tell it
	}
	p := newProber(w, t.c.Mutate)
	for i, n := range calls {
		for j, f := range faultfs.Errors(t.kind) {
			for _, sticky := range []bool{false, true} {
				f.N, f.Sticky = n, sticky
				c := Case{Workload: w, Faults: faultfs.Plan{f}, Late: (number+i+j)%2 == 1}
				t.keep(t.guard(c.Token(), func() []Violation {
					_, found, _ := t.bases.watchedCase(c, base, p, newSiteWatch())
					return found
				}), nil)
				if t.full() {
					return
				}
			}
		}
	}
}

// calls are the numbers of the calls that here is true of, as a fault counts
// them, and of the calls of the kind that follow those.
func (t *strikes) calls(w Workload) ([]int, error) {
	base, err := t.clean.get(w.Start, w.Knobs)
	if err != nil {
		return nil, err
	}
	watch := newSiteWatch()
	n, list := 0, []int(nil)
	watch.asked = func(k faultfs.Kind) {
		if k != t.kind {
			return
		}
		if n++; t.here() {
			list = append(list, n)
		}
	}
	r := begin(w, base.under(watch), nil)
	watch.restart(r.disk)
	n, list = 0, nil
	for _, o := range w.program() {
		r.do(o)
	}
	if len(list) > mostStrikes {
		step := len(list) / mostStrikes
		for i := range mostStrikes {
			list[i] = list[i*step]
		}
		list = list[:mostStrikes]
	}
	for _, at := range slices.Clone(list) {
		list = append(list, at+1)
	}
	return slices.Compact(list), nil
}
