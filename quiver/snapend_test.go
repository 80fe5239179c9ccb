package quiver_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// endWorld is a database with a persisted snapshot that is about to be ended.
type endWorld struct {
	t       *testing.T
	disk    *faultfs.FS
	o       quiver.Options
	db      *quiver.DB
	id      string
	old     snapPairs // what the snapshot has
	now     pairs
	remove  bool
	adopted bool // the snapshot is of an earlier session
}

func newEndWorld(t *testing.T, disk *faultfs.FS, remove, adopted bool) *endWorld {
	w := &endWorld{t: t, disk: disk, old: snapPairs{}, now: pairs{}, remove: remove, adopted: adopted}
	w.o = quiver.Options{FS: disk, Inline: true, SnapPersist: true, LockWait: -1, Clock: newHandClock()}
	w.db = openFresh(t, w.o, "/db", 2)
	for bucket := range uint32(2) {
		w.put(inBucket(bucket, 2, "key", 0), "old")
		w.put(inBucket(bucket, 2, "long", 0), blob("old", 9000))
	}
	for k, v := range w.now {
		w.old[k] = v
	}
	sn, err := w.db.Snapshot()
	must(t, err)
	w.id = sn.ID()
	w.put(inBucket(0, 2, "key", 0), "new") // there is something frozen
	must(t, w.db.Checkpoint())             // and nothing old in the log
	if adopted {
		must(t, w.db.Close())
		w.db = mustOpen(t, "/db", w.o)
	}
	return w
}

func (w *endWorld) put(key, value string) { mustPut(w.t, w.db, w.now, key, value) }

// overwrite replaces everything that the snapshot has.
func (w *endWorld) overwrite() error {
	var b quiver.Batch
	for key := range w.old {
		b.Put([]byte(key), []byte("overwritten"))
		w.now[key] = "overwritten"
	}
	return w.db.Write(&b)
}

func (w *endWorld) end() error {
	if w.remove {
		return w.db.RemoveSnapshot(w.id)
	}
	return w.db.EndSnapshot(w.id)
}

// live reports whether a handle says that the snapshot has not ended.
func (w *endWorld) live(db *quiver.DB) bool {
	infos, err := db.Snapshots()
	must(w.t, err)
	return slices.ContainsFunc(infos, func(in quiver.SnapshotInfo) bool { return in.ID == w.id && !in.Ended })
}

func (w *endWorld) mustBeWhole(db *quiver.DB, when string) {
	w.t.Helper()
	sn, err := db.OpenSnapshot(w.id)
	must(w.t, err)
	got := snapPairs{}
	for item, err := range sn.Scan(quiver.ScanOptions{}) {
		require.NoError(w.t, err, when)
		got[string(item.Key)] = string(item.Value)
	}
	require.Equal(w.t, w.old, got, when)
	must(w.t, sn.Close())
}

// judgeCrash opens what a crash has left: a snapshot that is said to be live is
// whole, also after more writes.
func (w *endWorld) judgeCrash(disk *faultfs.FS, when string) {
	w.t.Helper()
	o := w.o
	o.FS = disk
	db := mustOpen(w.t, "/db", o)
	if w.live(db) {
		w.mustBeWhole(db, when)
	}
	must(w.t, db.Close())
}

// whileEnding runs a test for each way to end a snapshot, and tells which of the
// calls to try. The race detector, for which this is slow, has little to find here.
func whileEnding(t *testing.T, test func(t *testing.T, remove, adopted bool, step int)) {
	step := 1
	if raceDetector {
		step = 3
	}
	for _, remove := range []bool{false, true} {
		for _, adopted := range []bool{false, true} {
			t.Run(fmt.Sprintf("remove %t, adopted %t", remove, adopted), func(t *testing.T) { test(t, remove, adopted, step) })
		}
	}
}

// Each call of EndSnapshot and RemoveSnapshot fails once. As long as the registry
// lists the snapshot as live, in memory or after a crash, it is one: readable,
// protected, and to be ended by the next try. No file stays open.
func TestFailedEndTakesNothingOfASnapshot(t *testing.T) {
	whileEnding(t, func(t *testing.T, remove, adopted bool, step int) {
		for _, fault := range []faultfs.Fault{
			{Errno: syscall.ENOSPC}, {Errno: syscall.EIO, Effect: faultfs.EffectDone},
			{Kind: faultfs.KindFsync, Effect: faultfs.EffectF1},
		} {
			for n := 1; ; n += step {
				fault.Class, fault.N = faultfs.ClassSnap, n
				if !failedEnd(newEndWorld(t, faultfs.New(faultfs.Options{NoReads: true}), remove, adopted), fault) {
					require.Greater(t, n, 2, "%v: too few calls", &fault)
					break
				}
			}
		}
	})
}

// failedEnd reports whether the fault has struck.
func failedEnd(w *endWorld, fault faultfs.Fault) bool {
	t, when := w.t, fmt.Sprint(&fault)
	w.disk.Inject(faultfs.Plan{fault})
	endErr := w.end()
	struck := w.disk.Fired()[0] > 0
	w.disk.Inject(nil)
	live := w.live(w.db)
	require.False(t, live && endErr == nil, when)
	if !struck {
		must(t, endErr)
		require.False(t, live)
	}
	if err := w.overwrite(); err != nil {
		require.ErrorIs(t, err, quiver.ErrPoisoned, when)
	}
	if live {
		w.mustBeWhole(w.db, when)
	}
	w.judgeCrash(w.disk.State().Crash(faultfs.None()), when+", power cut")
	if live && w.db.Writable() == nil {
		must(t, w.end())
		require.False(t, w.live(w.db))
	}
	if err := w.db.Close(); err != nil {
		require.ErrorIs(t, err, quiver.ErrPoisoned, when)
	}
	require.Zero(t, w.disk.Handles()+w.disk.Locks(), "%s: files or locks stay open", when)

	db := mustOpen(t, "/db", w.o)
	mustHold(t, db, w.now)
	if err := db.EndSnapshot(w.id); !errors.Is(err, quiver.ErrNoSnapshot) {
		must(t, err)
		must(t, db.RemoveSnapshot(w.id))
	}
	must(t, db.Close())
	for _, name := range w.disk.List() {
		require.NotContains(t, name, w.id, when)
	}
	return struck
}

// Somebody overwrites everything at each moment of EndSnapshot or RemoveSnapshot,
// and a crash comes at each moment after that: what is listed as live is whole.
func TestSnapshotIsWholeUntilItsEndIsDurable(t *testing.T) {
	whileEnding(t, func(t *testing.T, remove, adopted bool, step int) {
		seen := map[faultfs.Digest]bool{}
		points := 0
		for n := 1; crashWhileEnding(t, remove, adopted, int64(n), seen); n += step {
			points++
		}
		require.Greater(t, points*step, 4)
		require.Greater(t, len(seen)*step, 20)
	})
}

// crashWhileEnding overwrites before the n-th call, and reports whether there
// was one.
func crashWhileEnding(t *testing.T, remove, adopted bool, n int64, seen map[faultfs.Digest]bool) bool {
	var w *endWorld
	var left atomic.Int64
	disk := faultfs.New(faultfs.Options{NoReads: true, Before: func(c faultfs.Call) {
		if strings.Contains(c.Path, "/.snapshots") && left.Add(-1) == 0 {
			done := make(chan error)
			go func() { done <- w.overwrite() }()
			require.NoError(t, <-done)
		}
	}})
	w = newEndWorld(t, disk, remove, adopted)
	disk.ResetLog()
	left.Store(n)
	must(t, w.end())
	happened := left.Load() <= 0
	left.Store(0)
	log := disk.Log()
	must(t, w.db.Close())
	if !happened {
		return false
	}
	for state := range log.Points() {
		for image := range state.Images(faultfs.Enum{MaxSubset: -1, NoTears: true, NoSingles: true, NoPrefixes: true}) {
			if !seen[image.Digest] {
				seen[image.Digest] = true
				w.judgeCrash(image.FS(), fmt.Sprintf("overwritten before call %d, crash after call %d, %v", n, state.From, image.Sel))
			}
		}
	}
	return true
}
