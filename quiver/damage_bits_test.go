package quiver_test

import (
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

func TestDamageTiming(t *testing.T) {
	for _, mk := range []func(*testing.T) *scene{cleanScene, logScene, bothScene} {
		s := mk(t)
		for _, f := range s.files() {
			t.Log(s.name, f, s.size(t, f))
		}
		tr := newTrial(t, s)
		tr.try(damage{name: "none", apply: func(*faultfs.FS) error { return nil }})
		for b := range 41 * 8 {
			tr.try(damage{name: fmt.Sprintf("meta bit %d.%d", b/8, b%8), apply: func(f *faultfs.FS) error { return f.FlipBit("/db/meta", int64(b/8), uint(b%8)) }})
		}
		tr.report()
	}
}
