package pager

import (
	"errors"
	"fmt"
)

// errUnwritten marks an error before the first byte of a group.
var errUnwritten = errors.New("nothing was written")

// unwrittenError wraps the cause so that its text stays the cause's own.
type unwrittenError struct{ error }

func (e unwrittenError) Unwrap() error        { return e.error }
func (e unwrittenError) Is(target error) bool { return target == errUnwritten }

func unwritten(err error) error {
	if harmless(err) {
		return unwrittenError{err}
	}
	return err
}

// setPoison makes the handle refuse writes from now on, with the first cause,
// and returns the error that they get (R9).
func (p *Pager) setPoison(cause error) error {
	if errors.Is(cause, ErrPoisoned) {
		return cause
	}
	err := fmt.Errorf("%w: %w", ErrPoisoned, cause)
	if p.poison.CompareAndSwap(nil, &err) {
		p.logger.Error("poisoned", "cause", cause)
	}
	return *p.poison.Load()
}

func (p *Pager) poisoned() error {
	if err := p.poison.Load(); err != nil {
		return *err
	}
	return nil
}

// undo takes back a group of which nothing was written, and what was built on
// it meanwhile. Batches that are visible already stay, and wait for the next
// group. It reports whether it could: after any other failure nobody knows what
// the disk holds, and the handle is lost.
func (p *Pager) undo(s *sealed, cause error) bool {
	if !errors.Is(cause, errUnwritten) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	visible := p.visible.Load()
	later := p.open
	p.open = newGroup()
	buckets := map[uint32]bool{}
	takeBack := func(pg *Page, replaced *image) {
		pg.group, pg.replaced, pg.flushing = nil, nil, nil
		p.takeBack(pg, replaced, visible)
		if pg.Index >= 0 {
			buckets[pg.Bucket] = true
		}
	}
	for i, pg := range s.pages {
		takeBack(pg, s.olds[i])
	}
	for _, pg := range later.pages {
		if pg.group == later {
			takeBack(pg, pg.replaced)
		}
	}
	for b := range buckets {
		p.hooks.Undone(b, visible)
	}
	kept := p.quarantine[:0]
	for _, f := range p.quarantine {
		if f.seq <= visible {
			kept = append(kept, f)
		}
	}
	p.quarantine = kept
	p.lastSeq = visible
	p.open.lastSeq = visible
	if later.waiters > 0 {
		later.err = full(cause)
		close(later.done)
	}
	return true
}

// takeBack drops the versions of a page that nobody has seen. If one remains
// that is not logged, the page waits in the open group.
func (p *Pager) takeBack(pg *Page, replaced *image, visible uint64) {
	img := pg.latest.Load()
	if img == nil || img.seq == unbornSeq {
		return
	}
	for img.seq > visible {
		older := img.prev.Load()
		if older == nil {
			if img.first {
				pg.latest.Store(&image{seq: unbornSeq, first: true})
				p.pool = append(p.pool, pg.ID)
			}
			return
		}
		img = older
	}
	pg.latest.Store(img)
	if !img.logged {
		p.open.add(pg, replaced)
	}
}
