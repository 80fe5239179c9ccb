package snap

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/stretchr/testify/require"
)

var registryA = []format.Snapshot{{ID: "1-2-3", LSN: 1<<63 + 5, TSNanos: 1795413254016580067}}
var registryB = append(registryA[:1:1], format.Snapshot{ID: "x", LSN: 7, TSNanos: 1, Ended: true})

// registryDisk has the folder that a registry stands in, durably.
func registryDisk(t *testing.T, o faultfs.Options) *faultfs.FS {
	t.Helper()
	d := newDisk(o)
	require.NoError(t, makeSnapshotsDir(d, root))
	require.NoError(t, d.SyncDir(root))
	d.ResetLog()
	return d
}

func TestRegistryKeepsItsEntries(t *testing.T) {
	d := registryDisk(t, faultfs.Options{})
	got, err := LoadRegistry(d, root)
	require.NoError(t, err)
	require.Empty(t, got)
	for _, want := range [][]format.Snapshot{registryA, registryB, {}} {
		require.NoError(t, SaveRegistry(d, root, want))
		got, err = LoadRegistry(d, root)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	ids, err := List(d, root)
	require.NoError(t, err)
	require.Empty(t, ids, "files are no snapshots")
	path := filepath.Join(root, format.SnapshotsName, format.RegistryName)
	require.NoError(t, d.WriteFile(path, []byte(`{"entries":[{"id":"a"}]}`)))
	_, err = LoadRegistry(d, root)
	corruptAt(t, err, format.RegistryName, 0)
}

func TestListNamesFolders(t *testing.T) {
	d := newDisk(faultfs.Options{})
	for _, id := range []string{"b", "a"} {
		_, err := Create(id, 1, someHeads, durable(d, nil))
		require.NoError(t, err)
	}
	require.NoError(t, SaveRegistry(d, root, registryA))
	ids, err := List(d, root)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, ids)
}

// TestRegistryCrash: after a crash anywhere the registry is the one before or
// the new one, and the new one once SaveRegistry has returned.
func TestRegistryCrash(t *testing.T) {
	d := registryDisk(t, faultfs.Options{Sector: 512})
	var saved []int
	for _, r := range [][]format.Snapshot{registryA, registryB} {
		require.NoError(t, SaveRegistry(d, root, r))
		saved = append(saved, d.Seq())
	}
	states := [][]format.Snapshot{nil, registryA, registryB}
	for p := range d.Log().Points() {
		acked := 0
		for acked < len(saved) && saved[acked] <= p.To {
			acked++
		}
		for im := range p.Images(faultfs.Enum{ByteCuts: true}) {
			image := im.FS()
			got, err := LoadRegistry(image, root)
			require.NoError(t, err, im)
			allowed := states[acked:min(acked+2, len(states))]
			require.Contains(t, allowed, got, im)
			require.NoError(t, SaveRegistry(image, root, registryB), im)
			got, err = LoadRegistry(image, root)
			require.NoError(t, err, im)
			require.Equal(t, registryB, got, im)
		}
	}
}

// TestRegistryErrors: an error at any call leaves the old or the new registry,
// no stray file in the way of the next attempt, and is told.
func TestRegistryErrors(t *testing.T) {
	base := registryDisk(t, faultfs.Options{})
	require.NoError(t, SaveRegistry(base, root, registryA))
	eachFault(t, base, func(d *faultfs.FS) error {
		return SaveRegistry(d, root, registryB)
	}, func(d *faultfs.FS, at string, err error) {
		require.Error(t, err, at)
		got, err := LoadRegistry(d, root)
		require.NoError(t, err, at)
		require.Contains(t, [][]format.Snapshot{registryA, registryB}, got, at)
		for _, path := range d.List() {
			require.NotContains(t, path, format.TempSuffix, at)
		}
		require.NoError(t, SaveRegistry(d, root, registryB), at)
	})
}

// TestSettleRegistryWritesOnlyWhatWasLoaded: a read that differs from the one before
// it is told, and not written.
func TestSettleRegistryWritesOnlyWhatWasLoaded(t *testing.T) {
	d := registryDisk(t, faultfs.Options{})
	require.NoError(t, SaveRegistry(d, root, registryB))
	path := registryPath(root)
	before, err := d.ReadFile(path)
	require.NoError(t, err)
	for bit := range 8 * len(before) {
		plan, err := faultfs.ParsePlan(fmt.Sprintf("read/*#1:ok:flip=%d", bit))
		require.NoError(t, err)
		d.Inject(plan)
		err = SettleRegistry(d, root, registryB)
		d.Inject(nil)
		after, e := d.ReadFile(path)
		require.NoError(t, e)
		if err != nil {
			require.True(t, isCorrupt(err), "bit %d: %v", bit, err)
			require.Equal(t, before, after, "bit %d", bit)
		}
		got, e := LoadRegistry(d, root)
		require.NoError(t, e, "bit %d", bit)
		require.Equal(t, registryB, got, "bit %d", bit)
	}
}
