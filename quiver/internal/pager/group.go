package pager

import (
	"cmp"
	"runtime"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/internal/wal"
)

// group is what one sync of the log makes durable: the operations of all who
// came while it was open. All fields but err are owned by the writer lock; err
// is set before done is closed.
type group struct {
	pages   []*Page
	lastSeq uint64
	commits int
	waiters int
	// headFirst lists the buckets that lose shadowed copies in this group.
	headFirst map[uint32]bool
	done      chan struct{}
	lead      chan struct{} // hands the leadership to one of the waiters
	err       error
}

func newGroup() *group {
	return &group{done: make(chan struct{}), lead: make(chan struct{}, 1)}
}

// add lists a page once, with the version that the group replaces.
func (g *group) add(pg *Page, replaced *image) {
	if pg.group != g {
		pg.group, pg.replaced = g, replaced
		g.pages = append(g.pages, pg)
	}
}

// join enters a waiter and reports whether it has to lead. The writer lock is held.
func (p *Pager) join(g *group) (leads bool) {
	g.waiters++
	leads = !p.leading
	p.leading = true
	return leads
}

// await waits until a group that was joined has been flushed.
func (p *Pager) await(g *group, leads bool) error {
	if leads {
		p.lead()
	}
	for {
		select {
		case <-g.done:
			// A flush by somebody else may have ended the group with the leadership
			// on its way here.
			select {
			case <-g.lead:
				p.lead()
			default:
			}
			return g.err
		case <-g.lead:
			p.lead()
		}
	}
}

// lead flushes the open group and hands the leadership on.
func (p *Pager) lead() {
	p.gather()
	p.commitMu.Lock()
	_ = p.flush() // the waiters of the group get the error
	p.commitMu.Unlock()
	p.mu.Lock()
	if next := p.open; next.waiters > 0 {
		next.lead <- struct{}{}
	} else {
		p.leading = false
	}
	p.mu.Unlock()
}

// gather gives others a chance to join: it steps aside as long as each time
// somebody has come, WALCoalesce at most. Where nobody else is runnable, which
// is where a lone writer stands, it costs one scheduling round.
func (p *Pager) gather() {
	if p.o.Coalesce <= 0 {
		return
	}
	commits := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.open.commits
	}
	start := p.now()
	for n := commits(); ; {
		runtime.Gosched()
		m := commits()
		if m == n || p.now().Sub(start) >= p.o.Coalesce {
			return
		}
		n = m
	}
}

// sealed is a group on its way to the disk.
type sealed struct {
	*group
	images  []*image
	olds    []*image // the versions that they replace
	pages   []*Page
	entries []wal.Entry
}

// seal closes the open group, gives its images their LSNs and opens the next.
func (p *Pager) seal() *sealed {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.open
	p.open = newGroup()
	p.inflight = g
	s := &sealed{group: g, pages: g.pages}
	if len(g.pages) == 0 {
		return s
	}
	slices.SortFunc(s.pages, g.logOrder)
	s.images = make([]*image, len(s.pages))
	s.olds = make([]*image, len(s.pages))
	s.entries = make([]wal.Entry, len(s.pages))
	last := p.counter.Add(uint64(len(s.pages)))
	for i, pg := range s.pages {
		img := pg.latest.Load()
		lsn := last - uint64(len(s.pages)-1-i)
		img.lsn.Store(lsn)
		s.images[i], s.olds[i] = img, pg.replaced
		s.entries[i] = wal.Entry{PageID: pg.ID, LSN: lsn, Page: img.data}
		pg.group, pg.replaced, pg.flushing = nil, nil, pg.replaced
	}
	return s
}

// logOrder is the order of a group's images in the log (R3). It matters only to
// readers that know no groups and find a torn one: pages that nothing reaches
// yet come before those that may link them, then chains tail first, because
// keys move towards the tail and new links lead there; a bucket that loses
// shadowed copies goes head first, so that no older copy comes back.
func (g *group) logOrder(a, b *Page) int {
	if a.fresh != b.fresh {
		if a.fresh {
			return -1
		}
		return 1
	}
	if c := cmp.Compare(a.Bucket, b.Bucket); c != 0 {
		return c
	}
	if c := cmp.Compare(b.Index, a.Index); c != 0 {
		if g.headFirst[a.Bucket] {
			return -c
		}
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

// flush makes the open group durable and publishes it. commitMu is held.
func (p *Pager) flush() error {
	s := p.seal()
	err := p.poisoned()
	if err == nil && len(s.pages) > 0 {
		err = p.writeGroup(s)
	}
	p.finish(s, err)
	return s.err
}

// writeGroup brings a group to the disk. An error that wraps errUnwritten means
// that no byte of the group was written and nothing else has become uncertain.
func (p *Pager) writeGroup(s *sealed) error {
	if err := p.startSession(); err != nil {
		return unwritten(err)
	}
	if err := p.makeRoom(len(s.entries)); err != nil {
		return unwritten(err)
	}
	if err := p.freeze(s); err != nil {
		return unwritten(err)
	}
	if err := p.log.Append(s.entries); err != nil {
		return err
	}
	p.appended = s.entries[len(s.entries)-1].LSN
	if err := p.log.Sync(); err != nil {
		return &syncError{err}
	}
	p.markDirty(s)
	if !p.o.DataFsync {
		return nil
	}
	// The group is durable already. If its pages find no space now they stay
	// dirty, and the next checkpoint tries again.
	if err := p.writeBack(); err != nil && !harmless(err) {
		return err
	}
	return nil
}

// makeRoom makes sure that n records fit in the log behind those that are there.
func (p *Pager) makeRoom(n int) error {
	used := p.log.Used()
	if used > 0 && used+n > p.o.logRecords() {
		if err := p.checkpoint(); err != nil {
			return err
		}
		used = 0
	}
	err := p.growLog(used + n)
	if err == nil || used == 0 || !harmless(err) {
		return err
	}
	// The log cannot grow any more: start again in the space that it has.
	if err := p.checkpoint(); err != nil {
		return err
	}
	return p.growLog(n)
}

// growLog makes room for a generation of n records. The last space for it comes
// out of the reserve: a delete needs a record too.
func (p *Pager) growLog(n int) error {
	err := p.log.Reserve(n)
	if err != nil && p.log.Err() == nil && isFull(err) && n <= reservedRecords {
		p.metaMu.Lock()
		if p.reserve.release() {
			err = p.log.Reserve(n)
			p.reserve.acquire()
		}
		p.metaMu.Unlock()
	}
	if err != nil && p.log.Err() != nil {
		return &syncError{err}
	}
	return err
}

// finish ends a flush: the group is published, undone or lost with the handle.
func (p *Pager) finish(s *sealed, err error) {
	if err == nil {
		p.publish(s)
	} else if p.undo(s, err) {
		err = full(err)
	} else {
		err = p.setPoison(err)
	}
	p.mu.Lock()
	p.inflight = nil
	p.mu.Unlock()
	p.noteLog()
	s.err = err
	close(s.done)
	p.wakeBackground()
}

// publish lets readers see a durable group.
func (p *Pager) publish(s *sealed) {
	if len(s.pages) == 0 {
		return
	}
	p.applied.Store(s.images[len(s.images)-1].lsn.Load())
	p.mu.Lock()
	p.durable = s.lastSeq
	for _, pg := range s.pages {
		pg.fresh, pg.flushing = false, nil
	}
	if p.visible.Load() < s.lastSeq {
		p.visible.Store(s.lastSeq)
	}
	p.mu.Unlock()
	p.trimPublished(s.pages)
}
