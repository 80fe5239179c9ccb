package quiver_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
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

// A clean close vouches for the LSNs also where nobody has recounted: in a session
// that was closed before its recount, and when a snapshot of an earlier one is gone.
func TestEveryCloseVouchesForTheLSNs(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1, ReservePages: 4, SnapPersist: true}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
	db := mustOpen(t, "/db", o)
	mustPut(t, db, pairs{}, "key", blob("value", 9000))
	sn, err := db.Snapshot()
	must(t, err)
	must(t, db.Close())
	for _, step := range []func(*quiver.DB){
		func(db *quiver.DB) { mustPut(t, db, pairs{}, "key", blob("other", 90)) },
		func(db *quiver.DB) { must(t, db.RemoveSnapshot(sn.ID())) },
		func(db *quiver.DB) {
			_, err := db.Recount(context.Background(), nil)
			must(t, err)
		},
	} {
		db = mustOpen(t, "/db", o)
		due := stats(t, db).RecountDue
		temporary, err := db.Snapshot()
		must(t, err)
		require.Equal(t, due, stats(t, db).RecountDue, "the snapshot has waited for a recount")
		must(t, db.RemoveSnapshot(temporary.ID()))
		step(db)
		must(t, db.Close())
	}
	require.False(t, mustOpen(t, "/db", o).Recovery().RecountDue)
}

// The original writes after our clean close, and dies: the log shows that somebody
// did, and a page may have an LSN above all that are in the log.
func TestSnapshotAfterACrashOfTheOriginal(t *testing.T) {
	for name, kept := range map[string]bool{"beside a snapshot": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			disk := faultfs.New(faultfs.Options{NoReads: true})
			o := quiver.Options{FS: disk, Inline: true, LockWait: -1, ReservePages: 4, SnapPersist: kept}
			must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
			db := mustOpen(t, "/db", o)
			want := pairs{}
			for _, key := range []string{"a", "b", "c", "d"} {
				mustPut(t, db, want, key, blob(key, 100))
			}
			_, err := db.Snapshot()
			must(t, err)
			must(t, db.Close())
			writeAsTheOriginal(t, disk, "/db")

			db = mustOpen(t, "/db", o)
			sn, err := db.Snapshot()
			must(t, err)
			for key := range want {
				mustPut(t, db, pairs{}, key, blob("new", 100))
			}
			for key, value := range want {
				got, ok, err := sn.Get([]byte(key))
				require.NoError(t, err, key)
				require.True(t, ok)
				require.Equal(t, value, string(got))
			}
			must(t, db.Close())
		})
	}
}

// writeAsTheOriginal writes page 0 into the log and page 1 into its segment, with
// the next two LSNs, and the same records as before.
func writeAsTheOriginal(t *testing.T, disk *faultfs.FS, root string) {
	t.Helper()
	read := func(name string) []byte {
		b, err := disk.ReadFile(filepath.Join(root, name))
		must(t, err)
		return b
	}
	meta, err := format.DecodeMeta(read(format.MetaName))
	must(t, err)
	require.True(t, meta.Clean)
	require.GreaterOrEqual(t, meta.NextPageID, uint64(2))
	segment := read(format.SegmentName(1))
	size := int(meta.PageSize)
	logged := append([]byte(nil), segment[:size]...)
	format.SealPage(logged, meta.LastLSN+1)
	record := make([]byte, format.RecordHeaderSize)
	format.PutRecordHeader(record, format.Record{Type: format.RecordPageImage, LSN: meta.LastLSN + 1}, logged)
	format.SealPage(segment[size:2*size], meta.LastLSN+2)
	must(t, disk.WriteFile(filepath.Join(root, format.SegmentName(1)), segment))
	log := read(format.WALName)
	must(t, disk.WriteFile(filepath.Join(root, format.WALName), append(append(log, record...), logged...)))
}
