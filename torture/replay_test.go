package torture

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

func TestTokensRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		c := randomCase(rng)
		back, err := ParseToken(c.Token())
		require.NoError(t, err, c.Token())
		assert.Equal(t, c.Token(), back.Token())
		assert.Equal(t, c.Profile, back.Profile)
		assert.Equal(t, c.Full, back.Full)
		assert.Equal(t, []any{c.Handles, c.ReadOnly, c.From}, []any{back.Handles, back.ReadOnly, back.From})
		assert.Len(t, back.Steps, len(c.Steps))
	}
}

func randomCase(rng *rand.Rand) Case {
	c := Case{Workload: randomWorkload(rng), Late: rng.IntN(2) == 0}
	switch rng.IntN(5) {
	case 0:
		errs := faultfs.Errors(0)
		c.Faults = faultfs.Plan{errs[rng.IntN(len(errs))]}
		c.Faults[0].N = 1 + rng.IntN(9)
	case 1:
		c.Full = rng.IntN(20)
	case 2:
		c.Handles, c.From = 1+rng.IntN(9), rng.IntN(200)
	case 3:
		c.ReadOnly, c.From = true, rng.IntN(200)
	}
	laws := faultfs.Laws()
	c.Profile.Law = laws[rng.IntN(len(laws))]
	for range rng.IntN(3) {
		s := Step{How: []string{stepCrash, stepKill, stepLook}[rng.IntN(3)], Call: rng.IntN(500)}
		if s.How == stepCrash {
			for i := range 20 {
				if rng.IntN(2) == 0 {
					s.Sel = s.Sel.With(i)
				}
			}
		}
		c.Steps = append(c.Steps, s)
	}
	return c
}

func TestBadTokens(t *testing.T) {
	for _, token := range []string{
		"", "v2;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|put(a=1);;", "v1;x|fresh|put(a=1);;",
		"v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|nowhere|;;", "v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|jump;;",
		"v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|;under=water;", "v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|;full=x;",
		"v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|;handles=-1;", "v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|;ro=1;", "v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|;ro from=x;",
		"v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|;;crash", "v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|fresh|;;fall 3 ff",
	} {
		_, _, err := Replay(token)
		assert.Error(t, err, token)
	}
}

// TestReplayIsIdentical replays cases again and again: each time all calls are
// the same.
func TestReplayIsIdentical(t *testing.T) {
	for _, token := range []string{
		"v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|chain|snap put(a=900) batch(dp=100,em=2000,-a) reopen del(b) kill recount put(dp=9000);;crash 300 5 > crash 9 3",
		"v1;b1,c0,w24,k8,r2,n12,s512,f0,l0|fresh|put(a=9000) nosync(b=60) kill put(a=40);syncdir|sync|syncdata/*#9:EIO:F5;kill 80 > crash 90 1",
		"v1;b1,c64,w24,k8,r2,n12,s4096,f1,l1|edge|put(be=9000) snap del(be) recount;;",   // two segments
		"v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1|chain|snap del(a) snap put(b=900) recount;;", // two snapshots
		"v1;b3,c2,w24,k8,r2,n12,s4096,f1,l1,p1|chain|snap del(a) snap put(b=900) recount;;",
	} {
		first, found, err := Replay(token)
		require.NoError(t, err)
		require.Empty(t, found)
		require.True(t, strings.HasPrefix(first, "fingerprint "), first)
		for range 99 {
			again, _, err := Replay(token)
			require.NoError(t, err)
			require.Equal(t, first, again)
		}
	}
}
