package pager

import "sync"

// cache bounds the clean images in memory by the clock algorithm. Images that
// are not in their segment yet, or that a pinned reader may need, are never
// dropped; they are bounded by the size of the log.
type cache struct {
	mu    sync.Mutex
	limit int
	ring  []*Page
	hand  int
}

// evictTries bounds the work of one add; the marks of use that it clears help
// the next.
const evictTries = 64

// add tells the cache that a page has a clean image. evict tries to drop a
// page's image: done when it is gone (or was), kept when it must stay in memory
// but is not clean any more (it comes back through add).
func (c *cache) add(p *Page, evict func(*Page) evicted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.used.Store(true)
	if !p.ringed {
		p.ringed = true
		c.ring = append(c.ring, p)
	}
	for tries := evictTries; len(c.ring) > c.limit && tries > 0; tries-- {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		q := c.ring[c.hand]
		if c.limit > 0 && q.used.Swap(false) {
			c.hand++
			continue
		}
		if evict(q) == evictLater {
			c.hand++
			continue
		}
		q.ringed = false
		last := len(c.ring) - 1
		c.ring[c.hand] = c.ring[last]
		c.ring[last] = nil
		c.ring = c.ring[:last]
	}
}

func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ring)
}

// evicted is what an attempt to drop an image came to.
type evicted uint8

const (
	evictDone  evicted = iota // no image left, or one that is not clean: leave the ring
	evictLater                // clean, but a pinned reader may need it
)

// evict drops the image of a page if the segment holds it and every reader,
// also one that reads it from there, would see the same version.
func (p *Pager) evict(pg *Page) evicted {
	img := pg.latest.Load()
	if img == nil {
		p.table.drop(pg)
		return evictDone
	}
	if !img.stored.Load() {
		return evictDone
	}
	if img.seq > p.MinActive() {
		return evictLater
	}
	pg.swap.Lock()
	raise(&pg.evicted, img.seq)
	gone := pg.latest.CompareAndSwap(img, nil)
	pg.swap.Unlock()
	if gone {
		p.table.drop(pg)
	}
	return evictDone
}
