package quiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/bucket"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

var errInvalid = errors.New("invalid argument")

// Defaults and limits.
const (
	DefaultPageSize      = 4096
	DefaultBuckets       = 128
	MaxBuckets           = 1 << 24
	DefaultWALCoalesce   = 3 * time.Millisecond
	DefaultCacheBytes    = 64 << 20
	DefaultLocatorBytes  = 64 << 20
	DefaultLogBytes      = 32 << 20
	DefaultLogChunkBytes = 64 << 10
	DefaultMaxBatchBytes = 256 << 20
	DefaultNoSyncBytes   = 16 << 20
	DefaultLockWait      = 5 * time.Second
)

// InitOptions are what is fixed when a database is made.
type InitOptions struct {
	// PageSize in bytes: 4096, 8192, 16384 or 32768. 0 means DefaultPageSize.
	PageSize int
	// Buckets is the number of chains that keys are spread over, at most
	// MaxBuckets. A bucket costs 8 bytes in the directory, and a page once it
	// holds a key. 0 means DefaultBuckets.
	Buckets int
	// FS is the disk. nil means the real one.
	FS vfs.FS
}

// Options are what a handle is opened with. The zero value of each field means
// its default. They are copied; changing them later has no effect.
type Options struct {
	// WALCoalesce is the longest time that a commit waits for company to share
	// its sync with, as long as company keeps coming; a lone writer does not
	// wait. 0 means DefaultWALCoalesce, negative means not at all.
	WALCoalesce time.Duration
	// NoDataFsync leaves the data segments to the next checkpoint instead of
	// writing and syncing them before a write returns. Writes are as durable
	// either way: the log is always synced before.
	NoDataFsync bool
	// PageCachePages is the number of pages kept in memory that the segments
	// hold too. 0 means DefaultCacheBytes worth of pages, negative means none.
	// Pages that the segments do not hold yet come on top, at most LogBytes and
	// the batches without sync.
	PageCachePages int
	// LocatorBytes bounds the memory of the tables that tell which page of a
	// bucket holds a key, about 11 to 22 bytes a key. A bucket whose table does not
	// fit is searched page by page. 0 means DefaultLocatorBytes, negative none.
	LocatorBytes int64
	// OverflowThreshold: values of more bytes stand in pages of their own.
	// 0 means a quarter of the page size; negative means every value but the
	// empty one.
	OverflowThreshold int
	// A page is compacted when a record does not fit and dead records take at
	// least CompactDeadFrac (0 … 0.95) of its used bytes and CompactMinBytes.
	// 0 means 0.3 and 512; negative means no such minimum.
	CompactDeadFrac float64
	CompactMinBytes int
	// LogBytes is the size at which the log is checkpointed and begun anew. It
	// bounds the work of recovery. 0 means DefaultLogBytes.
	LogBytes int64
	// LogChunkBytes is the first step in which the log is preallocated; the
	// steps double up to LogBytes. 0 means DefaultLogChunkBytes.
	LogChunkBytes int64
	// MaxBatchBytes bounds one operation, in bytes of the pages that it changes.
	// 0 means DefaultMaxBatchBytes.
	MaxBatchBytes int64
	// NoSyncBytes: batches without a sync are synced all the same when the pages
	// that they change reach this size. 0 means DefaultNoSyncBytes.
	NoSyncBytes int64
	// ReservePages is how many new pages are reserved on the disk at a time.
	// 0 means an eighth of the database, at least 16 pages and at most 8 MiB.
	ReservePages int
	// LockWait is how long Open waits for a lock. 0 means DefaultLockWait,
	// negative means not at all.
	LockWait time.Duration
	// Salvage opens a database with a damaged log, without what stands behind
	// the damage, and one whose free list or directory checksum is missing.
	Salvage bool
	// RefuseFlagLies makes Open fail with ErrUnclean when the log of a database
	// that says it was closed cleanly changes pages. A crash of the original
	// program leaves that picture, and so does a restore by it over an existing
	// database, whose old log is then not wanted.
	RefuseFlagLies bool
	// Inline makes the handle do without goroutines of its own: checkpoints
	// happen in the write that needs them, recounts on request.
	Inline bool
	// NoRecount does not start the search for orphaned pages after an unclean
	// start; Recount does it on request. Until then free pages of earlier
	// sessions are not reused.
	NoRecount bool
	// SnapPersist makes snapshots of a writer outlive the handle, and crashes,
	// until EndSnapshot or RemoveSnapshot. It is not for a read-only handle, which
	// enters nothing in the registry: there it is no error, since the environment may
	// set it for all handles, and Snapshot gives one that ends with the handle.
	SnapPersist bool
	// SnapDedup puts what persisted snapshots keep into the SnapStore too, equal
	// pages once.
	SnapDedup bool
	// SnapStoreDir is the folder of the SnapStore, absolute or below the database;
	// "" = .snapstore. It serves one open database at a time, a second one is
	// ErrLocked. Give the same one, and not only to handles with SnapDedup, as long
	// as there are snapshots: references that are not found are not given back.
	SnapStoreDir string
	// Context, when it ends, ends the wait for the lock and the recovery of Open.
	Context context.Context
	// Progress is told of the phases of recovery: "read log" in bytes, "inspect" and
	// "redo" in pages.
	Progress func(Progress)
	// Logger gets a line for recovery, poisoning and recounts. nil means silence.
	Logger *slog.Logger
	// FS is the disk. nil means the real one.
	FS vfs.FS
	// Clock tells the time. nil means the system's.
	Clock vfs.Clock
}

// resolve fills in defaults and checks.
func (o Options) resolve(readOnly bool) (pager.Options, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Clock == nil {
		o.Clock = vfs.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if !(o.CompactDeadFrac <= 0.95) { // not a number neither
		return pager.Options{}, fmt.Errorf("%w: CompactDeadFrac %v is above 0.95", ErrInvalid, o.CompactDeadFrac)
	}
	for name, v := range map[string]int64{"LogBytes": o.LogBytes, "LogChunkBytes": o.LogChunkBytes,
		"MaxBatchBytes": o.MaxBatchBytes, "NoSyncBytes": o.NoSyncBytes, "ReservePages": int64(o.ReservePages)} {
		if v < 0 {
			return pager.Options{}, fmt.Errorf("%w: %s is negative", ErrInvalid, name)
		}
	}
	p := pager.Options{
		FS: o.FS, Clock: o.Clock, Logger: o.Logger, ReadOnly: readOnly,
		Coalesce:      defaulted(o.WALCoalesce, DefaultWALCoalesce),
		DataFsync:     !o.NoDataFsync,
		LogBytes:      defaulted(o.LogBytes, DefaultLogBytes),
		LogChunkBytes: defaulted(o.LogChunkBytes, DefaultLogChunkBytes),
		MaxBatchBytes: defaulted(o.MaxBatchBytes, DefaultMaxBatchBytes),
		NoSyncBytes:   defaulted(o.NoSyncBytes, DefaultNoSyncBytes),
		ReservePages:  o.ReservePages,
		LockWait:      defaulted(o.LockWait, DefaultLockWait),
		Salvage:       o.Salvage, RefuseUnclean: o.RefuseFlagLies, Inline: o.Inline,
		CachePages: o.PageCachePages, CacheBytes: DefaultCacheBytes, Context: o.Context,
	}
	if o.Progress != nil {
		p.Progress = func(phase string, done, total int64) { o.Progress(Progress{phase, done, total}) }
	}
	return p, nil
}

func (o Options) resolveStore(p *pager.Pager, maxBatch int64) bucket.Options {
	return bucket.Options{
		OverflowThreshold: max(0, defaulted(o.OverflowThreshold, p.PageSize()/4)),
		CompactDeadFrac:   max(0, defaulted(o.CompactDeadFrac, format.DefaultCompactDeadFrac)),
		CompactMinBytes:   max(0, defaulted(o.CompactMinBytes, format.DefaultCompactMinBytes)),
		LocatorBytes:      max(0, defaulted(o.LocatorBytes, DefaultLocatorBytes)),
		MaxBatchBytes:     maxBatch,
	}
}

func defaulted[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
