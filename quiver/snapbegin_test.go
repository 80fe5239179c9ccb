package quiver_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// Each call of Snapshot fails once, done or not, and everything is overwritten:
// what the registry lists as live is whole, in the handle and after a crash.
func TestFailedBeginIsLiveOrNot(t *testing.T) {
	for _, fault := range []faultfs.Fault{
		{Errno: syscall.EIO}, {Errno: syscall.EIO, Effect: faultfs.EffectDone}, {Errno: syscall.ENOSPC, Sticky: true},
		{Errno: syscall.EIO, Effect: faultfs.EffectDone, Sticky: true},
		{Kind: faultfs.KindFsync | faultfs.KindSyncDir, Effect: faultfs.EffectF1},
	} {
		for n := 1; ; n++ {
			fault.Class, fault.N = faultfs.ClassSnap, n
			if !failedBegin(newEndWorld(t, faultfs.New(faultfs.Options{NoReads: true}), false, false), fault) {
				require.Greater(t, n, 5)
				break
			}
		}
	}
}

func failedBegin(w *endWorld, fault faultfs.Fault) bool {
	t, when := w.t, fmt.Sprint(&fault)
	want := snapPairs{}
	for k, v := range w.now {
		want[k] = v
	}
	w.disk.Inject(faultfs.Plan{fault})
	_, beginErr := w.db.Snapshot()
	struck := w.disk.Fired()[0] > 0
	w.disk.Inject(nil)
	if !struck {
		must(t, beginErr)
	}
	if err := w.overwrite(); err != nil {
		require.ErrorIs(t, err, quiver.ErrPoisoned, when)
	}
	whole := func(db *quiver.DB, when string) {
		infos, err := db.Snapshots()
		must(t, err)
		for _, in := range infos {
			if in.ID == w.id || in.Ended {
				continue
			}
			sn, err := db.OpenSnapshot(in.ID)
			require.NoError(t, err, when)
			require.Equal(t, want, scanPairs(t, sn.Scan(quiver.ScanOptions{})), when)
			must(t, sn.Close())
		}
	}
	whole(w.db, when)
	for name, disk := range map[string]*faultfs.FS{"kill": w.disk.State().Kill(), "power cut": w.disk.State().Crash(faultfs.None())} {
		o := w.o
		o.FS = disk
		db := mustOpen(t, "/db", o)
		whole(db, when+", "+name)
		must(t, db.Close())
	}
	if err := w.db.Close(); err != nil {
		require.ErrorIs(t, err, quiver.ErrPoisoned, when)
	}
	require.Zero(t, w.disk.Handles()+w.disk.Locks(), when)
	return struck
}

// Bits of the manifest of a backup: the restore says that it is damaged, or
// gives what was backed up.
func TestDamagedManifest(t *testing.T) {
	s := newBackupScene(t)
	must(t, restoreTo(s.disk, "/copy", "/full"))
	for _, from := range []string{"/full", "/incr"} {
		manifest, err := s.disk.ReadFile(from + "/manifest.json")
		must(t, err)
		step := 3
		if raceDetector {
			step = 17
		}
		for bit := 0; bit < 8*len(manifest); bit += step {
			disk := s.disk.Snapshot()
			b := append([]byte(nil), manifest...)
			b[bit/8] ^= 1 << (bit % 8)
			must(t, disk.WriteFile(from+"/manifest.json", b))
			when := fmt.Sprintf("%s, bit %d: %s", from, bit, b)
			want, wantInfo, to := s.full, s.fullInfo, "/new"
			if from == "/incr" {
				want, wantInfo, to = s.incr, s.incrInfo, "/copy"
				require.Error(t, restoreTo(disk, "/new", from), when)
			}
			if info, err := quiver.Restore(t.Context(), to, from, quiver.RestoreOptions{FS: disk}); err == nil {
				require.Equal(t, wantInfo, info, when)
				mustHoldClosed(t, disk, to, want, when)
			}
		}
	}
}
