package pager

import (
	"context"
	"log/slog"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Options are those of package quiver, checked and with defaults filled in.
type Options struct {
	FS       vfs.FS
	Clock    vfs.Clock
	Logger   *slog.Logger
	ReadOnly bool

	PageSize      int // from meta, not an option
	Coalesce      time.Duration
	DataFsync     bool
	CachePages    int // 0 = CacheBytes worth of them, negative = none
	CacheBytes    int64
	LogBytes      int64
	LogChunkBytes int64
	MaxBatchBytes int64
	NoSyncBytes   int64
	ReservePages  int // 0 = by the size of the database
	LockWait      time.Duration
	Salvage       bool
	RefuseUnclean bool
	Inline        bool
	Restoring     bool // opens a folder that a restore has not finished
	Context       context.Context
	Progress      func(phase string, done, total int64)
	// Protect gives the snapshots of earlier sessions that are still to be
	// protected; called once by Open before anything is redone.
	Protect func(pageSize int) ([]Protected, error)
	// Settle makes durable what the Keepers have put off; called by Close before
	// the database is marked clean, and not where the handle is poisoned.
	Settle func() error
	// Release gives back what the Keepers hold; called by Close behind the last
	// write, before the lock is released.
	Release func() error
}

// stride is the length of a page record in the log.
func (o *Options) stride() int { return format.RecordHeaderSize + o.PageSize }

// logRecords is how many records the log takes before it is cut.
func (o *Options) logRecords() int {
	return max(1, int((o.LogBytes-format.WALHeaderSize-format.RecordHeaderSize)/int64(o.stride())))
}

func (o *Options) cachePages() int {
	switch {
	case o.CachePages < 0:
		return 0
	case o.CachePages == 0:
		return int(o.CacheBytes) / o.PageSize
	}
	return o.CachePages
}

// reservedRecords is how many log records the reserve has space for beside the
// small files.
const reservedRecords = 4

const (
	minReserve   = 16
	maxReserve   = 8 << 20 // bytes
	minFreeBatch = 64
)

// reservePages is how many ids are reserved at a time in a database of n pages:
// an eighth, so that the meta is written a logarithmic number of times.
func (o *Options) reservePages(n uint64) int {
	if o.ReservePages > 0 {
		return o.ReservePages
	}
	return int(min(max(n/8, minReserve), uint64(maxReserve/o.PageSize)))
}

func (o *Options) freeBatch() int {
	if o.ReservePages > 0 {
		return o.ReservePages
	}
	return minFreeBatch
}
