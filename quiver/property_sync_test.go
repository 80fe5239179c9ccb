package quiver_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

const kindSync = faultfs.KindSync | faultfs.KindSyncData

// syncs are the calls that make something durable.
type syncs struct{ Log, Segments, Rest int }

func countSyncs(f *faultfs.FS) syncs {
	s := syncs{Log: f.Count(kindSync, faultfs.ClassWAL), Segments: f.Count(kindSync, faultfs.ClassSeg)}
	s.Rest = f.Count(faultfs.KindFsync, 0) - s.Log - s.Segments
	return s
}

// during are the syncs that a call made.
func during(f *faultfs.FS, call func()) syncs {
	before := countSyncs(f)
	call()
	after := countSyncs(f)
	return syncs{after.Log - before.Log, after.Segments - before.Segments, after.Rest - before.Rest}
}

// keysOfBuckets gives a key for each bucket.
func keysOfBuckets(buckets int) [][]byte {
	keys := make([][]byte, buckets)
	for i, missing := 0, buckets; missing > 0; i++ {
		key := fmt.Appendf(nil, "key %d", i)
		if b := format.Bucket(format.Hash64(key), uint32(buckets)); keys[b] == nil {
			keys[b] = key
			missing--
		}
	}
	return keys
}

// warm opens a database in which nothing is made for the first time any more:
// every bucket has a head, the session has begun, the log is preallocated.
func warm(t *testing.T, disk *faultfs.FS, noDataFsync bool, keys [][]byte, value []byte) *quiver.DB {
	db := openFresh(t, quiver.Options{FS: disk, NoDataFsync: noDataFsync, Inline: true, LogChunkBytes: 1 << 20, ReservePages: 64}, dbDir, len(keys))
	for _, key := range keys {
		require.NoError(t, db.Put(key, value))
	}
	return db
}

// TestSyncsOfAWrite: a write costs one sync of the log, however many buckets it
// changes, and with data fsync one of each segment besides.
func TestSyncsOfAWrite(t *testing.T) {
	for _, c := range []struct {
		name        string
		noDataFsync bool
		want        syncs
	}{
		{"log only", true, syncs{Log: 1}},
		{"with data fsync", false, syncs{Log: 1, Segments: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := faultfs.New(faultfs.Options{NoReads: true})
			keys := keysOfBuckets(10)
			db := warm(t, disk, c.noDataFsync, keys, []byte("old"))
			b := &quiver.Batch{}
			for _, key := range keys {
				b.Put(key, []byte("new"))
			}
			for name, call := range map[string]func() error{
				"Put":               func() error { return db.Put(keys[0], []byte("new")) },
				"Put of a new key":  func() error { return db.Put([]byte("another"), nil) },
				"Put of a long one": func() error { return db.Put([]byte("long"), make([]byte, 20000)) },
				"Write":             func() error { return db.Write(b) },
				"Update": func() error {
					return db.Update(keys[1], func([]byte, bool) ([]byte, error) { return []byte("x"), nil })
				},
				"Delete":       func() error { _, err := db.Delete(keys[2]); return err },
				"DeletePrefix": func() error { _, err := db.DeletePrefix(keys[3]); return err },
			} {
				assert.Equal(t, c.want, during(disk, func() { require.NoError(t, call()) }), name)
			}
			assert.Equal(t, syncs{}, during(disk, func() {
				_, _, err := db.Get(keys[5])
				require.NoError(t, err)
				_, err = db.ScanAll()
				require.NoError(t, err)
				require.NoError(t, db.WriteNoSync(b))
			}), "reads, and a batch without a sync")
			assert.Equal(t, c.want, during(disk, func() { require.NoError(t, db.Sync()) }), "Sync")
			assert.Equal(t, syncs{}, during(disk, func() { require.NoError(t, db.Sync()) }), "Sync of nothing")
			require.NoError(t, db.Close())
		})
	}
}

// A segment is 32 MiB: a batch over two of them syncs both, once each.
func TestSyncsOfAWriteOverTwoSegments(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	keys := keysOfBuckets(2)
	db := warm(t, disk, false, keys, make([]byte, 1000))
	require.NoError(t, db.Put([]byte("long"), make([]byte, format.SegmentBytes)))
	last := func(i int) []byte { return fmt.Appendf(nil, "grows into the second segment %d", i) }
	for i := range 12 {
		require.NoError(t, db.Put(last(i), make([]byte, 1000)))
	}
	s, err := db.Stats()
	require.NoError(t, err)
	require.Equal(t, 2, s.Segments)
	b := &quiver.Batch{}
	b.Put(keys[0], nil)
	b.Put(keys[1], nil)
	b.Put(last(10), nil)
	b.Put(last(11), nil)
	got := during(disk, func() { require.NoError(t, db.Write(b)) })
	assert.Equal(t, syncs{Log: 1, Segments: 2}, got)
	require.NoError(t, db.Close())
}

// slowSyncs is a disk whose syncs of the log take about a millisecond.
func slowSyncs() *faultfs.FS {
	return faultfs.New(faultfs.Options{NoReads: true, Before: func(c faultfs.Call) {
		if c.Kind&kindSync != 0 && faultfs.ClassOf(c.Path) == faultfs.ClassWAL {
			time.Sleep(time.Millisecond)
		}
	}})
}

// TestWritersShareSyncs: of many writers all who come while a sync is under way
// share the next one.
func TestWritersShareSyncs(t *testing.T) {
	const puts = 10
	for _, noDataFsync := range []bool{true, false} {
		disk := slowSyncs()
		keys := keysOfBuckets(16)
		db := warm(t, disk, noDataFsync, keys, []byte("old"))
		got := during(disk, func() {
			var wg sync.WaitGroup
			for w := range manyWriters {
				wg.Go(func() {
					for i := range puts {
						assert.NoError(t, db.Put(fmt.Appendf(nil, "%d/%d", w, i), []byte("value")))
					}
				})
			}
			wg.Wait()
		})
		t.Logf("%d puts of %d goroutines, NoDataFsync %t: %+v", puts*manyWriters, manyWriters, noDataFsync, got)
		assert.Less(t, got.Log, puts*manyWriters/8)
		require.NoError(t, db.Close())
	}
}

// TestReadersDoNotWaitForSyncs: while a sync of the log hangs, reads return, and
// show what was there before.
func TestReadersDoNotWaitForSyncs(t *testing.T) {
	var hang atomic.Bool
	entered, release := make(chan struct{}), make(chan struct{})
	disk := faultfs.New(faultfs.Options{NoReads: true, Before: func(c faultfs.Call) {
		if c.Kind&kindSync != 0 && faultfs.ClassOf(c.Path) == faultfs.ClassWAL && hang.CompareAndSwap(true, false) {
			close(entered)
			<-release
		}
	}})
	keys := keysOfBuckets(4)
	db := warm(t, disk, true, keys, []byte("old"))
	b := &quiver.Batch{}
	for _, key := range keys {
		b.Put(key, []byte("new"))
	}
	hang.Store(true)
	written := make(chan error, 2)
	go func() { written <- db.Write(b) }()
	<-entered
	// This one waits for the next sync, on top of what is not durable yet.
	go func() { written <- db.Put([]byte("a new key"), []byte("new")) }()

	read := make(chan struct{})
	go func() {
		defer close(read)
		for _, key := range keys {
			value, found, err := db.Get(key)
			assert.NoError(t, err)
			assert.True(t, found)
			assert.Equal(t, "old", string(value))
		}
		found, err := db.Has([]byte("a new key"))
		assert.NoError(t, err)
		assert.False(t, found)
		content, err := scanAll(db, quiver.ScanOptions{Sorted: true})
		assert.NoError(t, err)
		assert.Len(t, content, len(keys))
		for _, value := range content {
			assert.Equal(t, "old", value)
		}
		assert.NotZero(t, db.LastLSN())
	}()
	select {
	case <-read:
	case <-time.After(20 * time.Second):
		t.Error("a reader waits for a sync of the log")
	}
	close(release)
	<-read
	require.NoError(t, <-written)
	require.NoError(t, <-written)
	value, _, err := db.Get(keys[0])
	require.NoError(t, err)
	require.Equal(t, "new", string(value))
	require.NoError(t, db.Close())
}

// countingClock counts how often somebody wants to wait.
type countingClock struct {
	vfs.Clock
	sleeps atomic.Int64
}

func (c *countingClock) Sleep(d time.Duration) {
	c.sleeps.Add(1)
	c.Clock.Sleep(d)
}

// TestLoneWriterDoesNotWait for company that does not come.
func TestLoneWriterDoesNotWait(t *testing.T) {
	clock := &countingClock{Clock: vfs.SystemClock()}
	db := openFresh(t, quiver.Options{FS: vfs.NewMem(), Clock: clock, WALCoalesce: time.Hour}, dbDir, 4)
	for i := range 200 {
		require.NoError(t, db.Put(fmt.Appendf(nil, "%d", i), []byte("value")))
	}
	require.Zero(t, clock.sleeps.Load())
	require.NoError(t, db.Close())
}
