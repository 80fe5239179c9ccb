// Package bucket keeps keys and values in the pages of a pager: every bucket is
// a chain of Robin Hood pages, long values stand in overflow pages. It knows
// nothing of files or of the order of writes.
//
// Readers hold a bucket's lock shared while they look at its pages; writers, who
// already hold the pager's writer lock, take it only to change the lists in
// memory. What both see of a page is decided by versions (package pager).
package bucket

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// Options are those of package quiver with defaults filled in.
type Options struct {
	OverflowThreshold int
	CompactDeadFrac   float64
	CompactMinBytes   int
	LocatorBytes      int64 // 0 = no tables
	MaxBatchBytes     int64
}

// Store is a database of keys and values.
type Store struct {
	pg     *pager.Pager
	o      Options
	count  uint32
	chunks []atomic.Pointer[[chunkLen]bucket]

	scratch []byte // owned by the writer lock

	memory   atomic.Int64 // of all bucket states
	residMu  sync.Mutex
	resident []uint32 // buckets with a state, for the clock
	hand     int
}

const chunkLen = 256

// New makes the store of an open pager and starts the pager.
func New(pg *pager.Pager, o Options) *Store {
	n := pg.Buckets()
	s := &Store{pg: pg, o: o, count: n, scratch: make([]byte, pg.PageSize()),
		chunks: make([]atomic.Pointer[[chunkLen]bucket], (n+chunkLen-1)/chunkLen)}
	pg.Start(s)
	return s
}

// bucket is the place of a bucket's state.
type bucket struct {
	mu sync.RWMutex
	st *state // nil: not touched, or given up to save memory
	// checked: the chain was read through once, and every key belongs here.
	checked atomic.Bool
	// shadowed: a key was found on more than one page of the chain, as the
	// original leaves them. It stays set, for older versions may have it so.
	shadowed atomic.Bool
}

func (s *Store) bucket(n uint32) *bucket {
	c := &s.chunks[n/chunkLen]
	chunk := c.Load()
	if chunk == nil {
		c.CompareAndSwap(nil, new([chunkLen]bucket))
		chunk = c.Load()
	}
	return &chunk[n%chunkLen]
}

// state is what is known of a touched bucket. The writer lock and the bucket's
// lock are both needed to change it, one of them to read it.
type state struct {
	pages []chainPage
	loc   *locator // nil: it would take too much memory
	// removals are locator entries of keys that are gone, to be taken out when
	// no reader can need them.
	removals []locatorChange
	// additions are those of operations that may still be undone.
	additions []locatorChange
	lastSeq   uint64 // last operation that changed the chain
	// roomBound is at least the room on every page but the tail.
	roomBound int
	size      int64 // counted in Store.memory
	used      atomic.Bool
}

// chainPage is a page of the chain. Indexes keep the order of the chain; a page
// that left it leaves a gap.
type chainPage struct {
	page *pager.Page // nil: a gap
	// room is about the largest record that could be placed here.
	room int32
	// unlinked is the operation that took the page out of the chain; 0 if none
	// did. Readers may stand before it.
	unlinked uint64
}

// locatorChange is an entry of the locator that an operation adds or takes out.
type locatorChange struct {
	seq, hash uint64
	index     int
}

func (st *state) live(i int) bool { return st.pages[i].page != nil && st.pages[i].unlinked == 0 }

// tail is the index of the last page, which is never a gap.
func (st *state) tail() int {
	for i := len(st.pages) - 1; i >= 0; i-- {
		if st.live(i) {
			return i
		}
	}
	return -1
}

// before is the index of the page that links to the page at i.
func (st *state) before(i int) int {
	for i--; i >= 0; i-- {
		if st.live(i) {
			return i
		}
	}
	return -1
}

func (st *state) memory() int64 {
	// With the page itself, and its place in the pager's table.
	m := int64(128 + (24+160)*cap(st.pages) + 24*(cap(st.removals)+cap(st.additions)))
	if st.loc != nil {
		m += st.loc.bytes()
	}
	return m
}

func (s *Store) corrupt(id uint64, reason string, args ...any) error {
	path, off := s.pg.Place(id)
	return &pager.CorruptionError{Path: path, Page: id, Offset: off, Reason: fmt.Sprintf(reason, args...)}
}

// kv checks that a page of a chain is one.
func (s *Store) kv(id uint64, data []byte) (format.KV, error) {
	if data == nil {
		return nil, s.corrupt(id, "a link leads to a page that does not exist")
	}
	if format.PageType(data) != format.TypeKV {
		return nil, s.corrupt(id, "a chain of records leads to a page of type %d", format.PageType(data))
	}
	return format.KV(data), nil
}

// Memory is what the states of buckets take, in bytes.
func (s *Store) Memory() int64 { return s.memory.Load() }
