package quiver_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// benchKey is 16 bytes, in no order of insertion.
func benchKey(dst []byte, i int) []byte {
	x := uint64(i) * 0x9E3779B97F4A7C15
	x ^= x >> 29
	binary.BigEndian.PutUint64(dst, x*0xBF58476D1CE4E5B9)
	binary.BigEndian.PutUint64(dst[8:], uint64(i))
	return dst
}

const benchValueLen = 100

func benchDB(b *testing.B, buckets, keys int, o quiver.Options) (*quiver.DB, string) {
	b.Helper()
	dir := b.TempDir()
	if err := quiver.Init(dir, quiver.InitOptions{Buckets: buckets}); err != nil {
		b.Fatal(err)
	}
	db, err := quiver.Open(dir, &o)
	if err != nil {
		b.Fatal(err)
	}
	load(b, db, 0, keys)
	return db, dir
}

func load(b *testing.B, db *quiver.DB, from, to int) {
	b.Helper()
	var batch quiver.Batch
	key, value := make([]byte, 16), make([]byte, benchValueLen)
	for i := from; i < to; {
		batch.Reset()
		for range min(1000, to-i) {
			binary.LittleEndian.PutUint64(value, uint64(i))
			batch.Put(benchKey(key, i), value)
			i++
		}
		if err := db.WriteNoSync(&batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Sync(); err != nil {
		b.Fatal(err)
	}
}

func closeDB(b *testing.B, db *quiver.DB) {
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

var fsyncModes = []bool{true, false}

func modeName(dataFsync bool) string {
	if dataFsync {
		return "data_fsync=on"
	}
	return "data_fsync=off"
}

func BenchmarkPutDurable(b *testing.B) {
	for _, dataFsync := range fsyncModes {
		for _, workers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", modeName(dataFsync), workers), func(b *testing.B) {
				db, _ := benchDB(b, 128, 10000, quiver.Options{NoDataFsync: !dataFsync})
				defer closeDB(b, db)
				value := make([]byte, benchValueLen)
				var next atomic.Int64
				b.SetParallelism((workers + 1) / 2)
				b.ReportAllocs()
				b.ResetTimer()
				put := func() {
					key := make([]byte, 16)
					if err := db.Put(benchKey(key, int(next.Add(1))), value); err != nil {
						b.Error(err)
					}
				}
				if workers == 1 {
					for range b.N {
						put()
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						put()
					}
				})
			})
		}
	}
}

func BenchmarkBatch1000(b *testing.B) {
	for _, dataFsync := range fsyncModes {
		b.Run(modeName(dataFsync), func(b *testing.B) {
			db, _ := benchDB(b, 128, 10000, quiver.Options{NoDataFsync: !dataFsync})
			defer closeDB(b, db)
			var batch quiver.Batch
			key, value := make([]byte, 16), make([]byte, benchValueLen)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				for range 1000 {
					batch.Put(benchKey(key, n%100000), value)
					n++
				}
				if err := db.Write(&batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/pair")
		})
	}
}

// BenchmarkLoad is a million pairs in batches without sync, synced at the end.
func BenchmarkLoad(b *testing.B) {
	const keys = 300000
	for b.Loop() {
		db, _ := benchDB(b, 1024, keys, quiver.Options{NoDataFsync: true})
		closeDB(b, db)
	}
	b.ReportMetric(float64(keys*b.N)/b.Elapsed().Seconds(), "pairs/s")
}

func BenchmarkGet(b *testing.B) {
	for _, keys := range []int{10000, 1000000} {
		db, _ := benchDB(b, 1024, keys, quiver.Options{NoDataFsync: true, PageCachePages: 1 << 17})
		key := make([]byte, 16)
		get := func(b *testing.B, from int) {
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i = (i + 7919) % keys
				if _, found, err := db.Get(benchKey(key, from+i)); err != nil || found != (from == 0) {
					b.Fatal(found, err)
				}
			}
		}
		b.Run(fmt.Sprintf("hit/keys=%d", keys), func(b *testing.B) { get(b, 0) })
		b.Run(fmt.Sprintf("miss/keys=%d", keys), func(b *testing.B) { get(b, keys) })
		closeDB(b, db)
	}
}

func BenchmarkScan(b *testing.B) {
	const keys = 100000
	db, _ := benchDB(b, 1024, keys, quiver.Options{NoDataFsync: true})
	defer closeDB(b, db)
	for _, noCopy := range []bool{false, true} {
		b.Run(fmt.Sprintf("nocopy=%t", noCopy), func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for _, err := range db.Scan(quiver.ScanOptions{NoCopy: noCopy}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/pair")
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	db, dir := benchDB(b, 1024, 100000, quiver.Options{NoDataFsync: true})
	closeDB(b, db)
	for b.Loop() {
		db, err := quiver.Open(dir, &quiver.Options{})
		if err != nil {
			b.Fatal(err)
		}
		closeDB(b, db)
	}
}

// BenchmarkRecovery is an open after a kill with a log of some ten thousand puts.
func BenchmarkRecovery(b *testing.B) {
	for _, bytes := range []int64{1 << 20, quiver.DefaultLogBytes} {
		b.Run(fmt.Sprintf("log=%dKiB", bytes>>10), func(b *testing.B) {
			db, dir := benchDB(b, 128, 20000, quiver.Options{NoDataFsync: true, LogBytes: bytes, Inline: true})
			image := copyTree(b, dir)
			closeDB(b, db)
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				crashed := copyTree(b, image)
				b.StartTimer()
				db, err := quiver.Open(crashed, &quiver.Options{NoRecount: true})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				b.ReportMetric(float64(db.Recovery().LogBytes)/1024, "log-KiB")
				closeDB(b, db)
				b.StartTimer()
			}
		})
	}
}

func copyTree(b *testing.B, from string) string {
	b.Helper()
	to := b.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		b.Fatal(err)
	}
	return to
}
