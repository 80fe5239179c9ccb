package quiver_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// After a failed sync of the name of .snapshots another sync finds nothing to do:
// a snapshot that is acknowledged later stands in a folder that was made anew, and
// none is as long as that cannot be done.
func TestSnapshotsFolderAfterAFailedSync(t *testing.T) {
	for name, beside := range map[string]bool{"empty": false, "beside files of a backup": true} {
		t.Run(name, func(t *testing.T) {
			disk := faultfs.New(faultfs.Options{NoReads: true})
			o := quiver.Options{FS: disk, Inline: true, LockWait: -1, ReservePages: 4, SnapPersist: true}
			must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 1}))
			db := mustOpen(t, "/db", o)
			want := pairs{}
			mustPut(t, db, want, "key", blob("value", 100))
			fail := func() error {
				disk.Inject(faultfs.Plan{{Kind: faultfs.KindSyncDir, N: 3, Errno: syscall.EIO, Effect: faultfs.EffectF1}})
				defer disk.Inject(nil)
				_, err := db.Snapshot()
				return err
			}
			if beside {
				var errs []error
				_, err := db.Backup(context.Background(), "/backup", quiver.BackupOptions{Progress: func(p quiver.Progress) {
					if len(errs) > 0 {
						return
					}
					mustPut(t, db, want, "key", blob("frozen", 100))
					errs = append(errs, fail())
					_, err := db.Snapshot()
					errs = append(errs, err)
				}})
				must(t, err)
				require.Len(t, errs, 2)
				for _, err := range errs {
					require.ErrorIs(t, err, syscall.EIO)
				}
			} else {
				require.ErrorIs(t, fail(), syscall.EIO)
			}
			sn, err := db.Snapshot()
			must(t, err)
			crashed := disk.State().Crash(faultfs.Selection{})
			again := mustOpen(t, "/db", quiver.Options{FS: crashed, Inline: true, LockWait: -1})
			_, err = again.OpenSnapshot(sn.ID())
			require.NoError(t, err)
			must(t, errors.Join(again.Close(), db.Close()))
		})
	}
}

// Who has moved the folder of the snapshots to another disk behind a link keeps the
// link, whatever is in the folder.
func TestSnapshotsBehindALink(t *testing.T) {
	root, elsewhere := filepath.Join(t.TempDir(), "db"), t.TempDir()
	link, target := filepath.Join(root, ".snapshots"), filepath.Join(elsewhere, "snapshots")
	o := quiver.Options{SnapPersist: true}
	must(t, quiver.Init(root, quiver.InitOptions{Buckets: 1}))
	must(t, os.Mkdir(target, 0o777))
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	var id string
	for range 3 {
		db := mustOpen(t, root, o)
		mustPut(t, db, pairs{}, "key", blob("value", 100))
		list, err := db.Snapshots()
		must(t, err)
		if id == "" {
			require.Empty(t, list)
			temporary, err := db.Snapshot()
			must(t, err)
			id = temporary.ID()
		} else {
			require.Len(t, list, 1)
			require.Equal(t, id, list[0].ID)
		}
		must(t, db.Close())
		is, err := os.Readlink(link)
		require.NoError(t, err)
		require.Equal(t, target, is)
	}
	db := mustOpen(t, root, o)
	must(t, db.RemoveSnapshot(id))
	must(t, os.Remove(filepath.Join(target, "registry.json")))
	must(t, db.Close())
	must(t, mustOpen(t, root, o).Close())
	_, err := os.Readlink(link)
	require.NoError(t, err, "an empty folder behind a link")
}
