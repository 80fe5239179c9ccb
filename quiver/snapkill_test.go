package quiver_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// The process dies at each call of a begin, an end or a removal. The next writer
// goes by the registry that it sees and overwrites everything; then the power is
// cut, and whatever no sync has covered is lost, the new name of the registry
// too. A snapshot that is listed as live then is whole.
func TestRegistryIsDurableBeforeItIsReliedOn(t *testing.T) {
	whileEnding(t, func(t *testing.T, remove, adopted bool, step int) {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		w := newEndWorld(t, disk, remove, adopted)
		disk.ResetLog()
		must(t, w.end())
		log := disk.Log()
		must(t, w.db.Close())
		for state := range log.Points() {
			next := *w
			next.disk = state.Kill()
			next.o.FS = next.disk
			next.now = pairs{}
			next.db = mustOpen(t, "/db", next.o)
			must(t, next.overwrite())
			w.judgeCrash(next.disk.State().Crash(faultfs.None()), fmt.Sprintf("killed after call %d", state.From))
		}
	})
}

// A reader that shows a snapshot, whose begin was cut short, shows one that stays.
func TestReaderShowsSnapshotsThatStay(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, SnapPersist: true, LockWait: -1}
	db := openFresh(t, o, "/db", 2)
	must(t, db.Put([]byte("k"), []byte("v")))
	disk.ResetLog()
	_, err := db.Snapshot()
	must(t, err)
	shown := 0
	for state := range disk.Log().Points() {
		o.FS = state.Kill()
		reader := mustOpenReadOnly(t, "/db", o)
		list, err := reader.Snapshots()
		must(t, err)
		must(t, reader.Close())
		o.FS = o.FS.(*faultfs.FS).State().Crash(faultfs.None())
		reader = mustOpenReadOnly(t, "/db", o)
		again, err := reader.Snapshots()
		must(t, err)
		require.Equal(t, list, again, "killed after call %d", state.From)
		for _, in := range again {
			shown++
			sn, err := reader.OpenSnapshot(in.ID)
			must(t, err)
			require.Equal(t, snapPairs{"k": "v"}, scanPairs(t, sn.Scan(quiver.ScanOptions{})))
		}
		must(t, reader.Close())
	}
	require.Positive(t, shown)
	must(t, db.Close())
}

// After a crash in a freeze, an open and a clean close, the counts on the disk
// cover what the snapshots name: the original relies on them.
func TestCountsAreThereAfterACleanClose(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, SnapPersist: true, SnapDedup: true, LockWait: -1}
	db := openFresh(t, o, "/db", 2)
	must(t, db.Put([]byte("k"), []byte("v")))
	_, err := db.Snapshot()
	must(t, err)
	disk.ResetLog()
	must(t, db.Put([]byte("k"), []byte("w")))
	for state := range disk.Log().Points() {
		o.FS = state.Crash(faultfs.None())
		must(t, mustOpen(t, "/db", o).Close())
		_, low := countsBeside(t, o.FS.(*faultfs.FS))
		require.Empty(t, low, "crash after call %d", state.From)

		// Nor does an open that cannot read what the snapshots name make a clean
		// close of counts that fall short.
		for n, fired := 1, true; fired; n++ {
			once := state.Crash(faultfs.None())
			once.Inject(faultfs.Plan{{Kind: faultfs.KindOpen, Class: faultfs.ClassSnap, N: n, Errno: syscall.EMFILE}})
			o.FS = once
			if db, err := quiver.Open("/db", &o); err == nil && db.Close() == nil {
				_, low = countsBeside(t, once)
				require.Empty(t, low, "crash after call %d, no handle for the %d. file", state.From, n)
			}
			fired = once.Fired()[0] > 0
		}
	}
	must(t, db.Close())
}

// countsBeside holds the counts in index.bin of the SnapStore against the number
// of snapshots that name each image.
func countsBeside(t *testing.T, disk *faultfs.FS) (high, low []uint64) {
	t.Helper()
	named := map[uint64]uint32{}
	for _, path := range disk.List() {
		if len(path) < 14 || path[len(path)-13:] != "hashindex.bin" {
			continue
		}
		b, err := disk.ReadFile(path)
		must(t, err)
		entries, err := format.DecodeFrozenEntries(b)
		must(t, err)
		once := map[uint64]bool{}
		for _, e := range entries {
			if !once[e.Where] {
				once[e.Where] = true
				named[e.Where]++
			}
		}
	}
	counts := map[uint64]uint32{}
	if b, err := disk.ReadFile("/db/.snapstore/index.bin"); err == nil {
		entries, err := format.DecodeStoreIndex(b)
		must(t, err)
		for _, e := range entries {
			counts[e.Hash] = e.Refs
		}
	}
	for h, n := range counts {
		if n > named[h] {
			high = append(high, h)
		}
	}
	for h, n := range named {
		if n > counts[h] {
			low = append(low, h)
		}
	}
	return high, low
}

// A snapshot after a crash of the original waits for the walk through all pages
// that runs already.
func TestSnapshotWaitsForARecount(t *testing.T) {
	v := loadVector(t, "10-unclean")
	db := mustOpen(t, "/db", quiver.Options{FS: v.disk, Inline: true, LockWait: -1})
	done := make(chan error, 1)
	var once sync.Once
	_, err := db.Recount(t.Context(), func(quiver.Progress) {
		once.Do(func() {
			go func() {
				sn, err := db.Snapshot()
				if err == nil {
					err = sn.Close()
				}
				done <- err
			}()
			time.Sleep(50 * time.Millisecond) // time to fail
		})
	})
	must(t, err)
	must(t, <-done)
	must(t, db.Close())
}
