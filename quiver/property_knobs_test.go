package quiver_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// knobs are the options of a run. Sizes are small, so that a short run meets
// log cuts, growth, eviction, allocation and overflow.
type knobs struct {
	PageSize, Buckets int
	Sector            int // of the disk
	quiver.Options
}

func (k knobs) String() string {
	o := k.Options
	return fmt.Sprintf("page %d buckets %d sector %d threshold %d cache %d locator %d log %d chunk %d batch %d nosync %d reserve %d compact %v/%d coalesce %v nodatafsync %t inline %t norecount %t",
		k.PageSize, k.Buckets, k.Sector, o.OverflowThreshold, o.PageCachePages, o.LocatorBytes, o.LogBytes, o.LogChunkBytes, o.MaxBatchBytes,
		o.NoSyncBytes, o.ReservePages, o.CompactDeadFrac, o.CompactMinBytes, o.WALCoalesce, o.NoDataFsync, o.Inline, o.NoRecount)
}

// threshold is the length of the longest value that is not put in pages of its own.
func (k knobs) threshold() int {
	switch t := k.OverflowThreshold; {
	case t < 0:
		return 0
	case t == 0:
		return k.PageSize / 4
	default:
		return t
	}
}

// smallBatch: an operation may meet the limit on its size.
func (k knobs) smallBatch() bool { return k.MaxBatchBytes > 0 }

func drawKnobs(t *rapid.T) knobs {
	k := knobs{
		PageSize: rapid.SampledFrom([]int{4096, 4096, 4096, 8192, 16384, 32768}).Draw(t, "page size"),
		Buckets:  rapid.SampledFrom([]int{1, 2, 7, 64}).Draw(t, "buckets"),
		Sector:   rapid.SampledFrom([]int{4096, 512}).Draw(t, "sector"),
	}
	k.Options = drawOptions(t, k.PageSize)
	return k
}

// drawOptions draws what can change from one session to the next. Inline is left
// to the test: only without goroutines of its own does a handle repeat a run.
func drawOptions(t *rapid.T, pageSize int) quiver.Options {
	page := int64(pageSize)
	return quiver.Options{
		OverflowThreshold: rapid.SampledFrom([]int{0, 64, -1, 1 << 20}).Draw(t, "overflow threshold"),
		PageCachePages:    rapid.SampledFrom([]int{0, -1, 2}).Draw(t, "cache pages"),
		LocatorBytes:      rapid.SampledFrom([]int64{0, -1, 1500}).Draw(t, "locator bytes"),
		LogBytes:          rapid.SampledFrom([]int64{0, 4 * page, 16 * page, 64 * page}).Draw(t, "log bytes"),
		LogChunkBytes:     rapid.SampledFrom([]int64{0, 4096, 3 * page}).Draw(t, "log chunk bytes"),
		MaxBatchBytes:     rapid.SampledFrom([]int64{0, 0, 12 * page}).Draw(t, "max batch bytes"),
		NoSyncBytes:       rapid.SampledFrom([]int64{0, page, 5 * page}).Draw(t, "nosync bytes"),
		ReservePages:      rapid.SampledFrom([]int{0, 1, 3, 16}).Draw(t, "reserve pages"),
		CompactDeadFrac:   rapid.SampledFrom([]float64{0, -1}).Draw(t, "compact dead frac"),
		CompactMinBytes:   rapid.SampledFrom([]int{0, -1}).Draw(t, "compact min bytes"),
		WALCoalesce:       rapid.SampledFrom([]time.Duration{0, -1}).Draw(t, "coalesce"),
		NoDataFsync:       rapid.Bool().Draw(t, "no data fsync"),
		NoRecount:         rapid.Bool().Draw(t, "no recount"),
		LockWait:          -1,
	}
}

// on gives the options for a disk.
func (k knobs) on(fs vfs.FS) *quiver.Options {
	o := k.Options
	o.FS = fs
	return &o
}
