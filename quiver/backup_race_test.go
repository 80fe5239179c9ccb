package quiver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// A backup reads many pages at once. Before each of these reads all is
// overwritten, partly with what stays in the log and partly as far as the
// segments: what the backup has is of the moment at which it began.
func TestBackupWhilePagesChangeUnderItsReads(t *testing.T) {
	for _, checkpoint := range []bool{false, true} {
		for _, cache := range []int{-1, 0} {
			name := fmt.Sprintf("checkpoint=%t/cache=%d", checkpoint, cache)
			t.Run(name, func(t *testing.T) { backUpUnderChange(t, checkpoint, cache) })
		}
	}
}

func backUpUnderChange(t *testing.T, checkpoint bool, cache int) {
	var db *quiver.DB
	round, armed := 0, false
	change := func() {
		round++
		for i := range 150 {
			if err := db.Put(fmt.Appendf(nil, "key %d", i), []byte(blob(fmt.Sprint(round), 100+i*round%5000))); err != nil {
				t.Error(err)
			}
		}
		if checkpoint {
			if err := db.Checkpoint(); err != nil {
				t.Error(err)
			}
		}
	}
	disk := faultfs.New(faultfs.Options{NoReads: true, Before: func(c faultfs.Call) {
		if armed && c.Kind == faultfs.KindRead && c.Len > 4096 && strings.HasPrefix(c.Path, "/db/data") {
			armed = false
			change()
			armed = true
		}
	}})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 8}))
	db = mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, NoDataFsync: true, PageCachePages: cache, LockWait: -1})
	change()
	must(t, db.Checkpoint())
	for i := range 20 {
		must(t, db.Put(fmt.Appendf(nil, "key %d", i), []byte("only in the log")))
	}
	want, err := contents(db)
	must(t, err)
	before := round
	armed = true
	_, err = db.Backup(context.Background(), "/backup", quiver.BackupOptions{})
	armed = false
	must(t, err)
	require.Greater(t, round, before, "nothing was changed")
	must(t, db.Close())
	must(t, restoreTo(disk, "/copy", "/backup"))
	mustBeClean(t, disk, "/copy", want)
}
