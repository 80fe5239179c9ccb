package pager

import (
	"cmp"
	"slices"
	"sync"
)

// readers keeps the operation numbers that readers have pinned.
type readers struct {
	mu     sync.Mutex
	counts map[uint64]int
	// retained lists pages whose old versions were kept for a pinned reader.
	retained []*Page
}

// Pin fixes the state that readers see now until Unpin: versions, unlinked
// pages and freed pages that it needs are kept.
func (p *Pager) Pin() uint64 {
	r := &p.readers
	r.mu.Lock()
	defer r.mu.Unlock()
	// Read under the lock: a trim that began before sees this pin or used a
	// minimum that is not above it.
	s := p.visible.Load()
	r.counts[s]++
	return s
}

// Unpin releases one Pin of s.
func (p *Pager) Unpin(s uint64) {
	r := &p.readers
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts[s]--; r.counts[s] > 0 {
		return
	}
	delete(r.counts, s)
	if len(r.retained) == 0 {
		return
	}
	at := p.readersLocked()
	kept := r.retained[:0]
	for _, pg := range r.retained {
		if pg.retained = !pg.trim(at); pg.retained {
			kept = append(kept, pg)
		}
	}
	clear(r.retained[len(kept):])
	r.retained = kept
}

// readersLocked are the operations that readers stand at or may take, newest
// first; the first is what is visible.
func (p *Pager) readersLocked() []uint64 {
	at := make([]uint64, 1, len(p.readers.counts)+1)
	at[0] = p.visible.Load()
	for s := range p.readers.counts {
		if s != at[0] {
			at = append(at, s)
		}
	}
	slices.SortFunc(at[1:], func(a, b uint64) int { return cmp.Compare(b, a) })
	return at
}

// MinActive is the oldest operation number that a reader may stand at.
func (p *Pager) MinActive() uint64 {
	p.readers.mu.Lock()
	defer p.readers.mu.Unlock()
	return p.minActiveLocked()
}

func (p *Pager) minActiveLocked() uint64 {
	min := p.visible.Load()
	for s := range p.readers.counts {
		if s < min {
			min = s
		}
	}
	return min
}

// trimPublished drops what the images of a group have superseded.
func (p *Pager) trimPublished(pages []*Page) {
	r := &p.readers
	r.mu.Lock()
	defer r.mu.Unlock()
	at := p.readersLocked()
	for _, pg := range pages {
		if !pg.trim(at) && !pg.retained {
			pg.retained = true
			r.retained = append(r.retained, pg)
		}
	}
}
