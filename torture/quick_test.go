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
			ops, _ := parseOps("put(a=100) put(b=9000) put(c=!) del(a) nosync(d=10,e=2000,-b) sync update(d=10) checkpoint recount reopen put(x=100) kill put(y=10) readonly delprefix")
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
			st := time.Now()
			s.crashes()
			d := time.Since(st)
			t.Logf("%s: %+v opens %d carries %d in %v: %.0f/s, %v/open", name, s.counts, s.p.opens, s.p.carries, d, float64(s.counts.States)/d.Seconds(), d/time.Duration(s.p.opens))
			for _, v := range s.found {
				t.Errorf("%+v", v)
			}
		}
	}
}
