package quiver_test

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// backupScene is a database with values of all sizes, a full backup of it, and
// an incremental one of what came after.
type backupScene struct {
	disk       *faultfs.FS
	o          quiver.Options
	full, incr pairs
	fullInfo   quiver.BackupInfo
	incrInfo   quiver.BackupInfo
}

func newBackupScene(t *testing.T) *backupScene {
	t.Helper()
	s := &backupScene{disk: faultfs.New(faultfs.Options{NoReads: true}), full: pairs{}, incr: pairs{}}
	s.o = quiver.Options{FS: s.disk, Inline: true, LockWait: -1, ReservePages: 4}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: s.disk, Buckets: 4}))
	db := mustOpen(t, "/db", s.o)
	now := pairs{}
	for i := range 40 {
		mustPut(t, db, now, fmt.Sprint("key ", i), blob(fmt.Sprint(i), i*i*7))
	}
	for i := range 10 {
		_, err := db.Delete([]byte(fmt.Sprint("key ", 4*i)))
		must(t, err)
		delete(now, fmt.Sprint("key ", 4*i))
	}
	for k, v := range now {
		s.full[k], s.incr[k] = v, v
	}
	var err error
	s.fullInfo, err = db.Backup(context.Background(), "/full", quiver.BackupOptions{})
	must(t, err)
	for i := range 12 {
		mustPut(t, db, s.incr, fmt.Sprint("key ", 3*i), blob(fmt.Sprint("new", i), 3000*(i%3)))
	}
	for i := 30; i < 36; i++ {
		_, err := db.Delete([]byte(fmt.Sprint("key ", i)))
		must(t, err)
		delete(s.incr, fmt.Sprint("key ", i))
	}
	s.incrInfo, err = db.Backup(context.Background(), "/incr", quiver.BackupOptions{Since: &s.fullInfo.LSN})
	must(t, err)
	must(t, db.Close())
	return s
}

func (s *backupScene) restore(from string) error {
	_, err := quiver.Restore(context.Background(), "/copy", from, quiver.RestoreOptions{FS: s.disk, Verify: true})
	return err
}

func TestBackupAndRestore(t *testing.T) {
	s := newBackupScene(t)
	require.Less(t, s.incrInfo.Pages, s.fullInfo.Pages)
	before := s.disk.Snapshot()
	must(t, s.restore("/full"))
	raw := mustBeClean(t, s.disk, "/copy", s.full)
	require.NotNil(t, raw)
	db := mustOpen(t, "/copy", s.o)
	require.Equal(t, s.fullInfo.LSN, db.LastLSN())
	must(t, db.Close())
	must(t, s.restore("/incr"))
	mustBeClean(t, s.disk, "/copy", s.incr)
	for _, p := range before.List() {
		was, err := before.ReadFile(p)
		must(t, err)
		is, err := s.disk.ReadFile(p)
		must(t, err)
		require.Equal(t, was, is, "%s has changed", p)
	}
}

// A read-only handle backs up what it shows, that of a crashed writer too.
func TestBackupOfAReadOnlyHandle(t *testing.T) {
	s := newBackupScene(t)
	db := mustOpen(t, "/db", s.o)
	mustPut(t, db, s.incr, "in the log", blob("log", 5000))
	disk := s.disk.State().Kill()
	must(t, db.Close())
	before := disk.Snapshot()
	ro, err := quiver.OpenReadOnly("/db", &quiver.Options{FS: disk})
	must(t, err)
	_, err = ro.Backup(context.Background(), "/ro", quiver.BackupOptions{})
	must(t, err)
	_, err = ro.Backup(context.Background(), "/ro incr", quiver.BackupOptions{Since: &s.fullInfo.LSN})
	must(t, err)
	must(t, ro.Close())
	for _, p := range before.List() {
		was, err := before.ReadFile(p)
		must(t, err)
		is, err := disk.ReadFile(p)
		must(t, err)
		require.True(t, string(was) == string(is) || p == "/db/LOCK", "%s has changed", p)
	}
	for _, chain := range [][]string{{"/ro"}, {"/full", "/ro incr"}} {
		to := "/copy of " + chain[0][1:]
		for _, from := range chain {
			must(t, restoreTo(disk, to, from))
		}
		mustBeClean(t, disk, to, s.incr)
	}
}

func TestRestoreRefuses(t *testing.T) {
	s := newBackupScene(t)
	require.ErrorIs(t, s.restore("/nowhere"), quiver.ErrIncomplete)
	require.ErrorIs(t, s.restore("/incr"), quiver.ErrNoDatabase)
	must(t, s.restore("/full"))
	require.ErrorIs(t, s.restore("/full"), quiver.ErrExists)
	must(t, s.restore("/incr"))
	require.ErrorIs(t, s.restore("/incr"), quiver.ErrIncompatible, "it has been restored")
	db := mustOpen(t, "/db", s.o)
	_, err := db.Backup(context.Background(), "/full", quiver.BackupOptions{})
	require.ErrorIs(t, err, fs.ErrExist)
	far := db.LastLSN() + 1
	_, err = db.Backup(context.Background(), "/other", quiver.BackupOptions{Since: &far})
	require.ErrorIs(t, err, quiver.ErrInvalid)
	ended, end := context.WithCancel(context.Background())
	end()
	_, err = db.Backup(ended, "/other", quiver.BackupOptions{})
	require.ErrorIs(t, err, context.Canceled)
	must(t, db.Close())
}
