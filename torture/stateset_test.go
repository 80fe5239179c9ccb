package torture

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// TestStateSetCountsEachDiskOnce compares the set with a map, from several
// goroutines.
func TestStateSetCountsEachDiskOnce(t *testing.T) {
	var s stateSet
	want := map[[2]uint64]bool{}
	rng := rand.New(rand.NewPCG(1, 1))
	var list [][2]uint64
	for range 40_000 {
		d := [2]uint64{rng.Uint64N(20_000), rng.Uint64N(2)}
		want[d] = true
		list = append(list, d)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for _, d := range list {
				s.add(faultfs.Digest(d[0]), d[1]<<40)
			}
		})
	}
	all.Wait()
	assert.Equal(t, len(want), s.len())
}

func TestCoveredCountsCallsOnce(t *testing.T) {
	ranges := [][2]int{{0, 4}, {5, 5}, {6, 9}}
	assert.Equal(t, 9, covered(ranges, 0, 9))
	assert.Equal(t, 2, covered(ranges, 3, 5))
	assert.Equal(t, 0, covered(ranges, 9, 9))
	assert.Equal(t, 1, covered(ranges[:1], 3, 9), "the rest was not explored")
}

// TestUnitsAreThoseOfTheDisk makes sure that partial points are counted as the
// disk chooses its subsets.
func TestUnitsAreThoseOfTheDisk(t *testing.T) {
	w, err := ParseWorkload("b3,c2,w24,k8,r2,n12,s512,f1,l1|free|put(dp=9000)")
	assert.NoError(t, err)
	var b bases
	base, err := b.get(w.Start, w.Knobs)
	assert.NoError(t, err)
	r := begin(w, base, nil)
	for _, o := range w.program() {
		r.do(o)
	}
	e := faultfs.Enum{NoTears: true, Fixed: faultfs.ClassLock, MaxSubset: 12}
	some := 0
	for st := range r.disk.Log().Points() {
		n := unitsOf(st.Pending(), e.Fixed)
		if n == 0 || n > 12 {
			continue
		}
		selections := 0
		for range st.Selections(e) {
			selections++
		}
		// None and all come first, and all is left out of the subsets.
		assert.Equal(t, 2+1<<n-1, selections, "%d units after call %d", n, st.From)
		some++
	}
	assert.Greater(t, some, 20)
}
