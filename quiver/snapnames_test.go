package quiver_test

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// The sync of a directory fails, and finds nothing to do from then on. What the
// next session writes into a SnapStore stays all the same: its folder and
// store.bin have new names.
func TestSnapStoreHasANewNameAfterAFailedSync(t *testing.T) {
	for n := 1; ; n++ {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		o := quiver.Options{FS: disk, Inline: true, SnapPersist: true, SnapDedup: true, LockWait: -1}
		db := openFresh(t, o, "/db", 1)
		must(t, db.Put([]byte("k"), []byte("v")))
		disk.Inject(faultfs.Plan{{Kind: faultfs.KindSyncDir, N: n, Errno: syscall.EIO, Effect: faultfs.EffectF1}})
		_, err := db.Snapshot()
		if err == nil {
			err = db.Put([]byte("k"), []byte("w"))
		}
		struck := disk.Fired()[0] > 0
		disk.Inject(nil)
		if !struck {
			must(t, err)
			must(t, db.Close())
			require.Greater(t, n, 5)
			return
		}
		_ = db.Close() // which may tell of the sync again
		o.FS = disk
		db = mustOpen(t, "/db", o)
		_, err = db.Snapshot()
		must(t, err)
		must(t, db.Put([]byte("k"), []byte("x")))
		o.FS = disk.State().Crash(faultfs.None())
		must(t, db.Close())

		db = mustOpen(t, "/db", o)
		report, err := db.Check(context.Background(), quiver.CheckOptions{})
		must(t, err)
		require.Empty(t, report.Findings, "sync %d", n)
		must(t, db.Close())
	}
}

// A removal fails, or its process dies, where the list of references may be gone or
// not, and the sweep of the next session fails too. If a power cut brings the list
// back, what has been repaired meanwhile still counts what it names.
func TestRepairAfterARemovalThatDoesNotLast(t *testing.T) {
	for _, f := range []faultfs.Fault{
		{Kind: faultfs.KindRemove, Class: faultfs.ClassSnap, Errno: syscall.EXDEV, Effect: faultfs.EffectDone},
		{Kind: faultfs.KindSyncDir, Class: faultfs.ClassSnap, Errno: syscall.EIO, Effect: faultfs.EffectF1},
	} {
		for f.N = 1; ; f.N++ {
			w := newStoreWorld(t)
			db := mustOpen(t, "/db", w.o)
			w.disk.ResetLog()
			w.disk.Inject(faultfs.Plan{f})
			err := db.RemoveSnapshot(w.ids[0])
			struck := w.disk.Fired()[0] > 0
			w.disk.Inject(nil)
			if struck {
				repairAfterAKill(t, w.o, w.disk.State(), &f)
				_ = db.Close() // which tells of the sync again
				continue
			}
			must(t, err)
			for state := range w.disk.Log().Points() {
				repairAfterAKill(t, w.o, state, fmt.Sprintf("killed after call %d", state.From))
			}
			must(t, db.Close())
			require.Greater(t, f.N, 2)
			break
		}
	}
}

func repairAfterAKill(t *testing.T, o quiver.Options, state *faultfs.State, when any) {
	t.Helper()
	disk := state.Kill()
	o.FS = disk
	disk.Inject(faultfs.Plan{{Kind: faultfs.KindRemove, Class: faultfs.ClassSnap, N: 1, Sticky: true, Errno: syscall.EXDEV, Effect: faultfs.EffectDone}})
	db, err := quiver.Open("/db", &o)
	disk.Inject(nil)
	if err != nil {
		require.ErrorIs(t, err, syscall.EXDEV, "%v", when)
		return // the registry's tmp was in the way
	}
	_, err = db.Repair(context.Background(), quiver.RepairOptions{})
	must(t, err)
	must(t, db.Close())
	_, low := countsBeside(t, disk.State().Crash(faultfs.None()))
	require.Empty(t, low, "%v", when)
}

// The last syncs of a restore fail, the process dies, and so does the machine while
// the restore is run again: what is a database then has nothing beside it that
// does not go with the next writer.
func TestNothingStaysOfTheMarkerOfARestore(t *testing.T) {
	s := newBackupScene(t)
	last := 0
	for n := 1; last == 0; n++ {
		disk := s.disk.Snapshot()
		disk.Inject(faultfs.Plan{{Kind: faultfs.KindSyncDir, N: n, Sticky: true, Errno: syscall.EIO}})
		if restoreTo(disk, "/copy", "/full") == nil {
			last = n - 1
		}
	}
	s.disk.ResetLog()
	s.disk.Inject(faultfs.Plan{{Kind: faultfs.KindSyncDir, N: last, Sticky: true, Errno: syscall.EIO}})
	require.Error(t, restoreTo(s.disk, "/copy", "/full"))
	s.disk.Inject(nil)
	left := 0
	for state := range s.disk.Log().Points() {
		for image := range state.Images(faultfs.Enum{Fixed: faultfs.ClassLock, NoTears: true, MaxSubset: 4}) {
			disk := image.FS()
			o := s.o
			o.FS = disk
			db, err := quiver.Open("/copy", &o)
			if err != nil {
				continue
			}
			tmp := func(p string) bool { return len(p) > 4 && p[len(p)-4:] == ".tmp" }
			if slices.ContainsFunc(disk.List(), tmp) {
				left++
			}
			must(t, db.Put([]byte("k"), []byte("v")))
			must(t, db.Close())
			require.False(t, slices.ContainsFunc(disk.List(), tmp), fmt.Sprint(disk.List()))
		}
	}
	require.Positive(t, left)
}

// A sync of the SnapStore fails in a compaction: that call tells of it, and writes
// go on, with the pages of snapshots in freeze.bin alone.
func TestWritesGoOnAfterAFailedCompaction(t *testing.T) {
	for n := 1; ; n++ {
		w := newStoreWorld(t)
		db := mustOpen(t, "/db", w.o)
		must(t, db.RemoveSnapshot(w.ids[0]))
		w.disk.Inject(faultfs.Plan{{Kind: faultfs.KindFsync, Class: faultfs.ClassSnap, N: n, Errno: syscall.EIO, Effect: faultfs.EffectF1}})
		_, err := db.CompactSnapStore()
		struck := w.disk.Fired()[0] > 0
		w.disk.Inject(nil)
		if !struck {
			must(t, err)
			must(t, db.Close())
			require.Greater(t, n, 3)
			return
		}
		require.Error(t, err)
		want := scanPairs(t, db.Scan(quiver.ScanOptions{}))
		sn, err := db.Snapshot()
		must(t, err)
		must(t, db.Put([]byte("key 1"), []byte("new")))
		_ = db.Close() // which tells of the sync again
		db = mustOpen(t, "/db", w.o)
		sn, err = db.OpenSnapshot(sn.ID())
		must(t, err)
		require.Equal(t, want, scanPairs(t, sn.Scan(quiver.ScanOptions{})))
		must(t, db.Close())
	}
}
