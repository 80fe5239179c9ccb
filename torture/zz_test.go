package torture

import "testing"

func TestZZ(t *testing.T) {
	var b bases
	k := DefaultKnobs()
	bs, _ := b.get("fresh", k)
	ops, _ := parseOps("put(a=100)")
	w := Workload{k, "fresh", ops}
	r := begin(w, bs, nil)
	for _, o := range w.program() {
		r.do(o)
	}
	t.Log("\n" + r.disk.Log().String())
}
