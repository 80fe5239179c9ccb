package wal

import (
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// BenchmarkAppend is the cost of a group on a disk in memory, where a sync costs
// nothing: checksums and copies.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("pages=%d", n), func(b *testing.B) {
			l := openLog(b, vfs.NewMem(), LogOptions{})
			must(b, l.Reserve(2000))
			g := entries(1, n)
			b.SetBytes(int64(n) * pageSize)
			b.ReportAllocs()
			for b.Loop() {
				if l.Used()+n > l.Capacity() {
					l.Reset()
				}
				must(b, l.Append(g))
				must(b, l.Sync())
				for i := range g {
					g[i].LSN += uint64(n)
				}
			}
		})
	}
}

// BenchmarkScan is the cost of looking into a log of 32 MiB.
func BenchmarkScan(b *testing.B) {
	fsys := vfs.NewMem()
	l := openLog(b, fsys, LogOptions{})
	for lsn := uint64(1); lsn < 8000; lsn += 8 {
		commit(b, l, lsn, 8)
	}
	b.SetBytes(l.Size())
	b.ReportAllocs()
	for b.Loop() {
		_, err := Scan(l.File(), ScanOptions{PageSize: pageSize})
		must(b, err)
	}
}
