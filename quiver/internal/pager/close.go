package pager

import (
	"errors"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Close makes everything durable, cuts the log and marks the database clean.
// A poisoned handle only closes its files; its error is returned. A handle that
// has changed nothing writes nothing.
func (p *Pager) Close() error {
	p.mu.Lock()
	if p.closing.Load() {
		p.mu.Unlock()
		return ErrClosed
	}
	p.closing.Store(true)
	var err error
	if p.o.ReadOnly {
		p.mu.Unlock()
	} else {
		err = p.drainUnlock()
	}
	// A directory with new heads may be on its way; no other comes after it.
	p.headsMu.Lock()
	defer p.headsMu.Unlock()
	if p.stop != nil {
		close(p.stop)
		<-p.stopped
	}
	p.commitMu.Lock()
	defer p.commitMu.Unlock()
	if err == nil && p.o.Settle != nil && p.poisoned() == nil {
		err = full(p.o.Settle())
	}
	if poison := p.poisoned(); poison != nil {
		err = poison
	} else if err == nil && p.session {
		err = full(p.finishSession())
	}
	if p.o.Release != nil {
		err = errors.Join(err, p.o.Release())
	}
	if err == nil && p.restored {
		err = full(p.finishRestore())
	}
	if e := p.closeFiles(); err == nil {
		err = e
	}
	return err
}

// finishSession takes the steps of a clean close; DESIGN.md section 6. The flag
// is the last, so that any crash before is an unclean start.
func (p *Pager) finishSession() error {
	if err := p.writeBack(); err != nil {
		return err
	}
	next, ids := p.settleFree()
	last := max(p.meta.LastLSN, p.counter.Load())
	// Before the meta that lowers next_page_id: the list must never name an id
	// that the original would give out a second time from there (R5).
	if err := p.replace(format.FreeName, format.EncodeFree(ids, p.freeSum(ids, last, next))); err != nil {
		return err
	}
	err := p.writeMeta(func(m *format.Meta) {
		m.LastLSN, m.NextPageID = last, next
	})
	if err != nil {
		return err
	}
	if err := p.log.Cut(); err != nil {
		return err
	}
	if err := p.segs.truncate(next); err != nil {
		return err
	}
	p.reserve.release()
	if p.segs.pages() < next {
		// The disk had no room for the pages that the meta of an unclean database
		// was ahead of its segments: it stays one.
		return nil
	}
	return p.writeMeta(func(m *format.Meta) { m.Clean = true })
}

// freeSum is what the free list of a clean close vouches for.
func (p *Pager) freeSum(ids []uint64, last, next uint64) uint64 {
	switch {
	case p.gapFrom < p.gapTo, p.lsnsUnknown && p.recountDue:
		return 0 // the ids of a gap are on no list
	case p.recountDue, p.oldestKept() != unbornSeq:
		// While a snapshot outlives the session only a recount can tell which pages
		// are free: those that it needs are on no list.
		return format.PartFreeSum(ids, last, next)
	}
	return format.FreeSum(ids, last, next)
}

// settleFree is the free list at the end of a session, and the page id limit
// with the free ids at its end taken back.
func (p *Pager) settleFree() (next uint64, ids []uint64) {
	ids = slices.Concat(p.listed, p.pool)
	oldest := p.oldestKept()
	for _, f := range p.quarantine {
		if f.seq <= oldest {
			ids = append(ids, f.id)
		}
	}
	slices.Sort(ids)
	next = p.next
	for len(ids) > 0 && ids[len(ids)-1] == next-1 {
		next--
		ids = ids[:len(ids)-1]
	}
	return next, ids
}

// closeFiles closes what is open and gives the lock back.
func (p *Pager) closeFiles() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	switch {
	case p.log != nil:
		keep(p.log.Close())
	case p.logFile != nil:
		keep(p.logFile.Close())
	}
	if p.segs != nil {
		keep(p.segs.close())
	}
	keep(p.unlock())
	return first
}
