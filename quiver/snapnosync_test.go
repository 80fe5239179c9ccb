package quiver_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// What a batch without a sync replaces is frozen only when its group is flushed:
// until then a snapshot still finds it, with whatever cache, and whether or not
// a call that waits for the group comes between.
func TestSnapshotBesideABatchWithoutSync(t *testing.T) {
	for _, cache := range []int{-1, 0} {
		for _, persist := range []bool{false, true} {
			o := quiver.Options{FS: vfs.NewMem(), Inline: true, NoDataFsync: true, PageCachePages: cache, SnapPersist: persist, LockWait: -1}
			must(t, quiver.Init("/db", quiver.InitOptions{FS: o.FS, Buckets: 1}))
			db := mustOpen(t, "/db", o)
			want := pairs{}
			for i := range 40 {
				mustPut(t, db, want, fmt.Sprint("key ", i), blob("old", 300))
			}
			mustPut(t, db, want, "long", blob("old", 9000))
			sn, err := db.Snapshot()
			must(t, err)
			shows := func(when string) {
				t.Helper()
				require.Equal(t, want, pairs(scanPairs(t, sn.Scan(quiver.ScanOptions{}))), when)
				for _, k := range []string{"long", "key 1"} {
					value, found, err := sn.Get([]byte(k))
					must(t, err)
					require.True(t, found && string(value) == want[k], when)
				}
			}
			if persist {
				must(t, db.Close())
				db = mustOpen(t, "/db", o)
				sn, err = db.OpenSnapshot(sn.ID())
				must(t, err)
			}
			for round := range 3 {
				var b quiver.Batch
				for i := range 40 {
					b.Put([]byte(fmt.Sprint("key ", i)), []byte(blob(fmt.Sprint("new", round), 200)))
				}
				b.Delete([]byte("long"))
				must(t, db.WriteNoSync(&b))
				shows("after the batch")
				_, err = db.ScanAll() // pins and releases
				must(t, err)
				shows("after a scan")
				existed, err := db.Delete([]byte("nothing"))
				must(t, err)
				require.False(t, existed)
				shows("after a call that waits")
				must(t, db.Checkpoint())
				shows("after a checkpoint")
			}
			must(t, db.Close())
		}
	}
}
