package torture

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
)

// TestRawReadsWhatTheModelSays compares the judge of bytes with the model on
// disks that the engine has made.
func TestRawReadsWhatTheModelSays(t *testing.T) {
	for _, k := range []Knobs{DefaultKnobs(), allKnobs()[47]} {
		var b bases
		for _, name := range Starts()[1:] {
			base, err := b.get(name, k)
			require.NoError(t, err)
			v, err := rawView(base.disk)
			require.NoError(t, err)
			assert.Empty(t, v.Faults, name)
			assert.Empty(t, model.Diff(model.State(v.Pairs), base.line.states[base.line.top]), name)
		}
	}
}

// TestRawNoticesFlippedBytes flips bytes of the files that have checksums: the
// judge of bytes must see each, except in pages that nothing leads to and in
// what a torn end of the log may hold.
func TestRawNoticesFlippedBytes(t *testing.T) {
	var b bases
	base, err := b.get("chain", DefaultKnobs())
	require.NoError(t, err)
	free := map[int64]bool{}
	v, err := rawView(base.disk)
	require.NoError(t, err)
	for _, id := range v.Free {
		free[int64(id)] = true
	}
	flips := 0
	for _, path := range []string{inRoot("data-000001.p1seg"), inRoot(dirName), inRoot(metaName)} {
		data, err := base.disk.ReadFile(path)
		require.NoError(t, err)
		for off := int64(0); off < int64(len(data)); off += 7 {
			seg := faultfs.ClassOf(path) == faultfs.ClassSeg
			if seg && free[off/pageSize] || path == inRoot(metaName) && off >= 20 && off < 28 || path == inRoot(metaName) && off >= 32 {
				continue // numbers without a checksum: others judge them
			}
			disk := base.disk.Snapshot()
			require.NoError(t, disk.FlipBit(path, off, uint(off%8)))
			v, err := rawView(disk)
			require.NoError(t, err)
			assert.NotEmpty(t, v.Faults, "%s, byte %d", path, off)
			flips++
		}
	}
	assert.Greater(t, flips, 4000)
}
