package quiver_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// A folder that was made by a call that reported a full disk is the snapshot's
// own: the next try goes on in it, and the handle works on.
func TestSnapshotFolderMadeByAFailedCall(t *testing.T) {
	for n := 1; n <= 2; n++ {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 1}))
		db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, LockWait: -1})
		want := pairs{}
		mustPut(t, db, want, "k", "old")
		sn, err := db.Snapshot()
		must(t, err)
		disk.Inject(faultfs.Plan{{Kind: faultfs.KindMkdir, N: n, Errno: syscall.ENOSPC, Effect: faultfs.EffectDone}})
		require.ErrorIs(t, db.Put([]byte("k"), []byte("refused")), quiver.ErrFull)
		disk.Inject(nil)
		mustPut(t, db, want, "k", "new")
		got, _, err := sn.Get([]byte("k"))
		must(t, err)
		require.Equal(t, "old", string(got))
		must(t, sn.Close())
		mustHold(t, db, want)
		must(t, db.Close())
	}
}

// A store of snapshots that cannot be looked at is not one that is absent.
func TestStoreThatCannotBeLookedAt(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 1}))
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1, SnapPersist: true}
	db := mustOpen(t, "/db", o)
	mustPut(t, db, pairs{}, "k", "v")
	disk.Inject(faultfs.Plan{{Kind: faultfs.KindStat, Sticky: true, Errno: syscall.EACCES}})
	_, err := db.Snapshot()
	require.ErrorIs(t, err, syscall.EACCES)
	disk.Inject(nil)
	must(t, db.Close())
}
