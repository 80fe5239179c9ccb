package quiver_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// A crash of the original leaves a next_page_id ahead of the segments. Nothing
// may be given out from between in the session that meets that; but a close
// that vouches for the free list must not lose those pages for good.
func TestPagesWithoutSpaceAreFoundAgain(t *testing.T) {
	for _, recount := range []bool{false, true} {
		for _, puts := range []bool{false, true} {
			t.Run(fmt.Sprintf("recount %t, puts %t", recount, puts), func(t *testing.T) {
				disk, want := aheadOfItsSegments(t, 50)
				o := quiver.Options{FS: disk, Inline: true, LockWait: -1}
				db := mustOpen(t, "/db", o)
				if recount {
					_, err := db.Recount(t.Context(), nil)
					must(t, err)
				}
				if puts {
					mustPut(t, db, want, "behind the gap", blob("behind", 9000))
				}
				must(t, db.Close())
				mustBeClean(t, disk, "/db", want)

				for range 2 {
					db = mustOpen(t, "/db", o)
					require.False(t, db.Recovery().Unclean)
					s, err := db.Stats()
					must(t, err)
					if s.RecountDue {
						// A handle with goroutines of its own does that by itself.
						_, err := db.Recount(t.Context(), nil)
						must(t, err)
					}
					mustPut(t, db, want, "a", "session that writes")
					must(t, db.Close())
				}
				raw := mustBeClean(t, disk, "/db", want)
				require.Empty(t, raw.orphans())
				db = mustOpen(t, "/db", o)
				mustHold(t, db, want)
				mustCheck(t, db, true)
				must(t, db.Close())
			})
		}
	}
}

// aheadOfItsSegments is a database that was not closed, whose meta names more
// pages than its segments hold.
func aheadOfItsSegments(t *testing.T, pages uint64) (*faultfs.FS, pairs) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 4}))
	db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true})
	want := pairs{}
	for i := range 16 {
		mustPut(t, db, want, fmt.Sprint("key ", i), blob("value", 900))
	}
	must(t, db.Checkpoint())
	killed := disk.Snapshot()
	must(t, db.Close())
	meta, err := killed.ReadFile("/db/meta")
	must(t, err)
	rawLE.PutUint64(meta[20:], rawLE.Uint64(meta[20:])+pages)
	must(t, killed.WriteFile("/db/meta", meta))
	return killed, want
}
