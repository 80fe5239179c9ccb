package quiver_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// goneSnapshot is a database with a persisted snapshot that was not ended, and
// in which a program has written since that freezes nothing for it: bucket 0 has
// changed, bucket 1 has not. Pages of that session are orphans now.
func goneSnapshot(t *testing.T, o quiver.Options) (id string, want pairs) {
	disk := o.FS.(*faultfs.FS)
	db := openFresh(t, o, "/db", 2)
	want = pairs{}
	for bucket := range uint32(2) {
		mustPut(t, db, want, inBucket(bucket, 2, "key", 0), "old")
		mustPut(t, db, want, inBucket(bucket, 2, "long", 0), blob("old", 9000))
	}
	sn, err := db.Snapshot()
	must(t, err)
	must(t, db.Close())
	before := disk.List()

	db = mustOpen(t, "/db", o)
	mustPut(t, db, want, inBucket(0, 2, "key", 0), "new")
	mustPut(t, db, want, inBucket(0, 2, "brief", 0), blob("brief", 20000))
	mustDelete(t, db, want, inBucket(0, 2, "brief", 0))
	must(t, db.Close())
	frozen := 0
	for _, name := range disk.List() {
		if strings.Contains(name, "/.snapshots/") && !slices.Contains(before, name) {
			must(t, disk.RemoveFile(name))
			frozen++
		}
	}
	require.NotZero(t, frozen)
	return sn.ID(), want
}

// A snapshot whose pages are gone, because somebody wrote who did not keep them,
// is no reason to keep orphans for ever, or to check nothing. What is left of it
// stays.
func TestRecountAndCheckBesideASnapshotWithGonePages(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, SnapPersist: true, LockWait: -1}
	id, want := goneSnapshot(t, o)
	goneKey, longKey := inBucket(0, 2, "key", 0), inBucket(1, 2, "long", 0)
	db := mustOpen(t, "/db", o)
	mustDelete(t, db, want, longKey) // only the snapshot leads to its pages now
	must(t, db.Close())

	db = mustOpen(t, "/db", o)
	r, err := db.Check(t.Context(), quiver.CheckOptions{})
	must(t, err)
	require.NotEmpty(t, r.Findings, "the snapshot is not whole")
	require.NotZero(t, r.OrphanPages)
	freed, err := db.Recount(t.Context(), nil)
	must(t, err)
	require.Equal(t, r.OrphanPages, int64(freed))
	r, err = db.Check(t.Context(), quiver.CheckOptions{Strict: true})
	must(t, err)
	require.NotEmpty(t, r.Findings, "the snapshot is not whole")
	require.Zero(t, r.OrphanPages)

	mustPut(t, db, want, "reused", blob("reused", 4096*freed))
	mustHold(t, db, want)
	sn, err := db.OpenSnapshot(id)
	must(t, err)
	_, _, err = sn.Get([]byte(goneKey))
	require.ErrorIs(t, err, quiver.ErrSnapshotGone)
	value, found, err := sn.Get([]byte(longKey))
	must(t, err)
	require.True(t, found && string(value) == blob("old", 9000))

	must(t, db.EndSnapshot(id))
	_, err = db.Recount(t.Context(), nil)
	must(t, err)
	mustCheck(t, db, true)
	must(t, db.Close())
	mustBeClean(t, disk, "/db", want)
}
