// Package pager keeps the pages of a database and is the one place that knows
// the order of writes: versions in memory, group commit, write-back,
// checkpoint, allocation, bucket heads, recovery. What the pages mean is the
// business of its user. The argument why a crash at any point is harmless is
// quiver/DESIGN.md; R1 to R20 are the rules named there.
//
// Locks, in the order in which they are taken: commitMu (one flush or
// checkpoint at a time) · mu, the writer lock (operations in memory; never held
// during a sync of the log or of written pages, but during the reservation of
// page ids) · metaMu (small files) · the leaf locks of cache, table, readers,
// dirty list and segments. Readers take only leaf locks, none of which is held
// during a sync.
package pager

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/wal"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// maxLSN bounds LSNs, those of pages as that in meta: what a page raises the counter
// to is in the next meta. One above it can only be damage, and the counter must
// never wrap. Operations are refused from lastRoom below it on, so that none can be
// acknowledged whose LSN the next open would refuse.
const (
	maxLSN   = 1 << 61
	lastRoom = 1 << 40
)

// Pager is an open database below the level of keys.
type Pager struct {
	fs     vfs.FS
	dir    string
	o      Options
	clock  vfs.Clock
	logger *slog.Logger
	hooks  Hooks
	lock   vfs.Lock // nil: a read-only medium without a lock file

	segs     *segments
	log      *wal.Log // nil when read-only
	table    table
	cache    cache
	readers  readers
	recovery RecoveryInfo

	// overlay holds what a read-only handle redoes in memory: where in the log
	// the winning image of a page stands. It does not change after Open.
	overlay  map[uint64]wal.Image
	restored bool // Close makes the folder of a restore a database
	logFile  vfs.File
	logEnd   uint64 // last LSN of a log of ours that is redone; 0 if there is none

	visible   atomic.Uint64 // last operation that readers see
	applied   atomic.Uint64 // LSN of the last published image
	counter   atomic.Uint64 // highest LSN given out or met
	pageLimit atomic.Uint64 // page ids below it may be linked
	poison    atomic.Pointer[error]

	commitMu sync.Mutex
	nextWake int    // records in the log at which write-back starts; owned by commitMu
	appended uint64 // LSN of the last record in the log; owned by commitMu

	// mu is the writer lock. It guards what follows.
	mu         sync.Mutex
	tx         *Tx
	open       *group
	inflight   *group
	leading    bool
	lastSeq    uint64
	durable    uint64      // last operation in the synced log
	closing    atomic.Bool // changed with mu held
	next       uint64      // first page id that was never given out
	reserved   uint64      // ids below have space and stand below the meta's next_page_id
	pool       []uint64
	listed     []uint64 // ids on the free file, when it is believed
	quarantine []freedPage
	snapshots  []*Snapshot // live ones; changed with commitMu held too
	fileFree   []uint64    // what the free file says, for a read-only handle
	// [gapFrom, gapTo) are ids that the meta of an unclean database was ahead of
	// its segments: a link may lead there, so they are never given out.
	gapFrom, gapTo uint64
	accounted      map[uint64]struct{} // not nil while a walk through all pages runs
	accountEnds    chan struct{}       // closed when it ends
	recountDue     bool
	ends           uint64      // of snapshots of earlier sessions
	lsnsUnknown    bool        // a page may have an LSN above the counter, until the recount
	protected      []Protected // what Options.Protect gave

	metaMu  sync.Mutex
	meta    format.Meta // as on the disk
	session bool        // the clean flag is off on the disk
	reserve reserve

	heads     atomic.Pointer[[]uint64] // replaced as a whole, never changed
	headsMu   sync.Mutex               // one provision at a time
	wantMu    sync.Mutex
	want      map[uint32]struct{}
	headsNext int // where the search for further buckets without a head goes on

	dirtyMu     sync.Mutex
	dirty       map[uint64]dirtyPage
	writeBackMu sync.Mutex
	runBuf      []byte

	wake, stop, stopped chan struct{} // the background goroutine; nil if there is none

	// What the log holds, for Figures, which must not wait for a sync.
	logRecords, logBytes atomic.Int64

	checkpoints atomic.Uint64
	diskReads   atomic.Uint64
}

// RecoveryInfo tells what opening had to do.
type RecoveryInfo struct {
	Unclean    bool   // the last session did not end with a clean close
	FlagLied   bool   // the clean flag was set and the log changed pages all the same
	Foreign    bool   // the log was written by the original program
	Records    int    // live records of the log
	Groups     int    // groups of commits; in a foreign log every record is one
	Pages      int    // pages written to the segments
	LogBytes   int64  // length of the live log
	TornBytes  int64  // dropped at the end of the log: never acknowledged
	Damaged    bool   // salvage opened a damaged log
	LostBytes  int64  // given up by salvage
	RecountDue bool   // orphans are looked for before the free list is used
	LastLSN    uint64 // highest LSN that was found applied
}

func newPager(dir string, o Options) *Pager {
	p := &Pager{fs: o.FS, dir: dir, o: o, clock: o.Clock, logger: o.Logger,
		tx: &Tx{}, open: newGroup(), dirty: make(map[uint64]dirtyPage), want: make(map[uint32]struct{})}
	p.table.init()
	p.readers.counts = make(map[uint64]int)
	return p
}

// Start names the layer above and starts the background work, if there is any.
func (p *Pager) Start(h Hooks) {
	p.hooks = h
	if p.o.ReadOnly || p.o.Inline {
		return
	}
	p.wake, p.stop, p.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	p.nextWake = p.o.logRecords() / 2
	go p.background()
}

// PageSize is in bytes.
func (p *Pager) PageSize() int { return p.o.PageSize }

// Buckets is the number of buckets, fixed when the database was made.
func (p *Pager) Buckets() uint32 { return uint32(len(*p.heads.Load())) }

// Dir is the root of the database.
func (p *Pager) Dir() string { return p.dir }

// Recovery tells what opening had to do.
func (p *Pager) Recovery() RecoveryInfo { return p.recovery }

// LastLSN is the highest LSN that is durable and visible.
func (p *Pager) LastLSN() uint64 { return p.applied.Load() }

// HighestLSN is the highest LSN given out or met.
func (p *Pager) HighestLSN() uint64 { return p.counter.Load() }

// RecountDue reports whether orphans have to be looked for before the free
// list of an earlier session may be used.
func (p *Pager) RecountDue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.recountDue
}

// LSNsUnknown reports whether a page that was not read yet may have an LSN above
// all that are known: after a crash of the original, until the recount.
func (p *Pager) LSNsUnknown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lsnsUnknown && p.recountDue
}

// Place is the file and the offset of a page.
func (p *Pager) Place(id uint64) (path string, off int64) {
	n, off := p.segs.place(id)
	return p.segs.path(n), off
}

// PageLimit is above every page id that may be linked.
func (p *Pager) PageLimit() uint64 { return p.pageLimit.Load() }

// Hold returns the page of an id that a link named and keeps it in the table
// until Release.
func (p *Pager) Hold(id uint64) (*Page, error) {
	if err := p.checkLink(id); err != nil {
		return nil, err
	}
	return p.table.get(id, true), nil
}

// HoldNew keeps a page that Alloc gave out.
func (p *Pager) HoldNew(pg *Page) { p.table.get(pg.ID, true) }

// Release gives a page back that Hold or HoldNew kept. Its image is dropped
// unless it is not in its segment yet.
func (p *Pager) Release(pg *Page) {
	p.table.release(pg, func(pg *Page) bool {
		img := pg.latest.Load()
		return img != nil && (!img.stored.Load() || img.seq > p.MinActive())
	})
}

// lookup is the page of an id that a link named.
func (p *Pager) lookup(id uint64) (*Page, error) {
	if err := p.checkLink(id); err != nil {
		return nil, err
	}
	return p.table.get(id, false), nil
}

func (p *Pager) checkLink(id uint64) error {
	if limit := p.pageLimit.Load(); id >= limit {
		return &CorruptionError{Path: p.dir, Page: id, Offset: NoOffset,
			Reason: fmt.Sprintf("a link leads to a page id that is not below %d", limit)}
	}
	return nil
}

// raise makes a counter at least n.
func raise(c *atomic.Uint64, n uint64) {
	for {
		old := c.Load()
		if old >= n || c.CompareAndSwap(old, n) {
			return
		}
	}
}

// noteLog takes down what the log holds. commitMu is held.
func (p *Pager) noteLog() {
	p.logRecords.Store(int64(p.log.Used()))
	p.logBytes.Store(p.log.Size())
}

func (p *Pager) file(name string) string { return filepath.Join(p.dir, name) }

// ended says why recovery is to end, nil if it is to go on.
func (p *Pager) ended() error {
	if p.o.Context != nil {
		return context.Cause(p.o.Context)
	}
	return nil
}

// Figures are counts about a pager at work.
type Figures struct {
	Visible, LastLSN, HighestLSN        uint64
	NextPageID, FreePages, Reserved     uint64
	CachedPages, DirtyPages, TablePages int
	LogRecords                          int   // in the running generation
	LogBytes                            int64 // size of the file
	SegmentBytes                        int64
	Segments                            int
	Checkpoints, DiskReads              uint64
	Clean, Poisoned                     bool
}

// Figures takes the figures, each for itself.
func (p *Pager) Figures() Figures {
	f := Figures{Visible: p.visible.Load(), LastLSN: p.applied.Load(), HighestLSN: p.counter.Load(),
		CachedPages: p.cache.len(), TablePages: p.table.len(),
		Checkpoints: p.checkpoints.Load(), DiskReads: p.diskReads.Load(), Poisoned: p.poisoned() != nil}
	f.Segments, f.SegmentBytes = p.segs.total()
	p.dirtyMu.Lock()
	f.DirtyPages = len(p.dirty)
	p.dirtyMu.Unlock()
	p.metaMu.Lock()
	f.Clean = p.meta.Clean
	p.metaMu.Unlock()
	p.mu.Lock()
	free := p.pool
	if p.o.ReadOnly {
		free = p.fileFree
	}
	f.FreePages = uint64(len(free) + len(p.listed) + len(p.quarantine))
	f.NextPageID, f.Reserved = p.next, p.reserved-p.next
	p.mu.Unlock()
	f.LogRecords, f.LogBytes = int(p.logRecords.Load()), p.logBytes.Load()
	return f
}
