package quiver_test

import (
	"errors"
	"fmt"
	"path"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// Each call of a close fails once, the closing of files and of the lock among
// them, or a call of a put before, which may poison the handle. Nothing of the
// handle may stay, and nobody may wait for what is gone: the next close, and any
// other call, says that the handle is closed.
func TestCloseThatFailsKeepsNothing(t *testing.T) {
	kinds := map[string]faultfs.Kind{
		"create": faultfs.KindCreate, "write": faultfs.KindWrite, "sync": faultfs.KindFsync, "rename": faultfs.KindRename,
		"remove": faultfs.KindRemove, "truncate": faultfs.KindTruncate, "close": faultfs.KindClose, "unlock": faultfs.KindUnlock,
	}
	for name, kind := range kinds {
		for _, put := range []bool{false, true} {
			for n := 1; closeFails(t, faultfs.Fault{Kind: kind, N: n, Errno: syscall.EIO}, put); n++ {
				if t.Failed() {
					t.Fatalf("%s %d failed, put before the close: %v", name, n, put)
				}
			}
		}
	}
}

// closeFails tells whether the close, or the put before it, has come by the fault.
func closeFails(t *testing.T, fault faultfs.Fault, put bool) bool {
	before := goleak.IgnoreCurrent()
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, NoRecount: true, NoDataFsync: true, LockWait: -1}
	db := openFresh(t, o, "/db", 2)
	want := pairs{}
	mustPut(t, db, want, "key", "value")
	mustPut(t, db, want, "long", blob("long", 9000))
	snapshot, err := db.Snapshot()
	must(t, err)
	mustPut(t, db, want, "key", "other")
	disk.Inject(faultfs.Plan{fault})
	if put {
		if db.Put([]byte("long"), []byte(blob("longer", 19000))) == nil {
			want["long"] = blob("longer", 19000)
		} else {
			delete(want, "long") // either value may be found
		}
	}
	err = db.Close()
	if disk.Fired()[0] == 0 {
		must(t, err)
		return false
	}
	disk.Inject(nil)
	told := fmt.Sprintf("after %v", err)
	if n := disk.Handles() + disk.Locks(); n > 0 {
		t.Errorf("%s: %d files or locks stay open", told, n)
	}
	for _, p := range disk.List() {
		if path.Ext(p) == ".tmp" && fault.Kind != faultfs.KindRemove {
			t.Errorf("%s: %s is left", told, p)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Errorf("%s: %v", told, err)
	}
	closedForAll(t, db, snapshot, told)
	db = mustOpen(t, "/db", o)
	got, err := contents(db)
	must(t, err)
	if _, known := want["long"]; !known {
		delete(got, "long")
	}
	if d := want.diff(got); d != "" {
		t.Errorf("%s: %s", told, d)
	}
	must(t, db.Close())
	return true
}

func closedForAll(t *testing.T, db *quiver.DB, snapshot *quiver.Snapshot, told string) {
	answers := make(chan error, 1)
	go func() {
		for range 2 {
			if err := db.Close(); !errors.Is(err, quiver.ErrClosed) {
				answers <- fmt.Errorf("another close: %w", err)
				return
			}
		}
		_ = snapshot.Close() // ErrClosed, or nothing to be done
		for name, do := range checks(t, db) {
			if err := do(); !errors.Is(err, quiver.ErrClosed) {
				answers <- fmt.Errorf("%s: %w", name, err)
				return
			}
		}
		answers <- nil
	}()
	select {
	case err := <-answers:
		if err != nil {
			t.Errorf("%s: %v", told, err)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: somebody waits for ever", told)
	}
}
