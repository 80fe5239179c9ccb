package quiver_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// loadWriter overwrites keys of its own in batches, all of one batch with the
// same number, some of them with large values, some deleted by every third.
type loadWriter struct {
	id           int
	keys         int
	begun, acked atomic.Uint64
}

func (w *loadWriter) key(i int) string { return fmt.Sprintf("w%d key %d", w.id, i) }

func (w *loadWriter) write(db *quiver.DB, n uint64) error {
	var b quiver.Batch
	rng := rand.New(rand.NewPCG(n, uint64(w.id)))
	for i := range w.keys {
		switch {
		case i%3 == int(n%3) && i > 0:
			b.Delete([]byte(w.key(i)))
		default:
			value := make([]byte, 8+rng.IntN(2)*rng.IntN(200)+rng.IntN(30)/29*6000)
			binary.BigEndian.PutUint64(value, n)
			b.Put([]byte(w.key(i)), value)
		}
	}
	w.begun.Store(n)
	err := db.Write(&b)
	w.acked.Store(n)
	return err
}

// judge holds a state against what the writer did: the whole of one batch, not
// before the last that was acknowledged, not after the last that had begun.
func (w *loadWriter) judge(t *testing.T, got pairs, low, high uint64) {
	t.Helper()
	first, ok := got[w.key(0)]
	if !ok {
		require.Zero(t, low, "writer %d: nothing is there", w.id)
		return
	}
	n := binary.BigEndian.Uint64([]byte(first))
	require.True(t, low <= n && n <= high, "writer %d: batch %d, want %d to %d", w.id, n, low, high)
	for i := range w.keys {
		value, ok := got[w.key(i)]
		require.Equal(t, !(i%3 == int(n%3) && i > 0), ok, "writer %d, batch %d, key %d", w.id, n, i)
		if ok {
			require.Equal(t, n, binary.BigEndian.Uint64([]byte(value)), "writer %d, key %d", w.id, i)
		}
	}
}

// Snapshots are read again and again, and backups made and restored, while
// eight writers overwrite and delete: each shows one moment.
func TestBackupsAndSnapshotsUnderLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	must(t, quiver.Init(path, quiver.InitOptions{Buckets: 32}))
	db := mustOpen(t, path, quiver.Options{NoDataFsync: true, LogBytes: 1 << 20, PageCachePages: 64, ReservePages: 8})
	writers := make([]*loadWriter, 8)
	var stop atomic.Bool
	var busy sync.WaitGroup
	for id := range writers {
		w := &loadWriter{id: id, keys: 60}
		writers[id] = w
		busy.Go(func() {
			for n := uint64(1); !stop.Load(); n++ {
				if err := w.write(db, n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	bounds := func(of func(w *loadWriter) uint64) (list [8]uint64) {
		for i, w := range writers {
			list[i] = of(w)
		}
		return list
	}
	acked := func(w *loadWriter) uint64 { return w.acked.Load() }
	begun := func(w *loadWriter) uint64 { return w.begun.Load() }
	var since *uint64
	for round := range rounds(8) {
		low := bounds(acked)
		sn, err := db.Snapshot()
		must(t, err)
		high := bounds(begun)
		low2 := bounds(acked)
		name := filepath.Join(dir, fmt.Sprint("backup ", round))
		info, err := db.Backup(t.Context(), name, quiver.BackupOptions{Since: since})
		must(t, err)
		high2 := bounds(begun)
		since = &info.LSN
		_, err = quiver.Restore(t.Context(), filepath.Join(dir, "copy"), name, quiver.RestoreOptions{Verify: true})
		must(t, err)
		copied := mustOpen(t, filepath.Join(dir, "copy"), quiver.Options{})
		restored, err := contents(copied)
		must(t, err)
		must(t, copied.Close())
		for range 2 {
			shown := pairs(scanPairs(t, sn.Scan(quiver.ScanOptions{})))
			for i, w := range writers {
				w.judge(t, shown, low[i], high[i])
				w.judge(t, restored, low2[i], high2[i])
			}
		}
		must(t, sn.Close())
	}
	stop.Store(true)
	busy.Wait()
	mustCheck(t, db, false)
	must(t, db.Close())
}
