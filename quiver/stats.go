package quiver

import (
	"context"

	"github.com/quiverdb/quiverdb-go/quiver/internal/bucket"
)

// Stats are figures about an open handle. Taking them reads no page. Fields may
// be added.
type Stats struct {
	PageSize   int    `json:"page_size"`
	Buckets    int    `json:"buckets"`
	LastLSN    uint64 `json:"last_lsn"`
	HighestLSN uint64 `json:"highest_lsn"` // given out or met; LastLSN or above
	Clean      bool   `json:"clean"`       // the clean flag on the disk
	Unclean    bool   `json:"unclean_start"`
	Poisoned   bool   `json:"poisoned"`

	NextPageID    uint64 `json:"next_page_id"`
	FreePages     uint64 `json:"free_pages"`
	ReservedPages uint64 `json:"reserved_pages"` // have space, were never given out
	Segments      int    `json:"segments"`
	SegmentBytes  int64  `json:"segment_bytes"`
	LogBytes      int64  `json:"log_bytes"`   // size of the file
	LogRecords    int    `json:"log_records"` // page images since the log was last cut

	CachedPages  int    `json:"cached_pages"`  // in memory and in a segment
	DirtyPages   int    `json:"dirty_pages"`   // in the log, not yet in a segment
	LocatorBytes int64  `json:"locator_bytes"` // memory of bucket states
	Checkpoints  uint64 `json:"checkpoints"`
	PageReads    uint64 `json:"page_reads"` // from the disk, since the handle was opened
	RecountDue   bool   `json:"recount_due"`
}

// Stats takes the figures.
func (db *DB) Stats() (Stats, error) {
	if err := db.open(); err != nil {
		return Stats{}, err
	}
	f := db.pg.Figures()
	return Stats{
		PageSize: db.pg.PageSize(), Buckets: int(db.pg.Buckets()),
		LastLSN: f.LastLSN, HighestLSN: f.HighestLSN, Clean: f.Clean, Unclean: db.pg.Recovery().Unclean, Poisoned: f.Poisoned,
		NextPageID: f.NextPageID, FreePages: f.FreePages, ReservedPages: f.Reserved,
		Segments: f.Segments, SegmentBytes: f.SegmentBytes, LogBytes: f.LogBytes, LogRecords: f.LogRecords,
		CachedPages: f.CachedPages, DirtyPages: f.DirtyPages, LocatorBytes: db.store.Memory(),
		Checkpoints: f.Checkpoints, PageReads: f.DiskReads, RecountDue: db.pg.RecountDue(),
	}, nil
}

// Usage is what the database holds, by counting all of it.
type Usage struct {
	Pages         int64 `json:"pages"`
	KVPages       int64 `json:"kv_pages"`
	OverflowPages int64 `json:"overflow_pages"`
	FreePages     int64 `json:"free_pages"`
	SnapshotPages int64 `json:"snapshot_pages"` // only a persisted snapshot needs them
	OrphanPages   int64 `json:"orphan_pages"`   // none of these; a recount frees them
	Pairs         int64 `json:"pairs"`
	ShadowedPairs int64 `json:"shadowed_pairs"` // older copies of keys that the original leaves
	KeyBytes      int64 `json:"key_bytes"`
	ValueBytes    int64 `json:"value_bytes"`
	LongValues    int64 `json:"long_values"` // in overflow pages
	DeadBytes     int64 `json:"dead_bytes"`  // in pages, until they are compacted
	UsedBuckets   int64 `json:"used_buckets"`
	LongestChain  int64 `json:"longest_chain"` // pages
}

// Usage reads the whole database, as of one moment, and counts. It fails with a
// *CorruptionError where it cannot; Check goes on and tells all. It fails with
// ErrRecounting while a recount runs. progress, which may be nil, is told of the
// phase "count", in buckets, those of persisted snapshots too.
func (db *DB) Usage(ctx context.Context, progress func(Progress)) (Usage, error) {
	var first error
	u, err := db.examine(ctx, func(f bucket.Fault) {
		if !f.Warning && first == nil {
			first = f.Err
		}
	}, progress, "count")
	if err == nil {
		err = first
	}
	return Usage(u), err
}

func (db *DB) examine(ctx context.Context, tell func(bucket.Fault), progress func(Progress), phase string) (bucket.Usage, error) {
	if err := db.open(); err != nil {
		return bucket.Usage{}, err
	}
	return db.store.Examine(ctx, tell, phaseOf(progress, phase, 1))
}
