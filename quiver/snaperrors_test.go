package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// Each call of a life with snapshots finds no space, or reads too little: the
// error is of a documented type, and what is left behind is whole.
func TestErrorsOfSnapshotsAreTyped(t *testing.T) {
	for _, c := range []struct {
		fault faultfs.Fault
		types []error
	}{
		{faultfs.Fault{Errno: syscall.ENOSPC}, []error{quiver.ErrFull}},
		{faultfs.Fault{Errno: syscall.EDQUOT, Effect: faultfs.EffectDone}, []error{quiver.ErrFull}},
		{faultfs.Fault{Kind: faultfs.KindRead, Effect: faultfs.EffectShort, Part: faultfs.PartAllButOne}, []error{quiver.ErrCorrupt}},
		{faultfs.Fault{Kind: faultfs.KindRead, Effect: faultfs.EffectEOF}, []error{quiver.ErrCorrupt}},
	} {
		killed := newKilledStoreWorld(t)
		for n := 1; ; n++ {
			c.fault.Class, c.fault.N = faultfs.ClassSnap, n
			w := *killed
			w.disk = killed.disk.Snapshot()
			w.o.FS = w.disk
			w.disk.Inject(faultfs.Plan{c.fault})
			err := lifeWithSnapshots(&w)
			struck := w.disk.Fired()[0] > 0
			w.disk.Inject(nil)
			if !struck {
				require.NoError(t, err)
				require.Greater(t, n, 20, "%v: too few calls", &c.fault)
				break
			}
			for each := range eachError(err) {
				typed := slices.ContainsFunc(append(c.types, quiver.ErrPoisoned, quiver.ErrNoSnapshot, quiver.ErrSnapshotGone),
					func(want error) bool { return errors.Is(each, want) })
				require.True(t, typed, "%v: %v", &c.fault, each)
			}
			db := mustOpen(t, "/db", w.o)
			if infos, err := db.Snapshots(); err != nil || len(infos) < 2 {
				t.Fatalf("%v: %v %v", &c.fault, infos, err)
			}
			must(t, db.Close())
			for _, f := range w.check(mustOpenReadOnly, false) {
				t.Errorf("%v: %+v", &c.fault, f)
			}
		}
	}
}

// newKilledStoreWorld leaves images that index.bin of the SnapStore does not know.
func newKilledStoreWorld(t *testing.T) *storeWorld {
	w := newStoreWorld(t)
	db := mustOpen(t, "/db", w.o)
	_, err := db.Snapshot()
	must(t, err)
	must(t, db.Put([]byte("key 1"), []byte("frozen")))
	killed := w.disk.State().Kill()
	must(t, db.Close())
	w.disk, w.o.FS = killed, killed
	return w
}

// eachError gives the parts of a joined error, one line each.
func eachError(err error) func(yield func(error) bool) {
	return func(yield func(error) bool) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
			for _, e := range joined.Unwrap() {
				eachError(e)(yield)
			}
		} else if err != nil {
			yield(err)
		}
	}
}

func lifeWithSnapshots(w *storeWorld) error {
	db, err := quiver.Open("/db", &w.o)
	if err != nil {
		return errors.Join(err)
	}
	var all []error
	do := func(err error) { all = append(all, err) }
	sn, err := db.Snapshot()
	do(err)
	do(db.Put([]byte("key 1"), []byte("new")))
	if sn != nil {
		do(db.RemoveSnapshot(sn.ID()))
	}
	do(db.EndSnapshot(w.ids[0]))
	_, err = db.Snapshots()
	do(err)
	_, err = db.CompactSnapStore()
	do(err)
	do(db.Close())
	return errors.Join(all...)
}

// Each call of a backup fails once, before it is done or after, and then comes a
// crash: what it leaves is a complete backup, or incomplete and made again.
func TestFailedBackupCutByACrash(t *testing.T) {
	for _, effect := range []faultfs.Effect{faultfs.EffectBefore, faultfs.EffectDone} {
		for n := 1; ; n++ {
			s := newBackupScene(t)
			db := mustOpen(t, "/db", s.o)
			s.disk.ResetLog()
			s.disk.Inject(faultfs.Plan{{Kind: faultfs.KindRename | faultfs.KindSyncDir | faultfs.KindFsync | faultfs.KindRemove, Effect: effect, N: n, Errno: syscall.EIO}})
			_, err := db.Backup(context.Background(), "/new", quiver.BackupOptions{})
			struck := s.disk.Fired()[0] > 0
			s.disk.Inject(nil)
			if !struck {
				must(t, err)
				must(t, db.Close())
				break
			}
			for image := range s.disk.State().Images(faultfs.Enum{Fixed: faultfs.ClassLock}) {
				when := fmt.Sprintf("call %d, effect %v, %v", n, effect, image.Sel)
				judgeBackup(t, s, image.FS(), when)
			}
			must(t, db.Close())
		}
	}
}

// The syncs of a backup fail, and it is made again: a power cut at any moment of
// that does not bring the old manifest back over the new files.
func TestFailedBackupMadeAgainCutByACrash(t *testing.T) {
	for n := 1; ; n++ {
		s := newBackupScene(t)
		db := mustOpen(t, "/db", s.o)
		s.disk.Inject(faultfs.Plan{{Kind: faultfs.KindSyncDir, N: n, Sticky: true, Errno: syscall.EDQUOT}})
		_, err := db.Backup(context.Background(), "/new", quiver.BackupOptions{})
		struck := s.disk.Fired()[0] > 0
		s.disk.Inject(nil)
		if !struck {
			must(t, err)
			must(t, db.Close())
			break
		}
		s.disk.ResetLog()
		if _, err := db.Backup(context.Background(), "/new", quiver.BackupOptions{}); err == nil {
			for state := range s.disk.Log().Points() {
				for image := range state.Images(faultfs.Enum{Fixed: faultfs.ClassLock, NoTears: true, NoSingles: true, MaxSubset: 4}) {
					judgeBackup(t, s, image.FS(), fmt.Sprintf("sync %d, crash after call %d, %v", n, state.From, image.Sel))
				}
			}
		}
		must(t, db.Close())
	}
}

func judgeBackup(t *testing.T, s *backupScene, disk *faultfs.FS, when string) {
	t.Helper()
	if err := restoreTo(disk, "/copy", "/new"); err != nil {
		require.ErrorIs(t, err, quiver.ErrIncomplete, when)
		o := s.o
		o.FS = disk
		db := mustOpen(t, "/db", o)
		_, err = db.Backup(context.Background(), "/new", quiver.BackupOptions{})
		require.NoError(t, err, when)
		must(t, db.Close())
		require.NoError(t, restoreTo(disk, "/copy", "/new"), when)
	}
	mustHoldClosed(t, disk, "/copy", s.incr, when)
}

// A restore is killed, is run again, and then the power is cut: the folder is the
// database as it was before, or as it is to be, or says that it is incomplete.
func TestRestoreRunAgainAfterAKillCutByACrash(t *testing.T) {
	for _, from := range []string{"/full", "/incr"} {
		s := newBackupScene(t)
		if from == "/incr" {
			must(t, restoreTo(s.disk, "/copy", "/full"))
		}
		s.disk.ResetLog()
		must(t, restoreTo(s.disk, "/copy", from))
		tried := 0
		for state := range s.disk.Log().Points() {
			disk := state.Kill()
			if !slices.Contains(disk.List(), "/copy/quiver-restore") ||
				slices.Contains(state.Crash(faultfs.None()).List(), "/copy/quiver-restore") {
				continue // the name is not there, or durable
			}
			disk.ResetLog()
			must(t, restoreTo(disk, "/copy", from))
			for again := range disk.Log().Points() {
				for image := range again.Images(faultfs.Enum{Fixed: faultfs.ClassLock, NoTears: true, MaxSubset: -1}) {
					tried++
					judgeRestored(t, s, image.FS(), from, fmt.Sprintf("%s, killed after %d, crash after %d, %v", from, state.From, again.From, image.Sel))
				}
			}
		}
		require.Greater(t, tried, 50)
	}
}

func judgeRestored(t *testing.T, s *backupScene, disk *faultfs.FS, from, when string) {
	t.Helper()
	want := map[string]pairs{"/full": s.full, "/incr": s.incr}[from]
	db, err := quiver.OpenReadOnly("/copy", &quiver.Options{FS: disk, LockWait: -1})
	if err == nil {
		got, err := contents(db)
		require.NoError(t, err, when)
		must(t, db.Close())
		require.True(t, want.diff(got) == "" || from == "/incr" && s.full.diff(got) == "", when)
	} else if !errors.Is(err, quiver.ErrIncomplete) {
		require.ErrorIs(t, err, quiver.ErrNoDatabase, when)
	}
	if err == nil && want.diff(mustContents(t, disk, "/copy")) == "" {
		return
	}
	require.NoError(t, restoreTo(disk, "/copy", from), when)
	mustHoldClosed(t, disk, "/copy", want, when)
}

func mustContents(t *testing.T, disk *faultfs.FS, path string) pairs {
	t.Helper()
	db := mustOpenReadOnly(t, path, quiver.Options{FS: disk, LockWait: -1})
	got, err := contents(db)
	must(t, err)
	must(t, db.Close())
	return got
}

// The counts are on the disk before the database is marked clean.
func TestCountsAreThereWhereverACloseIsCut(t *testing.T) {
	w := newStoreWorld(t)
	db := mustOpen(t, "/db", w.o)
	_, err := db.Snapshot()
	must(t, err)
	must(t, db.Put([]byte("key 1"), []byte("frozen")))
	eachCrash(t, w.disk, db.Close, func(d *faultfs.FS, _ bool, at string) {
		c := *w
		c.disk = d
		require.Empty(t, c.check(mustOpenReadOnly, false), at)
		require.Empty(t, c.check(mustOpen, false), at)
	})
}

// Want of space at any sync of a directory is told as that by a restore.
func TestRestoreTellsWantOfSpace(t *testing.T) {
	s := newBackupScene(t)
	for n := 1; ; n++ {
		disk := s.disk.Snapshot()
		disk.Inject(faultfs.Plan{{Kind: faultfs.KindSyncDir, N: n, Errno: syscall.EDQUOT}})
		err := restoreTo(disk, "/copy", "/full")
		if disk.Fired()[0] == 0 {
			must(t, err)
			require.Greater(t, n, 5)
			break
		}
		require.ErrorIs(t, err, quiver.ErrFull, "sync %d", n)
	}
}
