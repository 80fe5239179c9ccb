package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// eachCrash judges every disk that a power cut in do could leave.
func eachCrash(t *testing.T, disk *faultfs.FS, do func() error, judge func(d *faultfs.FS, done bool, at string)) {
	t.Helper()
	disk.ResetLog()
	must(t, do())
	end, states := disk.Seq(), 0
	seen := map[faultfs.Digest]bool{}
	for state := range disk.Log().Points() {
		for image := range state.Images(faultfs.Enum{Fixed: faultfs.ClassLock}) {
			states++
			if seen[image.Digest] && state.From < end {
				continue
			}
			seen[image.Digest] = true
			judge(image.FS(), state.From >= end, fmt.Sprintf("after call %d, %v", state.From, image.Sel))
		}
	}
	require.Greater(t, states, 50)
	t.Logf("%d disks, %d different ones", states, len(seen))
}

func restoreTo(disk *faultfs.FS, to, from string) error {
	_, err := quiver.Restore(context.Background(), to, from, quiver.RestoreOptions{FS: disk})
	return err
}

// A backup that a crash cut short is refused, and can be run again; one that
// had returned is there.
func TestBackupCutByACrash(t *testing.T) {
	for _, incremental := range []bool{false, true} {
		s := newBackupScene(t)
		o := quiver.BackupOptions{}
		want := s.incr
		if incremental {
			o.Since = &s.fullInfo.LSN
			must(t, restoreTo(s.disk, "/copy", "/full"))
		}
		db := mustOpen(t, "/db", s.o)
		backup := func() error { _, err := db.Backup(context.Background(), "/new/backup", o); return err }
		eachCrash(t, s.disk, backup, func(d *faultfs.FS, done bool, at string) {
			err := restoreTo(d, "/copy", "/new/backup")
			if err == nil {
				mustHoldClosed(t, d, "/copy", want, at)
				return
			}
			if done || !errors.Is(err, quiver.ErrIncomplete) {
				t.Fatalf("%s: %v", at, err)
			}
			s.o.FS = d
			again := mustOpen(t, "/db", s.o)
			_, err = again.Backup(context.Background(), "/new/backup", o)
			require.NoError(t, err, at)
			must(t, again.Close())
			require.NoError(t, restoreTo(d, "/copy", "/new/backup"), at)
			mustHoldClosed(t, d, "/copy", want, at)
		})
		must(t, db.Close())
	}
}

// A manifest whose name a failed sync made durable, and whose removal another one
// did not, is seen by nobody: a power cut in the next backup must not bring it back
// over files that it does not vouch for.
func TestManifestThatOnlyTheDiskHas(t *testing.T) {
	s := newBackupScene(t)
	db := mustOpen(t, "/db", s.o)
	s.disk.Inject(faultfs.Plan{
		{Kind: faultfs.KindSyncDir, N: 4, Errno: syscall.EIO, Effect: faultfs.EffectF3},
		{Kind: faultfs.KindSyncDir, N: 5, Errno: syscall.EIO, Effect: faultfs.EffectF1},
	})
	_, err := db.Backup(context.Background(), "/new", quiver.BackupOptions{})
	require.ErrorIs(t, err, syscall.EIO)
	require.Equal(t, []int{1, 1}, s.disk.Fired())
	s.disk.Inject(nil)
	must(t, restoreTo(s.disk.State().Crash(faultfs.Selection{}), "/copy", "/new"))
	backup := func() error { _, err := db.Backup(context.Background(), "/new", quiver.BackupOptions{}); return err }
	eachCrash(t, s.disk, backup, func(d *faultfs.FS, done bool, at string) {
		err := restoreTo(d, "/copy", "/new")
		if err == nil {
			mustHoldClosed(t, d, "/copy", s.incr, at)
		} else if done || !errors.Is(err, quiver.ErrIncomplete) {
			t.Fatalf("%s: %v", at, err)
		}
	})
	must(t, db.Close())
}

func mustHoldClosed(t *testing.T, d *faultfs.FS, path string, want pairs, at string) {
	t.Helper()
	db, err := quiver.OpenReadOnly(path, &quiver.Options{FS: d, LockWait: -1})
	require.NoError(t, err, at)
	mustHold(t, db, want)
	must(t, db.Close())
}

// A restore that a crash cut short leaves a folder that nobody opens, or the
// whole database; run again it is completed, also if that is cut short too.
func TestRestoreCutByACrash(t *testing.T) {
	for _, from := range []string{"/full", "/incr"} {
		s := newBackupScene(t)
		want := s.full
		if from == "/incr" {
			want = s.incr
			must(t, restoreTo(s.disk, "/copy", "/full"))
		}
		second := 0
		restore := func(d *faultfs.FS) func() error { return func() error { return restoreTo(d, "/copy", from) } }
		var judge func(d *faultfs.FS, done bool, at string)
		judge = func(d *faultfs.FS, done bool, at string) {
			db, err := quiver.OpenReadOnly("/copy", &quiver.Options{FS: d, LockWait: -1})
			if err == nil {
				got, err := contents(db)
				must(t, err)
				must(t, db.Close())
				if from == "/incr" && len(got) == len(s.full) && got["key 3"] == s.full["key 3"] {
					require.False(t, done, at)
					require.Equal(t, s.full, pairs(got), at)
				} else {
					require.Equal(t, want, pairs(got), at)
					return
				}
			} else if done || !errors.Is(err, quiver.ErrIncomplete) && !errors.Is(err, quiver.ErrNoDatabase) {
				t.Fatalf("%s: %v", at, err)
			}
			if second++; second%150 == 0 && !strings.Contains(at, "then") {
				again := d.Snapshot()
				eachCrash(t, again, restore(again), func(d *faultfs.FS, done bool, then string) {
					judge(d, done, at+", then "+then)
				})
			}
			require.NoError(t, restoreTo(d, "/copy", from), at)
			mustHoldClosed(t, d, "/copy", want, at)
		}
		eachCrash(t, s.disk, restore(s.disk), judge)
	}
}

// An error of any call of a backup or a restore is told, harms nothing, and the
// next attempt succeeds.
func TestBackupAndRestoreErrors(t *testing.T) {
	kinds := faultfs.KindOpen | faultfs.KindCreate | faultfs.KindMkdir | faultfs.KindRename | faultfs.KindRemove | faultfs.KindWrite |
		faultfs.KindAllocate | faultfs.KindTruncate | faultfs.KindFsync | faultfs.KindSyncDir | faultfs.KindRead
	scene := *newBackupScene(t)
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		for n := 1; ; n++ {
			s := scene
			s.disk = scene.disk.Snapshot()
			s.o.FS = s.disk
			db := mustOpen(t, "/db", s.o)
			var errs [3]error
			s.disk.Inject(faultfs.Plan{{Kind: kinds, N: n, Errno: errno}})
			_, errs[0] = db.Backup(context.Background(), "/new", quiver.BackupOptions{})
			errs[1] = restoreTo(s.disk, "/copy", "/full")
			errs[2] = restoreTo(s.disk, "/copy", "/incr")
			struck := s.disk.Fired()[0] > 0
			s.disk.Inject(nil)
			if !struck {
				require.Equal(t, [3]error{}, errs)
				break
			}
			if errs[0] != nil {
				require.ErrorIs(t, errs[0], errno)
				require.ErrorIs(t, restoreTo(s.disk, "/third", "/new"), quiver.ErrIncomplete, "%v of call %d", errno, n)
				_, err := db.Backup(context.Background(), "/new", quiver.BackupOptions{})
				require.NoError(t, err, "%v of call %d", errno, n)
			}
			must(t, db.Close())
			if errs[1] != nil {
				require.ErrorIs(t, errs[1], errno)
				must(t, restoreTo(s.disk, "/copy", "/full"))
			}
			if errs[1] != nil || errs[2] != nil {
				must(t, restoreTo(s.disk, "/copy", "/incr"))
			}
			mustHoldClosed(t, s.disk, "/copy", s.incr, "")
			must(t, restoreTo(s.disk, "/third", "/new"))
			mustHoldClosed(t, s.disk, "/third", s.incr, "")
			require.Zero(t, s.disk.Handles()+s.disk.Locks(), "%v of call %d", errno, n)
		}
	}
}
