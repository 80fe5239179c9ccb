package torture

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// planted are mistakes that the judges have to notice, each with the rules that
// may be the first to break.
var planted = []struct {
	name   string
	mutate Mutation
	rules  []string
}{
	{"log not synced", Unsynced(faultfs.KindSync|faultfs.KindSyncData, faultfs.ClassWAL), []string{"static R10 clean flag", "static R1 log first", "static R1 sync before ack", "static R2 one group at a time"}},
	{"segments not synced", Unsynced(faultfs.KindSync|faultfs.KindSyncData, faultfs.ClassSeg), []string{"I19 opens", "static R1 data fsync", "static R3 segments before cut", "static R7 space"}},
	{"temporary files not synced", Unsynced(faultfs.KindSync|faultfs.KindSyncData, faultfs.ClassTmp), []string{"static R4 sync before rename"}},
	{"directories not synced", Unsynced(faultfs.KindSyncDir, 0), []string{"static R5 directory sync", "static R5 directory sync before ack"}},
}

// TestPlantedMistakesAreFound makes sure that a run turns red, and that its
// story is short: at most four operations and two lost writes.
func TestPlantedMistakesAreFound(t *testing.T) {
	for _, p := range planted {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := Run(Config{Tier: Exhaustive, Knobs: 1, Share: 7, Seed: 2, Limit: 1, Mutate: p.mutate, Workers: 1})
			require.NotEmpty(t, r.Violations)
			v := r.Violations[0]
			t.Log(v)
			assert.Contains(t, p.rules, v.Rule)
			c, err := ParseToken(v.Token)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(c.Workload.Ops), 4)
			assert.LessOrEqual(t, len(v.Lost), 2)
		})
	}
}

// TestCrashesAloneFindAPlantedMistake leaves the static rules out.
func TestCrashesAloneFindAPlantedMistake(t *testing.T) {
	for _, p := range []struct {
		name   string
		mutate Mutation
		rules  []string
	}{
		{"log", Unsynced(faultfs.KindSync|faultfs.KindSyncData, faultfs.ClassWAL), []string{"I3 no hole", "I7 raw", "I1 durable", "I11 observed is durable"}},
		{"segments", Unsynced(faultfs.KindSync|faultfs.KindSyncData, faultfs.ClassSeg), []string{"I19 opens", "I7 raw", "I3 no hole", "I1 durable", "I11 observed is durable"}},
		{"directories", Unsynced(faultfs.KindSyncDir, 0), []string{"I3 no hole", "I7 raw", "I1 durable", "I11 observed is durable"}},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			long := longTask("chain")
			b := bases{mutate: p.mutate, noRules: true}
			_, found := b.examine(long)
			require.NotEmpty(t, found)
			assert.Contains(t, p.rules, found[0].Rule)
			short := b.shrink(found[0], 20*time.Second)
			t.Log(short)
			c := repeats(t, &b, short)
			assert.LessOrEqual(t, len(c.Workload.Ops), 4)
			assert.LessOrEqual(t, len(short.Lost), 2)
		})
	}
}

// repeats judges the case of a violation again: it is the same one.
func repeats(t *testing.T, b *bases, v Violation) Case {
	t.Helper()
	c, err := ParseToken(v.Token)
	require.NoError(t, err)
	_, again, err := b.retry(c)
	require.NoError(t, err)
	require.NotEmpty(t, again, "it does not repeat")
	assert.Equal(t, v.Rule, again[0].Rule)
	return c
}

// longTask is a workload of several phrases.
func longTask(start string) Task {
	k := DefaultKnobs()
	list := alphabet(k)
	return Task{Workload: Workload{k, start, phrases(list[0], list[4], list[10], list[3], list[29], list[8])}}
}
