package quiver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// oneMoment is a clock under which all snapshots of all processes that begin as
// many get the same names.
type oneMoment struct{}

func (oneMoment) Now() time.Time      { return time.Unix(1_700_000_000, 0) }
func (oneMoment) Sleep(time.Duration) {}
func (oneMoment) ProcessID() int      { return 1 }

// A process that dies leaves the files of its snapshots. What they hold is of
// another moment, so a snapshot of the same name takes nothing over.
func TestSnapshotTakesNothingOverFromADeadProcess(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1, PageCachePages: -1, Clock: oneMoment{}}
	db := openFresh(t, o, "/db", 1)
	id := ""
	for _, round := range []string{"first", "second", "third"} {
		want := pairs{}
		mustPut(t, db, want, "key", round+" value")
		mustPut(t, db, want, "long", blob(round, 9000))
		sn, err := db.Snapshot()
		must(t, err)
		if id == "" {
			id = sn.ID()
		}
		if sn.ID() != id {
			t.Fatalf("snapshots %s and %s: this test needs the same name", id, sn.ID())
		}
		mustPut(t, db, pairs{}, "key", round+" value that came later")
		mustDelete(t, db, pairs{"long": ""}, "long")
		must(t, db.Checkpoint())
		for k, v := range want {
			got, found, err := sn.Get([]byte(k))
			if err != nil || !found || string(got) != v {
				t.Errorf("%s snapshot, key %q: %.20q, found %v, error %v; want %.20q", round, k, got, found, err, v)
			}
		}
		left := 0
		for _, p := range disk.List() {
			if strings.Contains(p, id) {
				left++
			}
		}
		if left == 0 {
			t.Fatal("the process leaves no files")
		}
		disk = disk.Snapshot()
		o.FS = disk
		db = mustOpen(t, "/db", o)
	}
	must(t, db.Close())
	for _, p := range disk.List() {
		if strings.Contains(p, id) {
			t.Errorf("%s is left", p)
		}
	}
}
