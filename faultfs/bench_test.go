package faultfs_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// smallDatabase runs what a small database of 256 KiB does for n commits:
// three page images into the log, a sync, the pages into their segment, a
// sync; now and then a new meta and an empty log.
func smallDatabase(tb testing.TB, o faultfs.Options, n int) *faultfs.FS {
	f := faultfs.New(o)
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(f.WriteFile("/db/meta", make([]byte, 41)))
	must(f.WriteFile("/db/dir", bytes.Repeat([]byte("dir"), 400)))
	must(f.WriteFile("/db/free", make([]byte, 24)))
	must(f.WriteFile("/db/wal-000001.log", make([]byte, 64<<10)))
	must(f.WriteFile("/db/data-000001.p1seg", bytes.Repeat([]byte("page"), 64<<10)))
	f.ResetLog()
	wal, err := f.OpenFile("/db/wal-000001.log", vfs.Write)
	must(err)
	seg, err := f.OpenFile("/db/data-000001.p1seg", vfs.Write)
	must(err)
	off := int64(16)
	for i := range n {
		for j := range 3 {
			rec := bytes.Repeat([]byte{byte(i), byte(j + 1)}, 2062)
			_, err := wal.WriteAt(rec, off)
			must(err)
			off += int64(len(rec))
		}
		must(wal.SyncData())
		for j := range 3 {
			_, err := seg.WriteAt(bytes.Repeat([]byte{byte(i), byte(j + 1)}, 2048), int64((i*7+j*5)%64)*4096)
			must(err)
		}
		must(seg.SyncData())
		if i%4 == 3 {
			must(vfs.ReplaceFile(f, "/db/meta", bytes.Repeat([]byte{byte(i)}, 41)))
			must(wal.Truncate(16))
			must(wal.Sync())
			off = 16
		}
	}
	return f
}

func BenchmarkImages(b *testing.B) {
	for _, sector := range []int{4096, 512} {
		b.Run(fmt.Sprintf("sector %d", sector), func(b *testing.B) {
			log := smallDatabase(b, faultfs.Options{Sector: sector}, 16).Log()
			images, states := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				for s := range log.Points() {
					states++
					for im := range s.Images(faultfs.Enum{}) {
						im.FS()
						images++
					}
				}
			}
			b.ReportMetric(float64(images)/b.Elapsed().Seconds(), "images/s")
			b.ReportMetric(float64(images)/float64(states), "images/state")
		})
	}
}

// BenchmarkSubsets enumerates a state with twelve units in four files and the
// directory, without opening any image.
func BenchmarkSubsets(b *testing.B) {
	f := smallDatabase(b, faultfs.Options{}, 4)
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for i, name := range []string{"/db/dir", "/db/free", "/db/wal-000001.log", "/db/data-000001.p1seg"} {
		h, err := f.OpenFile(name, vfs.Write)
		must(err)
		for k := range []int{1, 1, 2, 4}[i] {
			_, err = h.WriteAt(bytes.Repeat([]byte{byte(i + 1)}, 500), int64(k*700))
			must(err)
		}
	}
	must(vfs.ReplaceFile(f, "/db/other", nil))
	must(f.Rename("/db/other", "/db/meta"))
	s := f.State()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for range s.Images(faultfs.Enum{MaxSubset: 12}) {
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "images/s")
	b.ReportMetric(float64(n)/float64(b.N), "images")
}

func BenchmarkWriteSync(b *testing.B) {
	for range b.N {
		smallDatabase(b, faultfs.Options{}, 16)
	}
}

func BenchmarkImagesUnderLaws(b *testing.B) {
	log := smallDatabase(b, faultfs.Options{}, 16).Log()
	for _, law := range faultfs.Laws() {
		b.Run(law.String(), func(b *testing.B) {
			images := 0
			for b.Loop() {
				for s := range log.Points() {
					for im := range s.Images(faultfs.Enum{Profile: faultfs.Profile{Law: law}}) {
						im.FS()
						images++
					}
				}
			}
			b.ReportMetric(float64(images)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

func BenchmarkDamages(b *testing.B) {
	f := smallDatabase(b, faultfs.Options{}, 16)
	log, disk := f.Log(), f.Snapshot()
	done := 0
	for b.Loop() {
		for d := range disk.Damages(faultfs.DamageEnum{Past: log}) {
			if err := disk.Snapshot().Damage(d, log); err != nil {
				b.Fatal(err)
			}
			done++
		}
	}
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "damages/s")
}
