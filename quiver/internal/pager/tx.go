package pager

import (
	"fmt"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Hooks is what the pager tells the layer that knows what pages mean. The
// writer lock is held during the calls.
type Hooks interface {
	// Undone: pages of the bucket that were given out, and perhaps more, do not
	// exist any more; numbers above visible will be given again.
	Undone(bucket uint32, visible uint64)
	// Recycled: a page that was freed is about to be given out again; no reader
	// can need it.
	Recycled(pg *Page)
}

// Tx is one operation in the making. It holds the writer lock from Begin to
// Commit or Abort; what it changes is seen by nobody before Commit.
type Tx struct {
	p         *Pager
	staged    []*Page
	peeked    []*Page // with a base and perhaps nothing staged
	allocated []uint64
	freed     []uint64
	headFirst []uint32
}

// Begin takes the writer lock, for an operation that Commit will sync or not. A
// group that is large already is flushed first, for its images wait in memory:
// if that finds no space, nothing of this operation has happened.
func (p *Pager) Begin(sync bool) (*Tx, error) {
	limit := p.o.LogBytes
	if !sync {
		limit = min(limit, p.o.NoSyncBytes)
	}
	if p.o.ReadOnly {
		return nil, ErrReadOnly
	}
	for {
		p.mu.Lock()
		if err := p.writable(); err != nil {
			p.mu.Unlock()
			return nil, err
		}
		g := p.open
		if int64(len(g.pages))*int64(p.o.PageSize) < limit {
			break
		}
		leads := p.join(g)
		p.mu.Unlock()
		if err := p.await(g, leads); err != nil {
			return nil, err
		}
	}
	tx := p.tx
	tx.p = p
	return tx, nil
}

func (p *Pager) writable() error {
	if p.closing.Load() {
		return ErrClosed
	}
	if lsn := p.counter.Load(); lsn >= maxLSN-lastRoom {
		return p.lsnOutOfRange(lsn)
	}
	return p.poisoned()
}

// Data is the page as this operation sees it: its own change, or the newest
// image. It must not be modified.
func (tx *Tx) Data(pg *Page) ([]byte, error) {
	if pg.staged != nil {
		return pg.staged, nil
	}
	img, err := tx.newest(pg)
	if err != nil {
		return nil, err
	}
	return img.data, nil
}

// newest is the newest image of a page. One that had to be read is kept for the
// operation, so that it is read once whatever the cache does.
func (tx *Tx) newest(pg *Page) (*image, error) {
	if pg.base != nil {
		return pg.base, nil
	}
	cold := pg.latest.Load() == nil
	img, err := tx.p.newest(pg)
	if err == nil && cold {
		pg.base = img
		tx.peeked = append(tx.peeked, pg)
	}
	return img, err
}

// DataID is Data of the page that a link named.
func (tx *Tx) DataID(id uint64) ([]byte, error) {
	for {
		pg, err := tx.p.lookup(id)
		if err != nil {
			return nil, err
		}
		data, err := tx.Data(pg)
		if err != errLeftTable {
			return data, err
		}
	}
}

// Edit gives the operation's own copy of a page, to be modified.
func (tx *Tx) Edit(pg *Page) ([]byte, error) {
	if pg.staged != nil {
		return pg.staged, nil
	}
	img, err := tx.newest(pg)
	if err != nil {
		return nil, err
	}
	return tx.stage(pg, img, slices.Clone(img.data))
}

func (tx *Tx) stage(pg *Page, base *image, data []byte) ([]byte, error) {
	if int64(len(tx.staged)+1)*int64(tx.p.o.PageSize) > tx.p.o.MaxBatchBytes {
		return nil, fmt.Errorf("%w: the operation changes more than %d bytes of pages", ErrTooLarge, tx.p.o.MaxBatchBytes)
	}
	pg.staged, pg.base = data, base
	tx.staged = append(tx.staged, pg)
	return data, nil
}

// Alloc gives out a page id with real space behind it, and an empty copy. The
// page exists from Commit on.
func (tx *Tx) Alloc() (*Page, []byte, error) {
	id, err := tx.p.allocID()
	if err != nil {
		return nil, nil, err
	}
	pg := tx.p.table.rebirth(id)
	if pg == nil {
		return nil, nil, &CorruptionError{Path: tx.p.file(format.FreeName), Page: id, Offset: NoOffset, Reason: "the free list names a page that is in use"}
	}
	tx.allocated = append(tx.allocated, id)
	data, err := tx.stage(pg, pg.latest.Load(), make([]byte, tx.p.o.PageSize))
	return pg, data, err
}

// Free gives a page back, to be reused when this operation is durable and no
// reader needs the page.
func (tx *Tx) Free(id uint64) { tx.freed = append(tx.freed, id) }

// HeadFirst asks for the images of a bucket in the order head to tail.
func (tx *Tx) HeadFirst(bucket uint32) { tx.headFirst = append(tx.headFirst, bucket) }

// Seq is the number that the operation will have.
func (tx *Tx) Seq() uint64 { return tx.p.lastSeq + 1 }

// Abort drops the operation, and returns when everything is visible that it may
// have looked at.
func (tx *Tx) Abort() error {
	p := tx.p
	buckets := map[uint32]bool{}
	for _, pg := range tx.staged {
		pg.staged, pg.base = nil, nil
		if pg.Index >= 0 {
			buckets[pg.Bucket] = true
		}
	}
	for b := range buckets {
		p.hooks.Undone(b, p.lastSeq)
	}
	p.pool = append(p.pool, tx.allocated...)
	tx.reset()
	return p.settleUnlock()
}

func (tx *Tx) reset() {
	for _, pg := range tx.peeked {
		pg.base = nil
	}
	clear(tx.staged)
	clear(tx.peeked)
	tx.peeked = tx.peeked[:0]
	tx.staged, tx.allocated, tx.freed, tx.headFirst = tx.staged[:0], tx.allocated[:0], tx.freed[:0], tx.headFirst[:0]
}

// Commit installs the operation. With sync it returns when the operation is
// durable and visible; without, it is visible at once and in the memory of this
// handle only, unless it may have been built on what is not durable yet: then
// it waits as with sync.
func (tx *Tx) Commit(sync bool) error {
	p := tx.p
	g := p.open
	seq := p.lastSeq + 1
	ownVisible := p.visible.Load() == p.lastSeq
	if len(tx.staged) == 0 && len(tx.freed) == 0 {
		// Nothing to write, but the operation may have looked at changes that
		// are not durable or not visible: its caller must not hear of them before.
		tx.reset()
		if sync {
			return p.drainUnlock()
		}
		return p.settleUnlock()
	}
	for _, pg := range tx.staged {
		old := pg.base
		p.install(pg, seq, g)
		g.add(pg, old)
	}
	for _, b := range tx.headFirst {
		if g.headFirst == nil {
			g.headFirst = make(map[uint32]bool)
		}
		g.headFirst[b] = true
	}
	for _, id := range tx.freed {
		p.quarantine = append(p.quarantine, freedPage{id, seq})
		if p.accounted != nil {
			p.accounted[id] = struct{}{}
		}
	}
	p.lastSeq = seq
	g.lastSeq = seq
	g.commits++
	if !sync && ownVisible {
		p.visible.Store(seq)
		p.trimPublished(tx.staged)
		tx.reset()
		p.mu.Unlock()
		return nil
	}
	tx.reset()
	leads := p.join(g)
	p.mu.Unlock()
	return p.await(g, leads)
}

// install makes the staged copy the newest version.
func (p *Pager) install(pg *Page, seq uint64, g *group) {
	img := &image{data: pg.staged, seq: seq}
	// The base, not the latest: that may have been evicted, and read again, since.
	old := pg.base
	pg.staged, pg.base = nil, nil
	switch {
	case old.seq == unbornSeq:
		img.first = true
	case old.seq > p.visible.Load() && pg.group == g:
		// Made by an earlier operation of the same group: both become visible
		// together, so nobody will ever need it.
		img.first = old.first
		img.prev.Store(old.prev.Load())
	default:
		old.superseded.Store(seq)
		img.prev.Store(old)
	}
	pg.latest.Store(img)
}

// settleUnlock releases the writer lock and waits until everything that was
// committed is visible.
func (p *Pager) settleUnlock() error {
	if p.visible.Load() == p.lastSeq {
		p.mu.Unlock()
		return nil
	}
	return p.drainUnlock()
}

// drainUnlock releases the writer lock and waits until everything that was
// committed is durable.
func (p *Pager) drainUnlock() error {
	g := p.open
	if len(g.pages) == 0 && g.waiters == 0 {
		g = p.inflight
	}
	if g == nil {
		p.mu.Unlock()
		return nil
	}
	if g == p.inflight {
		p.mu.Unlock()
		<-g.done
		return g.err
	}
	leads := p.join(g)
	p.mu.Unlock()
	return p.await(g, leads)
}

// Sync makes every batch without a sync durable.
func (p *Pager) Sync() error {
	if p.o.ReadOnly {
		if p.closing.Load() {
			return ErrClosed
		}
		return nil
	}
	p.mu.Lock()
	if err := p.writable(); err != nil {
		p.mu.Unlock()
		return err
	}
	return p.drainUnlock()
}

// newest is the newest image of a page, for the writer.
func (p *Pager) newest(pg *Page) (*image, error) {
	if img := pg.latest.Load(); img != nil {
		if img.seq == unbornSeq {
			return nil, &CorruptionError{Path: p.dir, Page: pg.ID, Offset: NoOffset, Reason: "a link leads to a page that does not exist"}
		}
		return img, nil
	}
	return p.load(pg)
}

// TryWriter takes the writer lock if nobody has it.
func (p *Pager) TryWriter() bool { return p.mu.TryLock() }

// ReleaseWriter releases what TryWriter took.
func (p *Pager) ReleaseWriter() { p.mu.Unlock() }

// Settled is the last operation that is durable and that no reader stands
// before. The writer lock is held.
func (p *Pager) Settled() uint64 { return min(p.durable, p.MinActive()) }

// Unborn reports whether the page exists for nobody yet, or any more.
func (pg *Page) Unborn() bool {
	img := pg.latest.Load()
	return img != nil && img.seq == unbornSeq
}

// Writable reports why an operation would be refused.
func (p *Pager) Writable() error {
	if p.o.ReadOnly && !p.closing.Load() {
		return ErrReadOnly
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writable()
}
