package quiver_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// fullOptions make a handle that meets a full disk in each of its steps.
func fullOptions(disk *faultfs.FS, noDataFsync bool) quiver.Options {
	return quiver.Options{FS: disk, Inline: true, NoDataFsync: noDataFsync, LogBytes: 12 * 4096, LogChunkBytes: 4096, ReservePages: 2, LockWait: -1}
}

func newFullDisk(t *testing.T) *faultfs.FS {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 4}))
	return disk
}

// mustBeFull is the error of a call that found no space: nothing of it
// happened, and the handle lives.
func mustBeFull(t *testing.T, db *quiver.DB, err error, want pairs) {
	t.Helper()
	if !errors.Is(err, quiver.ErrFull) || !errors.Is(err, syscall.ENOSPC) || errors.Is(err, quiver.ErrPoisoned) {
		t.Fatalf("on a full disk: %v", err)
	}
	must(t, db.Writable())
	mustHold(t, db, want)
}

// fillUp puts until the disk is full.
func fillUp(t *testing.T, db *quiver.DB, want pairs) {
	t.Helper()
	for i := 0; ; i++ {
		key := fmt.Sprintf("key %d", i)
		value := blob(key, 300+i%5*900)
		if err := db.Put([]byte(key), []byte(value)); err != nil {
			mustBeFull(t, db, err, want)
			return
		}
		want[key] = value
		if i > 2000 {
			t.Fatal("the disk does not get full")
		}
	}
}

// The disk gets full under a live handle, at every size in a range, so that
// each kind of file is once the one that finds no space.
func TestFullDisk(t *testing.T) {
	for _, noDataFsync := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoDataFsync %v", noDataFsync), func(t *testing.T) {
			t.Parallel()
			for sectors := range int64(40) {
				t.Run(fmt.Sprintf("%d sectors", sectors), func(t *testing.T) { fullDiskOf(t, sectors*4096, noDataFsync) })
			}
		})
	}
}

func fullDiskOf(t *testing.T, room int64, noDataFsync bool) {
	disk := newFullDisk(t)
	o := fullOptions(disk, noDataFsync)
	db := mustOpen(t, "/db", o)
	want := pairs{}
	for i := range 8 {
		mustPut(t, db, want, fmt.Sprintf("early %d", i), blob("early", 1000))
	}
	mustPut(t, db, want, "early long", blob("early", 9000))
	disk.SetBudget(disk.Used() + room)
	fillUp(t, db, want)

	// What was acknowledged survives a crash right now, and a reader sees it.
	killed := disk.Snapshot()
	ro := o
	ro.FS = killed
	reader := mustOpenReadOnly(t, "/db", ro)
	mustHold(t, reader, want)
	must(t, reader.Close())

	// Deletes work, and give room for puts again.
	keys := want.sortedKeys()
	for i, key := range keys {
		if i%2 == 0 {
			mustDelete(t, db, want, key)
		}
	}
	mustPut(t, db, want, "in freed space", blob("freed", 900))
	mustHold(t, db, want)
	if err := db.Put([]byte("too much"), []byte(blob("much", 400000))); err == nil {
		t.Fatal("a value larger than the disk was stored")
	} else {
		mustBeFull(t, db, err, want)
	}
	must(t, db.Checkpoint())

	// With space it works on.
	disk.SetBudget(0)
	mustPut(t, db, want, "too much", blob("much", 400000))
	mustHold(t, db, want)
	must(t, db.Close())
	mustBeClean(t, disk, "/db", want)
	db = mustOpen(t, "/db", o)
	mustHold(t, db, want)
	mustCheck(t, db, true)
	must(t, db.Close())
}

// The space that keeps deletes possible is taken again when there is some, for
// the disk may get full once more in the same session.
func TestReserveIsTakenAgain(t *testing.T) {
	disk := newFullDisk(t)
	db := mustOpen(t, "/db", fullOptions(disk, false))
	want := pairs{}
	reserve := func() int64 {
		info, err := disk.Stat("/db/quiver-reserve")
		must(t, err)
		return info.Size
	}
	mustPut(t, db, want, "first", "of the session")
	must(t, db.Checkpoint())
	whole := reserve()
	// The log has to grow, and only the reserve has space for it.
	disk.SetBudget(disk.Used())
	for i := 0; reserve() == whole; i++ {
		if i > 200 {
			t.Fatal("the reserve is never needed")
		}
		mustPut(t, db, want, "first", fmt.Sprint(i))
	}
	disk.SetBudget(0)
	mustPut(t, db, want, "space again", "yes")
	must(t, db.Checkpoint())
	if got := reserve(); got != whole {
		t.Fatalf("a reserve of %d bytes, %d before", got, whole)
	}
	must(t, db.Close())
	mustBeClean(t, disk, "/db", want)
}

// Closing needs no space that is not there: what it replaces was reserved.
func TestFullDiskClose(t *testing.T) {
	disk := newFullDisk(t)
	disk.SetBudget(disk.Used() + 50*4096)
	o := fullOptions(disk, true)
	db := mustOpen(t, "/db", o)
	want := pairs{}
	fillUp(t, db, want)
	must(t, db.Close())
	mustBeClean(t, disk, "/db", want)
	db = mustOpen(t, "/db", o)
	mustHold(t, db, want)
	must(t, db.Close())
}

// A crash on a full disk: the recovery needs space, and says so; nothing is
// lost, and with space it goes through.
func TestFullDiskRecovery(t *testing.T) {
	disk := newFullDisk(t)
	disk.SetBudget(disk.Used() + 50*4096)
	db := mustOpen(t, "/db", fullOptions(disk, true))
	want := pairs{}
	fillUp(t, db, want)
	for free := int64(0); free < 6; free++ {
		killed := disk.Snapshot()
		killed.SetBudget(killed.Used() + free*4096)
		o := fullOptions(killed, true)
		db, err := quiver.Open("/db", &o)
		if err != nil {
			if !errors.Is(err, quiver.ErrFull) {
				t.Fatalf("with %d free sectors: %v", free, err)
			}
			if n := killed.Handles() + killed.Locks(); n > 0 {
				t.Errorf("%d files or locks stay open", n)
			}
			reader := mustOpenReadOnly(t, "/db", o)
			mustHold(t, reader, want)
			must(t, reader.Close())
			killed.SetBudget(0)
			db = mustOpen(t, "/db", o)
		}
		mustHold(t, db, want)
		must(t, db.Close())
	}
}

// Each call that takes space fails once, in every step of a session.
func TestFullDiskAnywhere(t *testing.T) {
	kinds := faultfs.KindWrite | faultfs.KindAllocate | faultfs.KindCreate | faultfs.KindTruncate | faultfs.KindRename
	for _, noDataFsync := range []bool{false, true} {
		for _, fault := range []faultfs.Fault{
			{Kind: kinds}, {Kind: faultfs.KindWrite, Effect: faultfs.EffectAfter, Bytes: 700},
			{Kind: kinds, Sticky: true}, {Kind: kinds | faultfs.KindFsync},
		} {
			for n := 1; ; n++ {
				fault.N, fault.Errno = n, syscall.ENOSPC
				if !fullSession(t, fault, noDataFsync) {
					if n < 20 {
						t.Fatalf("a session has only %d such calls", n)
					}
					break
				}
				if t.Failed() {
					t.Fatalf("fault %v, NoDataFsync %v", &fault, noDataFsync)
				}
			}
		}
	}
}

// fullSession runs a session in which one call fails, and judges each answer:
// ErrFull means that nothing happened, ErrPoisoned that it may have.
func fullSession(t *testing.T, fault faultfs.Fault, noDataFsync bool) (struck bool) {
	disk := newFullDisk(t)
	o := fullOptions(disk, noDataFsync)
	db := mustOpen(t, "/db", o)
	want := pairs{}
	mustPut(t, db, want, "before", blob("before", 3000))
	disk.Inject(faultfs.Plan{fault})
	unsure := want
	poisoned := false
	for i := range 14 {
		after, err := fullStep(db, i, want)
		switch {
		case err == nil:
			want, unsure = after, after
		case errors.Is(err, quiver.ErrPoisoned) && errors.Is(err, syscall.ENOSPC):
			if poisoned = true; db.Writable() == nil {
				t.Error("writable after ", err)
			}
			if len(unsure) == len(want) {
				unsure = after
			}
		case errors.Is(err, quiver.ErrFull) && !poisoned:
			must(t, db.Writable())
		default:
			t.Errorf("step %d: %v", i, err)
		}
		mustHold(t, db, want)
		if poisoned {
			break
		}
	}
	struck = disk.Fired()[0] > 0
	disk.Inject(nil)
	if err := db.Close(); poisoned != errors.Is(err, quiver.ErrPoisoned) || !poisoned && err != nil {
		t.Errorf("close: %v, poisoned %v", err, poisoned)
	}
	db = mustOpen(t, "/db", o)
	got, err := contents(db)
	must(t, err)
	if d := want.diff(got); d != "" && unsure.diff(got) != "" {
		t.Errorf("reopened: %s", d)
	}
	mustCheck(t, db, false)
	must(t, db.Close())
	return struck
}

// fullStep is one call of a session and the pairs that it makes of want.
func fullStep(db *quiver.DB, i int, want pairs) (pairs, error) {
	after := pairs{}
	for k, v := range want {
		after[k] = v
	}
	switch key := fmt.Sprintf("key %d", i); {
	case i == 6:
		return after, db.Checkpoint()
	case i%4 == 3:
		delete(after, "key 0")
		_, err := db.Delete([]byte("key 0"))
		return after, err
	default:
		after[key] = blob(key, 500+i%3*4000)
		return after, db.Put([]byte(key), []byte(after[key]))
	}
}

// After an unclean start too the handle keeps what deletes on a full disk need.
func TestFullDiskAfterUncleanStart(t *testing.T) {
	disk := newFullDisk(t)
	db := mustOpen(t, "/db", fullOptions(disk, true))
	early := pairs{}
	for i := range 40 {
		mustPut(t, db, early, fmt.Sprintf("early %d", i), blob("early", 1000))
	}
	for room := range int64(20) {
		killed := disk.Snapshot()
		db := mustOpen(t, "/db", fullOptions(killed, true))
		want := pairs{}
		for k, v := range early {
			want[k] = v
		}
		mustPut(t, db, want, "early 0", "the log has its space")
		killed.SetBudget(killed.Used() + room*4096)
		fillUp(t, db, want)
		for _, key := range want.sortedKeys() {
			mustDelete(t, db, want, key)
		}
		killed.SetBudget(0)
		must(t, db.Close())
		mustBeClean(t, killed, "/db", want)
	}
}

// A crash of the original can leave a next_page_id ahead of the segments. The
// pages between have no space: they are not given out as if they had, and a
// close makes meta and segments agree again.
func TestFullDiskPagesWithoutSpace(t *testing.T) {
	for _, recount := range []bool{false, true} {
		t.Run(fmt.Sprintf("recount %v", recount), func(t *testing.T) {
			disk := newFullDisk(t)
			o := fullOptions(disk, true)
			db := mustOpen(t, "/db", o)
			want := pairs{}
			for i := range 16 {
				mustPut(t, db, want, fmt.Sprintf("head %d", i), "of each bucket")
			}
			must(t, db.Checkpoint())
			disk = disk.Snapshot()
			o.FS, o.LogBytes = disk, 64*4096
			meta, err := disk.ReadFile("/db/meta")
			must(t, err)
			rawLE.PutUint64(meta[20:], rawLE.Uint64(meta[20:])+50)
			must(t, disk.WriteFile("/db/meta", meta))

			db = mustOpen(t, "/db", o)
			if recount {
				_, err := db.Recount(t.Context(), nil)
				must(t, err)
			}
			for i := range 16 {
				mustPut(t, db, want, "head 0", blob("log", i)) // the log takes its space
			}
			disk.SetBudget(disk.Used())
			if err := db.Put([]byte("long"), []byte(blob("long", 4*4096))); err == nil {
				want["long"] = blob("long", 4*4096)
				if err := db.Checkpoint(); err != nil {
					t.Errorf("a put was acknowledged and finds no space at the checkpoint: %v", err)
				}
			} else {
				mustBeFull(t, db, err, want)
			}
			disk.SetBudget(0)
			mustHold(t, db, want)
			must(t, db.Close())
			mustBeClean(t, disk, "/db", want)
			db = mustOpen(t, "/db", o)
			mustHold(t, db, want)
			must(t, db.Close())
		})
	}
}
