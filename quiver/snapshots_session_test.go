package quiver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// A session that begins beside a persisted snapshot counts its pages anew, and the
// next snapshot does not wait for that: the clean close has vouched for the LSNs.
func TestSnapshotDoesNotWaitForTheRecount(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1, ReservePages: 4, SnapPersist: true}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
	db := mustOpen(t, "/db", o)
	want := pairs{}
	mustPut(t, db, want, "key", blob("value", 9000))
	first, err := db.Snapshot()
	must(t, err)
	was := pairs{"key": want["key"]}
	mustPut(t, db, want, "key", blob("other", 90))
	must(t, db.Close())

	db = mustOpen(t, "/db", o)
	require.True(t, db.Recovery().RecountDue)
	second, err := db.Snapshot()
	must(t, err)
	require.True(t, stats(t, db).RecountDue, "the snapshot has waited for a recount")
	mustPut(t, db, pairs{}, "key", blob("third", 900))
	for id, want := range map[string]pairs{first.ID(): was, second.ID(): want} {
		sn, err := db.OpenSnapshot(id)
		must(t, err)
		v, ok, err := sn.Get([]byte("key"))
		must(t, err)
		require.True(t, ok)
		require.Equal(t, want["key"], string(v))
	}
	must(t, db.Close())
}
