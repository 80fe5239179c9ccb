package torture

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// TestFamilies tries a few workloads of the tiers of snapshots and backups, each
// call of each operation.
func TestFamilies(t *testing.T) {
	for _, text := range []string{"p2|kept|snap put(a=900) snaprm put(be=40)", "p1|left|put(a=900) snapend", "p0|free|backup(be=40,a=950)", "p0|backed|restore restoreinc"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			w, err := ParseWorkload("b1,c2,w24,k8,r2,n12,s4096,f1,l1," + text)
			require.NoError(t, err)
			var b bases
			task := Task{Workload: w, Bounded: true, Double: Dropped}
			if w.Knobs.Keep != keepNone {
				task.Kill = Dropped // of the others the tier has enough to do
			}
			n, found := b.examine(task)
			for _, v := range found {
				assert.Fail(t, v.String())
			}
			t.Logf("%d states, %d distinct", n.States+n.Seconds, n.Distinct)
			for name, calls := range n.Boundaries {
				assert.Equal(t, calls[0], calls[1], "boundaries of %s", name)
			}
		})
	}
}

// TestFamilyStartsAreWhatTheyAreCalled looks at the ledgers and at the bytes.
func TestFamilyStartsAreWhatTheyAreCalled(t *testing.T) {
	for _, keep := range []int{keepPersist, keepDedup} {
		k := DefaultKnobs()
		k.Keep = keep
		var b bases
		for _, name := range []string{keptStart, leftStart} {
			base, err := b.get(name, k)
			require.NoError(t, err)
			v, err := rawView(base.disk)
			require.NoError(t, err)
			assert.Equal(t, name == keptStart, v.Meta.Clean)
			kept, err := rawSnapshots(base.disk, v)
			require.NoError(t, err)
			assert.Empty(t, kept.Faults)
			require.Len(t, kept.Entries, 2)
			assert.True(t, kept.Entries[0].Ended)
			assert.False(t, kept.Entries[1].Ended)
			pairs, faults, err := kept.Pairs(kept.Entries[1])
			require.NoError(t, err)
			assert.Empty(t, faults)
			assert.Equal(t, map[string]string(base.ledger.snaps[1].want), pairs)
		}
	}
	var b bases
	base, err := b.get(backedStart, DefaultKnobs())
	require.NoError(t, err)
	require.Len(t, base.ledger.backups, 2)
	assert.Nil(t, base.ledger.backups[0].base)
	assert.Equal(t, base.ledger.backups[0], base.ledger.backups[1].base)
	assert.Greater(t, base.ledger.backups[1].lsn, base.ledger.backups[0].lsn)
}

// TestUseful: what has nothing to do is not tried.
func TestUseful(t *testing.T) {
	f := familyOf(Backups)
	for text, want := range map[string]bool{
		"free|backup restore": true, "free|restore": false, "free|backupinc": false, "backed|backupinc restore restoreinc": true,
		"backed|restore restoreinc": true, "backed|restoreinc": false, "backed|backup restore restoreinc": false,
	} {
		w, err := ParseWorkload(DefaultKnobs().String() + "|" + text)
		require.NoError(t, err)
		assert.Equal(t, want, f.useful(w), text)
	}
}

// Mistakes that only the judges of snapshots, backups and restores can see, by
// the static rules and by the crashes alone.
func TestPlantedMistakesOfFamiliesAreFound(t *testing.T) {
	syncs := faultfs.KindSync | faultfs.KindSyncData
	for _, p := range []struct {
		name, workload string
		mutate         Mutation
		rules          []string
	}{
		{"frames not synced", "p1|split|snap put(a=900)", Unsynced(syncs, faultfs.ClassSnap), []string{"I12 snapshot", "I7 raw", "I19 opens"}},
		{"shared pages not synced", "p2|kept|snap put(a=900)", Unsynced(syncs, faultfs.ClassSnap), []string{"I12 snapshot", "I7 raw", "I19 opens"}},
		{"pages of a backup not synced", "p0|free|backup", Unsynced(syncs, faultfs.ClassBackup), []string{"I13 backup"}},
		{"segments of a restore not synced", "p0|backed|restore", Unsynced(syncs, faultfs.ClassSeg), []string{"I14 restore", "I7 raw"}},
		{"folders not synced", "p0|backed|restore restoreinc", Unsynced(faultfs.KindSyncDir, 0), []string{"I14 restore", "I7 raw", "I3 no hole"}},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w, err := ParseWorkload("b1,c2,w24,k8,r2,n12,s4096,f1,l1," + p.workload)
			require.NoError(t, err)
			b := bases{mutate: p.mutate, noRules: true}
			_, found := b.examine(Task{Workload: w, Double: Dropped})
			require.NotEmpty(t, found)
			assert.Contains(t, p.rules, found[0].Rule, found[0].Text)
			repeats(t, &b, found[0])
		})
	}
}
