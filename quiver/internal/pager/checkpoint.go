package pager

import (
	"cmp"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// runBytes bounds one write of consecutive pages to a segment.
const runBytes = 1 << 20

// dirtyPage is a logged image that its segment does not hold yet.
type dirtyPage struct {
	page *Page
	img  *image
}

// markDirty enters a group whose images stand in the synced log.
func (p *Pager) markDirty(s *sealed) {
	p.dirtyMu.Lock()
	defer p.dirtyMu.Unlock()
	for i, pg := range s.pages {
		s.images[i].logged = true
		p.dirty[pg.ID] = dirtyPage{pg, s.images[i]}
	}
}

// writeBack writes the dirty images to their segments and syncs those. An image
// is served from memory until the sync has returned: before, the system may
// still lose what it took, and show the old page again. Only images of the
// synced log get here (R1).
func (p *Pager) writeBack() error {
	p.writeBackMu.Lock()
	defer p.writeBackMu.Unlock()
	p.dirtyMu.Lock()
	list := make([]dirtyPage, 0, len(p.dirty))
	for _, d := range p.dirty {
		list = append(list, d)
	}
	p.dirtyMu.Unlock()
	slices.SortFunc(list, func(a, b dirtyPage) int { return cmp.Compare(a.page.ID, b.page.ID) })
	written := 0
	var failed error
	for written < len(list) && failed == nil {
		n := p.runLength(list[written:])
		if failed = p.writeRun(list[written : written+n]); failed == nil {
			written += n
		}
	}
	// Also when a write has found no space: what was written is written.
	if err := p.segs.sync(); err != nil {
		return err
	}
	p.markStored(list[:written])
	return failed
}

// markStored takes images off the dirty list that the segments hold durably.
func (p *Pager) markStored(list []dirtyPage) {
	for _, d := range list {
		d.img.stored.Store(true)
		p.cache.add(d.page, p.evict)
	}
	p.dirtyMu.Lock()
	defer p.dirtyMu.Unlock()
	for _, d := range list {
		if p.dirty[d.page.ID].img == d.img {
			delete(p.dirty, d.page.ID)
		}
	}
}

// runLength counts the pages at the head of the list that one write can take:
// consecutive, in one segment.
func (p *Pager) runLength(list []dirtyPage) int {
	n := 1
	for n < len(list) && (n+1)*p.o.PageSize <= runBytes &&
		list[n].page.ID == list[0].page.ID+uint64(n) && list[n].page.ID%p.segs.perSeg != 0 {
		n++
	}
	return n
}

func (p *Pager) writeRun(run []dirtyPage) error {
	size := p.o.PageSize
	if cap(p.runBuf) < len(run)*size {
		p.runBuf = make([]byte, max(len(run)*size, 16*size))
	}
	buf := p.runBuf[:len(run)*size]
	for i, d := range run {
		page := buf[i*size : (i+1)*size]
		copy(page, d.img.data)
		format.SealPage(page, d.img.lsn.Load())
	}
	return p.segs.writeRun(run[0].page.ID, buf)
}

// checkpoint brings every image of the log to its segment and starts the log
// again in place. commitMu is held. Nothing is lost if it fails: the log stays.
func (p *Pager) checkpoint() error {
	if p.log.Used() == 0 {
		return nil
	}
	if err := p.writeBack(); err != nil {
		return err
	}
	// Every LSN that stands in the log, and none above: a group that has its LSNs
	// already may be waiting for this cut (R6).
	last := p.appended
	if err := p.writeMeta(func(m *format.Meta) { m.LastLSN = max(m.LastLSN, last) }); err != nil {
		return err
	}
	p.log.Reset()
	p.nextWake = p.o.logRecords() / 2
	p.checkpoints.Add(1)
	if err := p.log.Shrink(); err != nil {
		p.logger.Warn("log keeps its size", "error", err)
	}
	p.metaMu.Lock()
	p.reserve.acquire() // what a full disk had of it
	p.metaMu.Unlock()
	p.noteLog()
	return nil
}

// Checkpoint makes everything durable in the segments and cuts the log.
func (p *Pager) Checkpoint() error {
	if p.o.ReadOnly {
		return ErrReadOnly
	}
	if err := p.Sync(); err != nil {
		return err
	}
	p.commitMu.Lock()
	defer p.commitMu.Unlock()
	if err := p.Writable(); err != nil {
		return err
	}
	if err := p.checkpoint(); err != nil {
		return p.surface(err)
	}
	return nil
}

// background writes dirty pages while the log fills, so that the cut finds
// little to do. It returns when stop is closed.
func (p *Pager) background() {
	defer close(p.stopped)
	for {
		select {
		case <-p.stop:
			return
		case <-p.wake:
		}
		if p.poisoned() != nil {
			continue
		}
		if err := p.writeBack(); err != nil && !harmless(err) {
			_ = p.setPoison(err)
		}
	}
}

// wakeBackground starts a round of write-back when the log is half full, and
// again whenever half of the rest has been used. commitMu is held.
func (p *Pager) wakeBackground() {
	if p.wake == nil || p.log.Used() < p.nextWake {
		return
	}
	p.nextWake += max(1, (p.o.logRecords()-p.nextWake)/2)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
