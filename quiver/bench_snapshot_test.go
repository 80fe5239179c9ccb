package quiver_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// reportMedian adds the median of what the calls took: the disk makes means of
// few calls meaningless.
func reportMedian(b *testing.B, took []time.Duration, unit string) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), unit)
	b.ReportMetric(float64(took[0].Nanoseconds()), "min-ns")
}

// BenchmarkSnapshotBegin must not grow with the database.
func BenchmarkSnapshotBegin(b *testing.B) {
	for _, keys := range []int{1000, 1000000} {
		for _, persist := range []bool{false, true} {
			db, _ := benchDB(b, 1024, keys, quiver.Options{NoDataFsync: true, SnapPersist: persist})
			name := fmt.Sprintf("keys=%d", keys)
			if persist {
				name += "/persist"
			}
			b.Run(name, func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					begun := time.Now()
					sn, err := db.Snapshot()
					took = append(took, time.Since(begun))
					if err != nil {
						b.Fatal(err)
					}
					endSnapshot(b, db, sn, persist)
				}
				reportMedian(b, took, "median-begin-ns")
			})
			closeDB(b, db)
		}
	}
}

func endSnapshot(b *testing.B, db *quiver.DB, sn *quiver.Snapshot, persist bool) {
	b.Helper()
	err := sn.Close()
	if err == nil && persist {
		err = db.RemoveSnapshot(sn.ID())
	}
	if err != nil {
		b.Fatal(err)
	}
}

// onePageBuckets is so many that each bucket has one page, and a put into
// another bucket is a put into another page.
const onePageBuckets = 4096

// keyOfBucket gives for each bucket a key that load has put into it.
func keyOfBucket(keys int) [][]byte {
	list := make([][]byte, onePageBuckets)
	for i := range keys {
		key := benchKey(make([]byte, 16), i)
		list[format.Bucket(format.Hash64(key), onePageBuckets)] = key
	}
	return list
}

// BenchmarkPutWithSnapshots is a put with a sync, and a batch of 100 without one,
// beside snapshots: into pages that each of them has to freeze first, and into
// pages that they have.
func BenchmarkPutWithSnapshots(b *testing.B) {
	const keys = 16 * onePageBuckets
	perBucket := keyOfBucket(keys)
	for _, n := range []int{0, 1, 4} {
		for _, touch := range []string{"first", "after"} {
			if n == 0 && touch == "first" {
				continue
			}
			for _, ops := range []int{1, 100} {
				name := fmt.Sprintf("n=%d/touch=%s/batch=%d", n, touch, ops)
				b.Run(name, func(b *testing.B) {
					db, _ := benchDB(b, onePageBuckets, keys, quiver.Options{NoDataFsync: true})
					defer closeDB(b, db)
					w := &beside{db: db, n: n, perBucket: perBucket, ops: ops, again: touch == "first"}
					w.run(b)
				})
			}
		}
	}
}

// beside puts beside snapshots.
type beside struct {
	db        *quiver.DB
	n         int
	perBucket [][]byte
	ops       int
	again     bool // begin the snapshots again when all pages have been touched
	sns       []*quiver.Snapshot
	at        int
}

func (w *beside) begin(b *testing.B) {
	b.Helper()
	for _, sn := range w.sns {
		endSnapshot(b, w.db, sn, false)
	}
	w.sns = w.sns[:0]
	for range w.n {
		sn, err := w.db.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		w.sns = append(w.sns, sn)
	}
}

func (w *beside) put(b *testing.B, value []byte) {
	var batch quiver.Batch
	for range w.ops {
		if key := w.perBucket[w.at%len(w.perBucket)]; key != nil {
			batch.Put(key, value)
		}
		w.at++
	}
	err := w.db.Write(&batch)
	if err != nil {
		b.Fatal(err)
	}
}

func (w *beside) run(b *testing.B) {
	value := make([]byte, benchValueLen)
	w.begin(b)
	for w.at < len(w.perBucket) {
		w.put(b, value)
	}
	if w.again {
		w.begin(b)
	}
	w.at = 0
	var took []time.Duration
	for b.Loop() {
		if w.again && w.at >= len(w.perBucket) {
			b.StopTimer()
			w.begin(b)
			w.at = 0
			b.StartTimer()
		}
		begun := time.Now()
		w.put(b, value)
		took = append(took, time.Since(begun))
	}
	b.StopTimer()
	reportMedian(b, took, "median-ns")
	w.n = 0
	w.begin(b)
}

// BenchmarkSnapshotGet reads through a snapshot what has not changed, and what
// has been frozen, beside a get from the database.
func BenchmarkSnapshotGet(b *testing.B) {
	const keys = 100000
	db, _ := benchDB(b, 1024, keys, quiver.Options{NoDataFsync: true, PageCachePages: 1 << 15})
	defer closeDB(b, db)
	sn, err := db.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	get := func(name string, from func([]byte) ([]byte, bool, error)) {
		b.Run(name, func(b *testing.B) {
			key, i := make([]byte, 16), 0
			b.ReportAllocs()
			for b.Loop() {
				i = (i + 7919) % keys
				if _, found, err := from(benchKey(key, i)); err != nil || !found {
					b.Fatal(found, err)
				}
			}
		})
	}
	get("live", db.Get)
	get("snapshot/unchanged", sn.Get)
	load(b, db, 0, keys)
	get("snapshot/frozen", sn.Get)
	endSnapshot(b, db, sn, false)
}
