package quiver_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

const (
	clients        = 5
	callsPerClient = 200
)

// alphabet is a way to draw calls.
type alphabet struct {
	name  string
	draw  func(client, i int, rng *rand.Rand) clientCall
	byKey bool // the history can be judged key by key
	rare  int  // run only one in so many
}

func alphabets() []alphabet {
	return []alphabet{
		{"single keys", singleKeys(5), true, 1},
		{"several keys", severalKeys(3), false, 2},
		{"without sync", withoutSync(3), false, 4},
	}
}

// rounds is how many histories a test runs with an alphabet.
func (a alphabet) rounds(most int) int { return max(1, rounds(most)/a.rare) }

// TestLinearizable: whatever goroutines do with one handle, it is as if each
// call had happened at one moment between its beginning and its end.
func TestLinearizable(t *testing.T) {
	for _, a := range alphabets() {
		t.Run(a.name, func(t *testing.T) {
			met := 0
			for round := range a.rounds(120) {
				rng := rand.New(rand.NewPCG(uint64(round), 1))
				var disk vfs.FS = vfs.NewMem()
				if round%2 == 0 {
					disk = unevenDisk(uint64(round))
				}
				o := concurrentOptions(rng, disk)
				db := openFresh(t, o, dbDir, 1+rng.IntN(3))
				met += linear(t, a, db, uint64(round))
				require.NoError(t, db.Close())
			}
			all := a.rounds(120) * clients * callsPerClient
			t.Logf("%d histories, %d of %d calls met another one", a.rounds(120), met, all)
			require.Greater(t, met, all/100, "the clients do not meet: the histories prove nothing")
		})
	}
}

func TestLinearizableOnTheRealDisk(t *testing.T) {
	for _, a := range alphabets() {
		t.Run(a.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			o := concurrentOptions(rng, vfs.OS())
			db := openFresh(t, o, filepath.Join(t.TempDir(), "db"), 2)
			for round := range a.rounds(4) {
				linear(t, a, db, uint64(round))
			}
			require.NoError(t, db.Close())
		})
	}
}

// linear runs and judges a history, and tells how many calls met another one.
func linear(t *testing.T, a alphabet, db *quiver.DB, seed uint64) (met int) {
	t.Helper()
	from, err := scanAll(db, quiver.ScanOptions{})
	require.NoError(t, err)
	h := &history{seed: seed, from: from, next: a.draw}
	require.NoError(t, h.run(db, clients, callsPerClient))
	h.judge(t, a.byKey)
	return h.met()
}

// TestLinearizableOverACrash: calls that a crash cut short are in doubt; all
// others have happened, and what was read before is there after.
func TestLinearizableOverACrash(t *testing.T) {
	for _, a := range alphabets()[:2] {
		t.Run(a.name, func(t *testing.T) {
			for round := range a.rounds(60) {
				rng := rand.New(rand.NewPCG(uint64(round), 2))
				disk := unevenDisk(uint64(round))
				o := concurrentOptions(rng, disk)
				db := openFresh(t, o, dbDir, 1+rng.IntN(3))
				disk.StopAfter(disk.Seq() + rng.IntN(1500))
				h := &history{seed: uint64(round), next: a.draw}
				if err := h.run(db, clients, callsPerClient); err != nil {
					require.ErrorIs(t, err, faultfs.ErrCrashed)
				}
				disk.Stop()
				_ = db.Close()
				o.FS = disk.State().Crash(randomSelection(disk.State(), rng))
				db, err := quiver.Open(dbDir, &o)
				require.NoError(t, err, "round %d", round)
				h.addContent(t, db, a.byKey)
				h.judge(t, a.byKey)
				require.NoError(t, db.Close())
			}
		})
	}
}

// addContent ends a history with what is there.
func (h *history) addContent(t *testing.T, db *quiver.DB, byKey bool) {
	content, err := scanAll(db, quiver.ScanOptions{})
	require.NoError(t, err)
	if !byKey {
		h.add(model.Op{Kind: model.Scan}, model.Result{Pairs: content})
		return
	}
	for i := range 5 {
		key := fmt.Sprintf("k%d", i)
		value, found := content[key]
		h.add(model.Op{Kind: model.Get, Key: key}, model.Result{Found: found, Value: value})
	}
}

// randomSelection is what a power cut leaves of a state.
func randomSelection(state *faultfs.State, rng *rand.Rand) faultfs.Selection {
	n := len(state.Pending())
	sel := faultfs.None()
	switch share := rng.IntN(5); share {
	case 0:
	case 4:
		sel = faultfs.All(n)
	default:
		for i := range n {
			if rng.IntN(4) < share {
				sel = sel.With(i)
			}
		}
	}
	return sel
}
