package quiver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// TestRemoveAgainAfterAFailedSync: a removal whose sync failed has taken nothing of the
// snapshot, though the registry does not name it any more; the next one ends it, durably.
func TestRemoveAgainAfterAFailedSync(t *testing.T) {
	for _, adopted := range []bool{false, true} {
		w := newEndWorld(t, faultfs.New(faultfs.Options{NoReads: true}), true, adopted)
		w.disk.Inject(faultfs.Plan{{Kind: faultfs.KindSyncDir, N: 1, Effect: faultfs.EffectF1}})
		require.Error(t, w.db.RemoveSnapshot(w.id))
		w.disk.Inject(nil)
		w.mustBeWhole(w.db, "after the failed removal")
		require.ErrorIs(t, w.db.EndSnapshot(w.id), quiver.ErrNoSnapshot, "nothing would be left to read")
		must(t, w.db.RemoveSnapshot(w.id))
		cut := w.disk.State().Crash(faultfs.None())
		_, err := w.db.OpenSnapshot(w.id)
		require.ErrorIs(t, err, quiver.ErrNoSnapshot)
		require.ErrorIs(t, w.db.RemoveSnapshot(w.id), quiver.ErrNoSnapshot)
		must(t, w.db.Close())
		for _, disk := range []*faultfs.FS{w.disk, cut} {
			o := w.o
			o.FS = disk
			db := mustOpen(t, "/db", o)
			require.ErrorIs(t, db.EndSnapshot(w.id), quiver.ErrNoSnapshot)
			mustHold(t, db, w.now)
			must(t, db.Close())
			for _, name := range disk.List() {
				require.NotContains(t, name, w.id)
			}
		}
	}
}

// TestRemoveWithoutARegistry: where the file is lost no removal makes an empty one, which
// would end all the other snapshots at the next open.
func TestRemoveWithoutARegistry(t *testing.T) {
	w := newEndWorld(t, faultfs.New(faultfs.Options{NoReads: true}), true, false)
	must(t, w.disk.Remove("/db/.snapshots/registry.json"))
	require.ErrorIs(t, w.db.RemoveSnapshot(w.id), quiver.ErrNoSnapshot)
	require.NotContains(t, w.disk.List(), "/db/.snapshots/registry.json")
	require.Contains(t, w.disk.List(), "/db/.snapshots/"+w.id+"/heads.bin")
	must(t, w.db.Close())
}
