package pager

import (
	"sync"
	"sync/atomic"
)

// image is one version of a page. Its bytes never change once it is installed,
// so readers, the log and write-back share it without locks. The LSN and CRC in
// the bytes are stale: both are stored in the copies that go to the disk.
type image struct {
	data  []byte
	seq   uint64        // operation that made it; 0 when read from the disk
	lsn   atomic.Uint64 // given when its group is sealed; 0 before
	first bool          // the page had no earlier image in its present life
	// logged: the synced log or the segment has it. Owned by commitMu.
	logged bool
	// stored: the segment holds this image, as far as writes that returned tell.
	stored atomic.Bool
	prev   atomic.Pointer[image] // next older version that is kept
	// superseded is the operation of the version that came next, kept or not;
	// it says nothing while this is the latest one.
	superseded atomic.Uint64
}

// unbornSeq is above every operation: an image with it is invisible to all.
const unbornSeq = ^uint64(0)

// Page is a page in memory. For one id there is at most one Page in the table.
type Page struct {
	ID uint64
	// Bucket and Index say where a KV page stands: its bucket and its place in
	// the chain. Index is negative for other pages. Owned by the writer lock.
	Bucket uint32
	Index  int32

	latest  atomic.Pointer[image] // nil: only the segment has it
	loading sync.Mutex            // one reader of the disk at a time
	used    atomic.Bool           // since the clock's hand passed
	// evicted is the operation of the image that was dropped last: what is read
	// from the segment again is that version, not one that was always there.
	evicted atomic.Uint64
	// swap keeps an eviction from a load that is about to install what it read:
	// between its read and that, a newer image may have come and gone.
	swap sync.Mutex

	staged []byte // copy of the running operation; owned by the writer lock
	base   *image // what staged was copied from
	group  *group // open group that lists it; owned by the writer lock
	// replaced is the version that the open group replaces, flushing the one that
	// the group on its way to the disk does: snapshots need them until they are
	// frozen. Owned by the writer lock.
	replaced, flushing *image
	fresh              bool // given out and not yet in any published group; owned by the writer lock

	refs     int  // bucket states that hold it; owned by the table's shard
	ringed   bool // in the clock's ring; owned by the cache
	retained bool // listed for a later trim; owned by readers
}

// at returns the version of s: nil if the page did not exist then, or if that
// version has been dropped (which happens to none that a pin protects). cold
// means that only the segment has the page.
func (p *Page) at(s uint64) (img *image, cold bool) {
	latest := p.latest.Load()
	if latest == nil {
		return nil, true
	}
	for img = latest; img != nil && img.seq > s; {
		img = img.prev.Load()
	}
	if img != nil && img != latest && img.superseded.Load() <= s {
		// It is kept for an older reader; the one of s was passed over.
		return nil, false
	}
	return img, false
}

// trim drops the versions that no reader needs: readers stand at the operations
// at, newest first, of which the first is what is visible now. It reports whether
// no more than one version is left for them.
func (p *Page) trim(at []uint64) (done bool) {
	img := p.latest.Load()
	for img != nil && img.seq > at[0] {
		img = img.prev.Load()
	}
	if img == nil {
		return true
	}
	// img is what is visible. Each older reader needs the newest version that is
	// not above it; what lies between is passed over.
	kept := img
	for _, s := range at[1:] {
		next := kept
		for next != nil && next.seq > s {
			next = next.prev.Load()
		}
		if next == kept {
			continue
		}
		kept.prev.Store(next)
		if next == nil {
			return kept == img
		}
		kept = next
	}
	kept.prev.Store(nil)
	return kept == img
}

const tableShards = 64

// table holds the pages in memory by id.
type table struct {
	shards [tableShards]struct {
		sync.Mutex
		pages map[uint64]*Page
		_     [40]byte // keeps neighbours off one cache line
	}
}

func (t *table) init() {
	for i := range t.shards {
		t.shards[i].pages = make(map[uint64]*Page)
	}
}

// get returns the page of an id and makes it when it is not there. With ref it
// stays in the table until release.
func (t *table) get(id uint64, ref bool) *Page {
	s := &t.shards[id%tableShards]
	s.Lock()
	defer s.Unlock()
	p := s.pages[id]
	if p == nil {
		p = &Page{ID: id, Index: -1}
		s.pages[id] = p
	}
	if ref {
		p.refs++
	}
	return p
}

// rebirth returns the page of an id that has just been given out: whatever it
// was before, no reader can need it, and it is invisible until its first image
// is installed. It is nil if a chain holds the page: then the free list was
// wrong. The image is set under the shard's lock, so that no eviction can
// drop the page from the table meanwhile.
func (t *table) rebirth(id uint64) *Page {
	s := &t.shards[id%tableShards]
	s.Lock()
	defer s.Unlock()
	p := s.pages[id]
	if p == nil {
		p = &Page{ID: id}
		s.pages[id] = p
	}
	if p.refs > 0 {
		return nil
	}
	p.Bucket, p.Index, p.fresh = 0, -1, true
	p.latest.Store(&image{seq: unbornSeq, first: true})
	return p
}

// holds reports whether the page is the one of its id. One that has left the
// table never comes back.
func (t *table) holds(p *Page) bool {
	s := &t.shards[p.ID%tableShards]
	s.Lock()
	defer s.Unlock()
	return s.pages[p.ID] == p
}

// find returns the page of an id if there is one.
func (t *table) find(id uint64) *Page {
	s := &t.shards[id%tableShards]
	s.Lock()
	defer s.Unlock()
	return s.pages[id]
}

// release gives back a reference; keep says that the page is still needed for
// other reasons (it has images that are not in its segment).
func (t *table) release(p *Page, keep func(*Page) bool) {
	s := &t.shards[p.ID%tableShards]
	s.Lock()
	defer s.Unlock()
	p.refs--
	if p.refs == 0 && !keep(p) {
		p.latest.Store(nil)
		if s.pages[p.ID] == p {
			delete(s.pages, p.ID)
		}
	}
}

// drop removes a page that nobody holds and that has no image.
func (t *table) drop(p *Page) {
	s := &t.shards[p.ID%tableShards]
	s.Lock()
	defer s.Unlock()
	if p.refs == 0 && p.latest.Load() == nil && s.pages[p.ID] == p {
		delete(s.pages, p.ID)
	}
}

func (t *table) len() int {
	n := 0
	for i := range t.shards {
		t.shards[i].Lock()
		n += len(t.shards[i].pages)
		t.shards[i].Unlock()
	}
	return n
}
