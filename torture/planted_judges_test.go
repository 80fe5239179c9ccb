package torture

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// Mistakes that one judge alone can see, each in a workload in which no other meets
// them.
func TestPlantedMistakesThatOneJudgeSees(t *testing.T) {
	plain := Task{OnlyErrors: true}
	for _, p := range []struct {
		name, workload string
		plant          func(*plant)
		task           Task
		noRules        bool
		rule           string
	}{
		{"freed pages lost at a clean close", "p0|chain|put(a=9000) put(b=9000) del(a)", lostAtClose, plain, false, "I8 page accounting"},
		{"pairs lost by a close without writes", "p0|split|put(a=50)", emptyAtClose, Task{}, false, "I9 idempotent"},
		{"snapshots ended by a close without writes", "p1|split|snap put(a=50)", endedAtClose, Task{}, false, "I12 snapshot"},
		{"a page is free too early", "p0|chain|put(a=9000) del(a)", freedEarly, plain, false, "static R5 free list"},
		{"frames not synced before an overwrite", "p1|split|snap put(a=900) checkpoint", framesLoose, plain, false, "static R8 freeze before overwrite"},
		{"frames not synced before a cut", "p1|split|put(a=800) snap put(a=900) checkpoint", framesLoose, plain, false, "static R8 freeze before overwrite"},
		{"the folder of a snapshot not synced", "p1|split|snap put(a=900)", folderLoose, plain, false, "static R8 registry last"},
		{"a list vouches for itself behind a crash", "p0|chain|put(a=9000) put(b=50)", vouchesBehindCrash, Task{}, false, "I7 raw"},
		{"frames not synced before their index", "p1|split|snap put(a=900)", unsyncedPath("freeze.bin"), plain, false, "static R8 frame before index"},
		{"shared pages not synced before their index", "p2|split|snap put(a=900)", unsyncedPath("store.bin"), plain, false, "static R8 frame before index"},
		{"heads not synced before the registry", "p1|split|snap put(a=900)", unsyncedPath("heads.bin"), plain, false, "static R8 registry last"},
		{"a page not redone by a recovery", "p0|chain|put(a=900) put(b=900) checkpoint put(c=50)", notRedone, Task{}, false, "static R12 redo"},
		{"the first group behind a recovery not synced", "p0|chain|put(a=900) put(b=50) del(a)", firstLoose, Task{Double: Dropped}, true, "I1 durable"},
		{"only the last group lost, under split renames", "p0|chain|put(a=900) put(b=50)", everySecond,
			Task{Profile: faultfs.Profile{Law: faultfs.SplitRename}}, true, "I1 durable"},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w, err := ParseWorkload("b1,c2,w24,k8,r2,n12,s4096,f0,l1," + p.workload)
			require.NoError(t, err)
			p.task.Workload = w
			b := bases{mutate: planting(p.plant), noRules: p.noRules}
			_, found := b.examine(p.task)
			require.NotEmpty(t, found)
			assert.Equal(t, p.rule, found[0].Rule, found[0].Text)
			repeats(t, &b, found[0])
			healthy := bases{noRules: p.noRules}
			_, found = healthy.examine(p.task)
			assert.Empty(t, found)
		})
	}
}

// TestSplitIsWhatNoWholeRenameLeaves compares the disks of a run under split renames
// with those under whole ones.
func TestSplitIsWhatNoWholeRenameLeaves(t *testing.T) {
	w, err := ParseWorkload("b1,c2,w24,k8,r2,n12,s4096,f0,l1,p0|split|put(a=50) checkpoint")
	require.NoError(t, err)
	var b bases
	base, err := b.get(w.Start, w.Knobs)
	require.NoError(t, err)
	s, found := b.plainRun(w, base, newProber(w, nil))
	require.Empty(t, found)
	e := faultfs.Enum{MaxSubset: 12, NoTears: true}
	var whole, apart int
	for st := range s.log.Points() {
		law := st.Under(faultfs.Profile{Law: faultfs.SplitRename})
		if unitsOf(law.Pending(), 0) > e.MaxSubset {
			continue
		}
		lawful := map[faultfs.Digest]bool{}
		for im := range st.Images(e) {
			lawful[im.Digest] = true
		}
		for im := range law.Images(e) {
			assert.Equal(t, !lawful[im.Digest], harsh(im), "after call %d: %v", st.From, im.Sel)
			if harsh(im) {
				apart++
			} else {
				whole++
			}
		}
	}
	assert.Greater(t, whole, 50)
	assert.Greater(t, apart, 10)
}

// TestSecondCrashesTearWrites: of a recovery's writes too, a part of a sector may
// have reached the disk.
func TestSecondCrashesTearWrites(t *testing.T) {
	w, err := ParseWorkload("b1,c2,w24,k8,r2,n12,s4096,f0,l1,p0|dirty|put(a=50)")
	require.NoError(t, err)
	var b bases
	base, err := b.get(w.Start, w.Knobs)
	require.NoError(t, err)
	p := newProber(w, nil)
	o, rec := p.probe(base.disk.Snapshot, true)
	require.Empty(t, o.flaws)
	torn := 0
	for st := range rec.log.Points() {
		for im := range st.Images(Complete.enumeration(faultfs.Profile{})) {
			if _, _, cut := im.Sel.CutAtom(); cut {
				torn++
			}
		}
	}
	assert.Positive(t, torn)
}

// TestTheFirstFlawIsAlwaysTheSame: what is told of many files does not depend on
// the order of a map.
func TestTheFirstFlawIsAlwaysTheSame(t *testing.T) {
	for range 20 {
		r := &rules{s: shadows{live: map[string]*shadow{}, changed: map[string]int{}}}
		for id := range 12 {
			name, _ := placeOf(uint64(id) * raw.SegmentBytes / pageSize)
			r.s.live[inRoot(name)] = &shadow{class: faultfs.ClassSeg, dirty: true}
		}
		for _, judge := range []func(){r.allSynced, r.segmentsSynced, func() { r.allElse("rule", inRoot(metaName)) }, func() { r.recovered(&shadow{}) }} {
			r.flaws, r.s.process = nil, 1
			judge()
			var texts []string
			for _, f := range r.flaws {
				if len(texts) < 12 {
					texts = append(texts, f.text)
				}
			}
			assert.Len(t, texts, 12)
			assert.True(t, slices.IsSorted(texts), texts)
		}
	}
}
