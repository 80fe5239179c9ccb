package quiver_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// A read that the system fails is not damage: its error passes, nothing is
// concluded from it, and when the system reads again so does the handle.
func TestReadErrorsPass(t *testing.T) {
	world := newPageWorld(t)
	calls := map[string]func(db *quiver.DB) error{
		"get":      func(db *quiver.DB) error { _, _, err := db.Get([]byte(world.longKey)); return err },
		"has":      func(db *quiver.DB) error { _, err := db.Has([]byte(world.longKey)); return err },
		"scan":     func(db *quiver.DB) error { _, err := contents(db); return err },
		"put":      func(db *quiver.DB) error { return db.Put([]byte(world.longKey), []byte(world.pairs[world.longKey])) },
		"delete":   func(db *quiver.DB) error { _, err := db.Delete([]byte("not there")); return err },
		"prefix":   func(db *quiver.DB) error { _, err := db.DeletePrefix([]byte("not there")); return err },
		"recount":  func(db *quiver.DB) error { _, err := db.Recount(t.Context(), nil); return err },
		"usage":    func(db *quiver.DB) error { _, err := db.Usage(t.Context(), nil); return err },
		"snapshot": func(db *quiver.DB) error { _, err := db.ScanAll(); return err },
	}
	for name, call := range calls {
		for _, fault := range []faultfs.Fault{
			{Kind: faultfs.KindRead, Class: faultfs.ClassSeg, Errno: syscall.EIO},
			{Kind: faultfs.KindRead, Class: faultfs.ClassSeg, Errno: syscall.EIO, Effect: faultfs.EffectAfter, Bytes: 1000},
			{Kind: faultfs.KindOpen, Class: faultfs.ClassSeg, Errno: syscall.EMFILE},
		} {
			for n := 1; ; n++ {
				w := world.copy(t)
				o := w.options()
				o.PageCachePages, o.LocatorBytes = -1, -1
				db := mustOpen(t, "/db", o)
				fault.N = n
				w.disk.Inject(faultfs.Plan{fault})
				err := call(db)
				struck := w.disk.Fired()[0] > 0
				w.disk.Inject(nil)
				if struck && !errors.Is(err, fault.Errno) || errors.Is(err, quiver.ErrCorrupt) {
					t.Errorf("%s, read %d: %v, want %v", name, n, err, fault.Errno)
				}
				must(t, db.Writable())
				mustHold(t, db, w.pairs)
				must(t, call(db))
				must(t, db.Close())
				if !struck {
					break
				}
			}
		}
	}
}
