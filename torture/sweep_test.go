package torture

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// spotless fails for each violation of a run, and for each boundary that it has
// left out.
func spotless(t *testing.T, r Report) {
	t.Helper()
	t.Log(r)
	for _, v := range r.Violations {
		assert.Fail(t, v.String())
	}
	require.NotEmpty(t, r.Boundaries)
	for _, b := range r.Boundaries {
		assert.Equal(t, b.Existing, b.Explored, "boundaries of %s", b.Operation)
	}
}

// TestExhaustive is a slice of the tier that is run for every change: a few
// phrases on each start state.
func TestExhaustive(t *testing.T) {
	r := Run(Config{Tier: Exhaustive, Knobs: 1, Share: 61, Seed: 3})
	spotless(t, r)
	operations := map[string]bool{}
	for _, b := range r.Boundaries {
		assert.Positive(t, b.Existing, b.Operation)
		operations[b.Operation] = true
	}
	for _, name := range []string{"init", "open", "put", "close", "recovery"} {
		assert.True(t, operations[name], name)
	}
	assert.Greater(t, r.DistinctStates, 5_000)
	assert.LessOrEqual(t, r.DistinctStates, r.Opens)
	assert.Equal(t, r.AllTasks, r.Tasks)
}

// TestBounded is a thinner slice of the pairs.
func TestBounded(t *testing.T) {
	spotless(t, Run(Config{Tier: Bounded, Share: 4001, Seed: 700}))
}

// TestLaws cuts the power under each law: the crashes of a put that needs pages
// of its own, and of a log that turns over.
func TestLaws(t *testing.T) {
	for i, law := range faultfs.Laws() {
		t.Run(law.String(), func(t *testing.T) {
			t.Parallel()
			var b bases
			for _, w := range []string{"b3,c2,w24,k8,r2,n12,s512,f1,l1|free|put(dp=9000)", "b1,c0,w24,k8,r2,n12,s4096,f0,l1|log|del(a) put(b=900)"} {
				w, err := ParseWorkload(w)
				require.NoError(t, err)
				n, found := b.examine(Task{Workload: w, Profile: faultfs.Profile{Law: law, Seed: uint64(i)}, Double: Dropped, Kill: Dropped})
				for _, v := range found {
					assert.Fail(t, v.String())
				}
				t.Logf("%d states, %d distinct, %d excused", n.States+n.Seconds, n.Distinct, n.Excused)
				for name, calls := range n.Boundaries {
					assert.Equal(t, calls[0], calls[1], "boundaries of %s", name)
				}
			}
		})
	}
}

// TestSharesAreTheWhole makes sure that machines that share a tier leave nothing
// out.
func TestSharesAreTheWhole(t *testing.T) {
	const share = 5
	var all []string
	for seed := range uint64(share) {
		x := &runner{c: Config{Tier: Exhaustive, Share: share, Seed: seed}.defaults()}
		for task := range x.mine() {
			all = append(all, shape(task.Workload))
		}
	}
	var want []string
	for task := range Exhaustive.tasks(Exhaustive.knobs(), 0) {
		want = append(want, shape(task.Workload))
	}
	assert.ElementsMatch(t, want, all)
}

// shape is a workload without what differs between options: keys are those of a
// bucket.
func shape(w Workload) string {
	text := w.Start
	for _, o := range w.Ops {
		text += " " + o.Kind.String()
		for _, c := range o.Changes {
			text += fmt.Sprint(c.Delete, c.Size, c.Mark)
		}
	}
	return text
}
