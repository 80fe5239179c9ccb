package quiver_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

const (
	storeIndex = "/db/.snapstore/index.bin"
	storeFile  = "/db/.snapstore/store.bin"
)

// storeWorld is a closed database with three snapshots that share a SnapStore:
// two live ones, and one that was ended and is kept.
type storeWorld struct {
	t    *testing.T
	disk *faultfs.FS
	o    quiver.Options
	ids  []string
	want []snapPairs
}

func newStoreWorld(t *testing.T) *storeWorld {
	w := &storeWorld{t: t, disk: faultfs.New(faultfs.Options{NoReads: true})}
	w.o = quiver.Options{FS: w.disk, Inline: true, SnapPersist: true, SnapDedup: true, LockWait: -1, NoRecount: true}
	db := openFresh(t, w.o, "/db", 4)
	now := snapPairs{}
	put := func(round int) {
		for i := range 12 {
			if key := fmt.Sprint("key ", i); (i+round)%3 > 0 {
				now[key] = blob(fmt.Sprint(round, key), 10+i*round*100)
				must(t, db.Put([]byte(key), []byte(now[key])))
			}
		}
	}
	for round := range 3 {
		put(round)
		sn, err := db.Snapshot()
		must(t, err)
		w.ids = append(w.ids, sn.ID())
		w.want = append(w.want, snapPairs{})
		for k, v := range now {
			w.want[round][k] = v
		}
	}
	put(3)
	put(4)
	must(t, db.EndSnapshot(w.ids[1]))
	must(t, db.Close())
	return w
}

func (w *storeWorld) path(snapshot int, file string) string {
	return filepath.Join("/db/.snapshots", w.ids[snapshot], file)
}

// change rewrites a file.
func (w *storeWorld) change(path string, fn func(b []byte)) {
	w.t.Helper()
	b, err := w.disk.ReadFile(path)
	must(w.t, err)
	fn(b)
	must(w.t, w.disk.WriteFile(path, b))
}

// counts adds to the counts in index.bin.
func (w *storeWorld) counts(delta int, every int) {
	w.change(storeIndex, func(b []byte) {
		for at := 0; at < len(b); at += 24 * every {
			n := binary.LittleEndian.Uint32(b[at+16:])
			binary.LittleEndian.PutUint32(b[at+16:], uint32(max(0, int(n)+delta)))
		}
	})
}

// mustRead reads all snapshots through a handle.
func (w *storeWorld) mustRead(db *quiver.DB, when string) {
	w.t.Helper()
	for i, id := range w.ids {
		sn, err := db.OpenSnapshot(id)
		require.NoError(w.t, err, when)
		got := snapPairs{}
		for item, err := range sn.Scan(quiver.ScanOptions{}) {
			require.NoError(w.t, err, "%s: snapshot %d", when, i)
			got[string(item.Key)] = string(item.Value)
		}
		require.Equal(w.t, w.want[i], got, "%s: snapshot %d", when, i)
		must(w.t, sn.Close())
	}
}

type opener func(*testing.T, string, quiver.Options) *quiver.DB

// check tells what is found of snapshots and SnapStore, on a copy of the disk.
func (w *storeWorld) check(open opener, strict bool) []quiver.Finding {
	w.t.Helper()
	o := w.o
	o.FS = w.disk.Snapshot()
	db := open(w.t, "/db", o)
	r, err := db.Check(w.t.Context(), quiver.CheckOptions{Strict: strict})
	must(w.t, err)
	must(w.t, db.Close())
	return slices.DeleteFunc(r.Findings, func(f quiver.Finding) bool {
		return strings.Contains(f.Message, "neither in use nor free") // of pages
	})
}

// findings checks with a reader and with a writer, which must tell the same.
func (w *storeWorld) findings(strict bool) []quiver.Finding {
	w.t.Helper()
	found := w.check(mustOpenReadOnly, strict)
	require.Equal(w.t, found, w.check(mustOpen, strict))
	return found
}

func (w *storeWorld) repair() (quiver.RepairReport, error) {
	db := mustOpen(w.t, "/db", w.o)
	r, err := db.Repair(w.t.Context(), quiver.RepairOptions{})
	must(w.t, db.Close())
	return r, err
}

// exact: the counts are those of the snapshots; without freeze.bin all is read
// from the SnapStore, also after a compaction; and nothing stays when the
// snapshots have been removed.
func (w *storeWorld) mustBeExact(when string) {
	w.t.Helper()
	high, low := countsBeside(w.t, w.disk)
	require.Empty(w.t, high, when)
	require.Empty(w.t, low, when)
	for i := range w.ids {
		if path := w.path(i, "freeze.bin"); slices.Contains(w.disk.List(), path) {
			must(w.t, w.disk.RemoveFile(path))
		}
	}
	db := mustOpen(w.t, "/db", w.o)
	_, err := db.CompactSnapStore()
	must(w.t, err)
	w.mustRead(db, when+", compacted")
	for _, id := range w.ids {
		must(w.t, db.RemoveSnapshot(id))
	}
	info, err := db.CompactSnapStore()
	must(w.t, err)
	require.Zero(w.t, info.After, when)
	must(w.t, db.Close())
}

func TestRepairLowersLeakedCounts(t *testing.T) {
	for _, withoutFrames := range []bool{false, true} {
		w := newStoreWorld(t)
		require.Empty(t, w.findings(true))
		w.counts(3, 2)
		if withoutFrames {
			must(t, w.disk.RemoveFile(w.path(1, "freeze.bin")))
		}
		require.Empty(t, w.findings(false), "a leak is no damage")
		found := w.findings(true)
		require.Len(t, found, 1)
		require.Equal(t, "warning", found[0].Severity)
		require.Contains(t, found[0].Message, "more references")
		r, err := w.repair()
		must(t, err)
		require.Positive(t, r.LoweredCounts)
		require.Zero(t, r.RaisedCounts+r.RestoredImages)
		require.Empty(t, w.findings(true))
		w.mustBeExact("repaired")
	}
}

func TestRepairRaisesCounts(t *testing.T) {
	w := newStoreWorld(t)
	w.counts(-1, 2)
	found := w.findings(false)
	require.Len(t, found, 1)
	require.Equal(t, "error", found[0].Severity)
	require.Equal(t, storeIndex, found[0].File)
	r, err := w.repair()
	must(t, err)
	require.Positive(t, r.RaisedCounts)
	require.Empty(t, w.findings(true))
	w.mustBeExact("repaired")
}

// After a crash low counts are what the next writer puts right, no damage.
func TestLowCountsAfterACrashAreNoFinding(t *testing.T) {
	w := newStoreWorld(t)
	db := mustOpen(t, "/db", w.o)
	sn, err := db.Snapshot()
	must(t, err)
	w.ids = append(w.ids, sn.ID())
	w.want = append(w.want, scanPairs(t, sn.Scan(quiver.ScanOptions{})))
	must(t, db.Put([]byte("key 1"), []byte("frozen")))
	crashed := w.disk.State().Kill()
	must(t, db.Close())
	w.disk, w.o.FS = crashed, crashed
	_, low := countsBeside(t, crashed)
	require.NotEmpty(t, low)
	require.Empty(t, w.findings(true))
	must(t, mustOpen(t, "/db", w.o).Close())
	w.mustBeExact("recovered")
}

func TestRepairRestoresImages(t *testing.T) {
	w := newStoreWorld(t)
	w.change(storeFile, func(b []byte) {
		b[100] ^= 1
		b[3*(16+4096)+500] ^= 1
	})
	found := w.findings(false)
	require.Len(t, found, 2)
	for _, f := range found {
		require.Equal(t, "error", f.Severity)
		require.Equal(t, storeFile, f.File)
	}
	w.counts(2, 1)
	r, err := w.repair()
	must(t, err)
	require.Equal(t, 2, r.RestoredImages)
	require.Empty(t, w.findings(true))
	w.mustBeExact("repaired")
}

// A snapshot that has only the SnapStore left, and whose list of references is
// damaged: which images it needs nobody knows, so no count is lowered.
func TestRepairLowersNothingBesideDamage(t *testing.T) {
	w := newStoreWorld(t)
	w.counts(2, 2)
	w.change(storeIndex, func(b []byte) { binary.LittleEndian.PutUint32(b[24+16:], 0) })
	must(t, w.disk.RemoveFile(w.path(0, "freeze.bin")))
	w.change(w.path(0, "hashindex.bin"), func(b []byte) { b[24+8] ^= 1 })
	require.True(t, slices.ContainsFunc(w.check(mustOpenReadOnly, false), func(f quiver.Finding) bool {
		return f.Severity == "error" && f.File == w.path(0, "hashindex.bin") && f.Offset == 24
	}))
	before, _ := countsBeside(t, w.disk)
	r, err := w.repair()
	corruption(t, err)
	require.ErrorContains(t, err, w.path(0, "hashindex.bin")+": corrupt, offset 24")
	require.Zero(t, r.LoweredCounts)
	after, low := countsBeside(t, w.disk)
	require.Subset(t, after, before, "counts were lowered")
	require.LessOrEqual(t, len(low), 1, "only the damaged entry names an image that is not there")

	must(t, mustRemove(t, w, 0))
	_, err = w.repair()
	must(t, err)
	high, low := countsBeside(t, w.disk)
	require.Empty(t, append(high, low...))
}

func mustRemove(t *testing.T, w *storeWorld, snapshot int) error {
	db := mustOpen(t, "/db", w.o)
	err := db.RemoveSnapshot(w.ids[snapshot])
	must(t, db.Close())
	return err
}

// In a SnapStore outside the database the references of another one look like leaks.
func TestRepairOfASharedSnapStore(t *testing.T) {
	w := newStoreWorld(t)
	w.counts(1, 1)
	for _, name := range []string{"index.bin", "store.bin"} {
		b, err := w.disk.ReadFile("/db/.snapstore/" + name)
		must(t, err)
		must(t, w.disk.WriteFile("/outside/"+name, b))
		must(t, w.disk.RemoveFile("/db/.snapstore/"+name))
	}
	w.o.SnapStoreDir = "/outside"
	_, err := w.repair()
	require.ErrorIs(t, err, quiver.ErrInvalid)
	require.ErrorContains(t, err, "/outside")
	db := mustOpen(t, "/db", w.o)
	r, err := db.Repair(t.Context(), quiver.RepairOptions{SoleOwner: true})
	must(t, err)
	require.Positive(t, r.LoweredCounts)
	must(t, db.Close())
}

// A power cut at every call of a repair that has leaks to lower, counts to raise
// and images to restore: every snapshot is whole, no count is below what is
// needed, and a repair comes to the end.
func TestRepairCutByACrash(t *testing.T) {
	w := newStoreWorld(t)
	w.counts(2, 2)
	w.change(storeIndex, func(b []byte) { binary.LittleEndian.PutUint32(b[24+16:], 0) })
	w.change(storeFile, func(b []byte) { b[100] ^= 1 })
	must(t, w.disk.RemoveFile(w.path(1, "freeze.bin")))
	entries, err := format.DecodeStoreIndex(must2(w.disk.ReadFile(storeIndex)))
	must(t, err)
	damaged := entries[0].Hash
	if namedBy(t, w, 1)[damaged] {
		w.change(storeFile, func(b []byte) { b[100] ^= 1 }) // it is the only copy
	}
	db := mustOpen(t, "/db", w.o)
	judged := 0
	repair := func() error { _, err := db.Repair(t.Context(), quiver.RepairOptions{}); return err }
	eachCrash(t, w.disk, repair, func(d *faultfs.FS, done bool, at string) {
		c := *w
		c.disk, c.o.FS = d, d
		again := mustOpen(t, "/db", c.o)
		c.mustRead(again, at)
		must(t, again.Close())
		if _, low := countsBeside(t, d); done {
			require.Empty(t, low, at)
		}
		_, err := c.repair()
		require.NoError(t, err, at)
		c.mustBeExact(at)
		judged++
	})
	require.Greater(t, judged, 5)
	must(t, db.Close())
}

func must2(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// namedBy is the images that a snapshot names.
func namedBy(t *testing.T, w *storeWorld, snapshot int) map[uint64]bool {
	entries, err := format.DecodeFrozenEntries(must2(w.disk.ReadFile(w.path(snapshot, "hashindex.bin"))))
	must(t, err)
	named := map[uint64]bool{}
	for _, e := range entries {
		named[e.Where] = true
	}
	return named
}

// What is left of a snapshot that no registry names is told, and removed by the
// next writer.
func TestCheckTellsOfLeftOverFolders(t *testing.T) {
	w := newStoreWorld(t)
	must(t, w.disk.WriteFile("/db/.snapshots/1-2-3/freeze.bin", nil))
	found := w.check(mustOpenReadOnly, true)
	require.Len(t, found, 1)
	require.Contains(t, found[0].Message, "1-2-3")
	must(t, mustOpen(t, "/db", w.o).Close())
	require.Empty(t, w.findings(true))
}

// A folder of a persisted snapshot that no registry names stays until somebody
// repairs: the registry may have been lost. Nothing else is removed.
func TestRepairRemovesFoldersWithoutARegistry(t *testing.T) {
	w := newStoreWorld(t)
	must(t, w.disk.Remove("/db/.snapshots/registry.json"))
	db := mustOpen(t, "/db", w.o)
	temporary := w.o
	temporary.SnapPersist = false
	r, err := db.Repair(t.Context(), quiver.RepairOptions{})
	must(t, err)
	require.Equal(t, len(w.ids), r.RemovedFolders)
	infos, err := w.disk.ReadDir("/db/.snapshots")
	must(t, err)
	require.Empty(t, infos)
	mustCheck(t, db, true)
	must(t, db.Close())

	db = mustOpen(t, "/db", temporary)
	sn, err := db.Snapshot()
	must(t, err)
	must(t, db.Put([]byte("key 1"), []byte("newer")))
	r, err = db.Repair(t.Context(), quiver.RepairOptions{})
	must(t, err)
	require.Zero(t, r.RemovedFolders)
	_, _, err = sn.Get([]byte("key 1"))
	must(t, err)
	must(t, sn.Close())
	must(t, db.Close())
}
