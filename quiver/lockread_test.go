package quiver_test

import (
	"testing"
	"time"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// killed is a database whose process died with a log that the segments need, and
// what it holds.
func killed(t *testing.T) (*faultfs.FS, quiver.Options, pairs) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1, NoDataFsync: true, PageCachePages: -1}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
	db := mustOpen(t, "/db", o)
	want := pairs{}
	mustPut(t, db, want, "old", "value")
	must(t, db.Close())
	db = mustOpen(t, "/db", o)
	mustPut(t, db, want, "new", "value")
	mustPut(t, db, want, "long", blob("long", 9000))
	disk = disk.Snapshot()
	o.FS = disk
	return disk, o, want
}

// A reader lays the log over the segments in memory: a recovery beside it would
// cut the log under it.
func TestWriterRecoversNothingBesideAReader(t *testing.T) {
	disk, o, want := killed(t)
	reader := mustOpenReadOnly(t, "/db", o)
	before := disk.Snapshot()
	_, err := quiver.Open("/db", &o)
	mustBeLocked(t, err)
	sameBytes(t, before, disk)
	mustHold(t, reader, want)
	must(t, reader.Close())
	db := mustOpen(t, "/db", o)
	mustHold(t, db, want)
	must(t, db.Close())
}

// What a reader shows is read under its lock, not while it waits for the writer.
func TestReaderThatWaitsReadsWhatTheWriterLeaves(t *testing.T) {
	_, o, want := killed(t)
	writer := mustOpen(t, "/db", o)
	clock := newHandClock()
	clock.wakeUp = func(time.Duration) {
		if writer == nil {
			return
		}
		mustPut(t, writer, want, "last", "value")
		mustPut(t, writer, want, "old", blob("old", 9000))
		must(t, writer.Close())
		writer = nil
	}
	o.LockWait, o.Clock = time.Hour, clock
	reader := mustOpenReadOnly(t, "/db", o)
	mustHold(t, reader, want)
	must(t, reader.Close())
	if clock.slept == 0 {
		t.Error("the reader has not waited")
	}
}
