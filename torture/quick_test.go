package torture

import (
	"testing"
	"time"
)

func TestRunAll(t *testing.T) {
	var b bases
	for _, name := range Starts() {
		for _, k := range []Knobs{DefaultKnobs()} {
			bs, err := b.get(name, k)
			if err != nil {
				t.Error(err)
				continue
			}
			ops, _ := parseOps("put(a=100)")
			w := Workload{k, name, ops}
			rl := &rules{}
			r := begin(w, bs, rl)
			for _, o := range w.program() {
				r.do(o)
			}
			for _, f := range append(r.flaws, rl.flaws...) {
				t.Error(name, f)
			}
			s := sweep{r: r, p: newProber(w, r.line), log: r.disk.Log(), limit: 5}
			step := func(name string, fn func()) {
				st := time.Now()
				o, c, ss := s.p.opens, s.p.carries, s.counts.States
				fn()
				d := time.Since(st)
				n := 0
				for _, x := range s.p.known {
					if x.again != nil {
						n += x.again.states
					}
				}
				t.Logf("%s: %+v opens %d carries %d second %d in %v: %.0f/s, %v/open", name, s.counts, s.p.opens-o, s.p.carries-c, n, d, float64(s.counts.States-ss)/d.Seconds(), d/time.Duration(s.p.opens-o+1))
			}
			step(name, s.crashes)
			s.p.depth = Dropped
			step("dropped", s.crashes)
			for _, x := range s.p.known {
				x.again = nil
			}
			s.p.depth = Complete
			step("complete", s.crashes)
			step("kills drop", func() { s.kills(Dropped) })
			step("kills", func() { s.kills(Complete) })
			for _, v := range s.found {
				t.Errorf("%+v", v)
			}
		}
	}
}
