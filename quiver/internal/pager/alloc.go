package pager

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// freedPage waits until nobody can need the page any more.
type freedPage struct {
	id  uint64
	seq uint64 // operation that unlinked it
}

// allocID gives out a page id. The writer lock is held.
func (p *Pager) allocID() (uint64, error) {
	p.drainQuarantine()
	if len(p.pool) == 0 && len(p.listed) > 0 {
		if err := p.takeListed(); err != nil {
			return 0, err
		}
	}
	if n := len(p.pool); n > 0 {
		id := p.pool[n-1]
		p.pool = p.pool[:n-1]
		return id, nil
	}
	if p.next == p.reserved {
		if err := p.reserveIDs(); err != nil {
			return 0, err
		}
	}
	id := p.next
	p.next++
	return id, nil
}

// drainQuarantine moves to the pool what was unlinked by a durable operation
// that every reader stands behind (R5).
func (p *Pager) drainQuarantine() {
	if len(p.quarantine) == 0 {
		return
	}
	min := min(p.MinActive(), p.durable, p.oldestSnapshot())
	n := 0
	for n < len(p.quarantine) && p.quarantine[n].seq <= min {
		id := p.quarantine[n].id
		if pg := p.table.find(id); pg != nil {
			p.hooks.Recycled(pg)
		}
		p.pool = append(p.pool, id)
		n++
	}
	p.quarantine = p.quarantine[n:]
}

// takeListed moves a batch of ids from the free file to the pool. They leave
// the file durably before the first is given out (R5); a crash orphans the
// batch at worst.
func (p *Pager) takeListed() error {
	k := len(p.listed)
	if k > 2*p.o.freeBatch() {
		k = max(p.o.freeBatch(), k/4)
	}
	keep := p.listed[:len(p.listed)-k]
	if err := p.startSession(); err != nil {
		return p.surface(err)
	}
	if err := p.replace(format.FreeName, format.EncodeFree(keep, 0)); err != nil {
		return p.surface(err)
	}
	p.pool = append(p.pool, p.listed[len(keep):]...)
	p.listed = keep
	return nil
}

// reserveIDs makes the next run of ids usable: space first, then the meta that
// covers them (R4, R7).
func (p *Pager) reserveIDs() error {
	// The meta first: its name may not be durable yet, and a segment with pages
	// and no meta is a database that lost it.
	if err := p.startSession(); err != nil {
		return p.surface(fmt.Errorf("reserve pages: %w", err))
	}
	n := p.o.reservePages(p.next)
	to := p.next + uint64(n)
	// Not beside the replacement of a small file, which may have given the reserve
	// back for a moment: the space is not for new pages.
	p.metaMu.Lock()
	err := p.segs.allocate(p.next, to)
	if err != nil && harmless(err) && n > 1 {
		// Not enough for a whole run: what is needed now may still fit.
		to = p.next + 1
		err = p.segs.allocate(p.next, to)
	}
	p.metaMu.Unlock()
	if err == nil {
		p.pageLimit.Store(to)
		err = p.writeMeta(func(m *format.Meta) { m.NextPageID = max(m.NextPageID, to) })
	}
	if err != nil {
		if harmless(err) {
			// Or the pages would be orphans. If no space can be given back they are.
			p.pageLimit.Store(p.next)
			if e := p.segs.truncate(p.next); e != nil && !harmless(e) {
				err = e
			}
		}
		return p.surface(fmt.Errorf("reserve pages: %w", err))
	}
	p.reserved = to
	return nil
}

// surface turns an error of a step that changes files into what the caller of
// an operation gets: full when nothing has become uncertain, else the handle is
// poisoned (R9).
func (p *Pager) surface(err error) error {
	if harmless(err) {
		return full(err)
	}
	return p.setPoison(err)
}

// Account is the book-keeping of a walk through all pages: what the state at Seq
// does not reach and what nobody else answers for is an orphan.
type Account struct {
	p     *Pager
	Seq   uint64 // pinned
	Limit uint64 // page ids below it were given out before the walk began
	free  []uint64
	ends  uint64 // of snapshots, when it began
}

// Account pins a state and begins to note which pages the handle itself gives
// out or gets back from now on. There can be one at a time.
func (p *Pager) Account() (*Account, error) {
	// Not while heads are on their way: published, and not yet named by dir.
	p.headsMu.Lock()
	defer p.headsMu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Load() {
		return nil, ErrClosed
	}
	if p.accounted != nil {
		return nil, ErrRecounting
	}
	a := &Account{p: p, Seq: p.Pin(), Limit: p.next, ends: p.ends, free: slices.Concat(p.pool, p.listed)}
	own := make(map[uint64]struct{}, len(a.free)+len(p.quarantine))
	for _, id := range a.free {
		own[id] = struct{}{}
	}
	for _, f := range p.quarantine {
		own[f.id] = struct{}{}
		if f.seq <= min(a.Seq, p.oldestKept()) {
			a.free = append(a.free, f.id)
		}
	}
	if p.o.ReadOnly {
		a.free = p.fileFree
	}
	// Pages of operations that the pinned state does not show yet.
	for _, g := range []*group{p.open, p.inflight} {
		if g != nil {
			for _, pg := range g.pages {
				own[pg.ID] = struct{}{}
			}
		}
	}
	p.accounted, p.accountEnds = own, make(chan struct{})
	return a, nil
}

// Free lists the pages that were free when the walk began: those of the file
// for a read-only handle, whether they are believed or not.
func (a *Account) Free() []uint64 { return a.free }

// Owned reports whether the handle answers for a page.
func (a *Account) Owned(id uint64) bool {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	_, ok := a.p.accounted[id]
	return ok
}

// Abandon ends the search without a result.
func (a *Account) Abandon() {
	a.p.Unpin(a.Seq)
	a.p.mu.Lock()
	a.p.endAccount()
	a.p.mu.Unlock()
}

// endAccount lets another walk begin. mu is held.
func (p *Pager) endAccount() {
	p.accounted = nil
	close(p.accountEnds)
}

// AwaitAccount waits until no walk through all pages runs.
func (p *Pager) AwaitAccount(ctx context.Context) error {
	p.mu.Lock()
	running, ends := p.accounted != nil, p.accountEnds
	p.mu.Unlock()
	if !running {
		return nil
	}
	select {
	case <-ends:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Finish frees every page below Limit that was not reached and that the handle
// has not answered for meanwhile. The caller has read every page of the state.
func (a *Account) Finish(ctx context.Context, reached func(id uint64) bool) (freed int, err error) {
	p := a.p
	p.Unpin(a.Seq)
	orphans, err := a.orphans(ctx, reached)
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.accounted
	p.endAccount()
	if err == nil {
		err = p.writable()
	}
	if err != nil {
		return 0, err
	}
	orphans = slices.DeleteFunc(orphans, func(id uint64) bool {
		_, ours := own[id]
		return ours
	})
	if len(orphans) > 0 || p.recountDue {
		// Close has to write the list.
		if err := p.startSession(); err != nil {
			return 0, p.surface(err)
		}
	}
	if p.recountDue {
		// The file may name pages that go into the pool now (R5).
		if err := p.replace(format.FreeName, format.EncodeFree(nil, 0)); err != nil {
			return 0, p.surface(err)
		}
	}
	p.pool = append(p.pool, orphans...)
	// What a snapshot of an earlier session led to that was ended meanwhile may count
	// as reached.
	p.recountDue, p.lsnsUnknown = p.ends != a.ends, false
	return len(orphans), nil
}

// orphans are the pages that were not reached. Each of them raises the counter:
// a page that is given out again must get a higher LSN than it has ever had (R6).
// Ids without space behind them, which the meta of an unclean database may have
// been ahead by, are never given out (R7).
func (a *Account) orphans(ctx context.Context, reached func(id uint64) bool) ([]uint64, error) {
	p := a.p
	var list []uint64
	buf := make([]byte, p.o.PageSize)
	for id := range a.Limit {
		if id >= p.gapFrom && id < p.gapTo || reached(id) {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		err := p.segs.read(id, buf)
		if errors.Is(err, ErrCorrupt) {
			continue
		}
		if err != nil {
			return nil, p.ifClosed(err)
		}
		list = append(list, id)
		if p.verify(id, buf) == nil {
			raise(&p.counter, format.PageLSN(buf))
		}
	}
	return list, nil
}
