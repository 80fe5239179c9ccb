package pager

import (
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Frozen is a page as a snapshot needs it: a sealed image.
type Frozen struct {
	PageID, LSN uint64
	Page        []byte
}

// Keeper keeps the pages of a snapshot that would otherwise be overwritten. Has
// and Read may be called beside Freeze.
type Keeper interface {
	Has(id uint64) bool
	// Freeze keeps pages; all of them or, with an error, none. If the snapshot
	// outlives the process they are durable when it returns.
	Freeze(pages []Frozen) error
	// Read copies a page that it has.
	Read(id uint64, buf []byte) error
	// Lost tells what is wrong with what was kept of a page that it has not; nil if
	// nothing was kept.
	Lost(id uint64) error
}

// Snapshot is the database as of one LSN. A page that is overwritten is kept
// first: the version that a group replaces is frozen before a byte of the group
// is written (R8), so what is neither frozen nor newer than the snapshot is
// unchanged. Pages that are freed meanwhile are not given out again before the
// snapshot ends.
type Snapshot struct {
	p      *Pager
	seq    uint64
	lsn    uint64
	limit  uint64 // page ids below it had been given out
	heads  []uint64
	keeper Keeper
	kept   bool // outlives the session
}

// BeginSnapshot takes the state of this moment: everything that is visible,
// made durable first. makeKeeper is called with its LSN and heads; kept says
// that the snapshot outlives the session.
func (p *Pager) BeginSnapshot(kept bool, makeKeeper func(lsn uint64, heads []uint64) (Keeper, error)) (*Snapshot, error) {
	p.commitMu.Lock()
	defer p.commitMu.Unlock()
	for {
		if err := p.snapshotAllowed(); err != nil {
			return nil, err
		}
		p.mu.Lock()
		if p.visible.Load() == p.durable {
			break
		}
		// Batches without a sync are visible and not durable.
		p.mu.Unlock()
		if err := p.flush(); err != nil {
			return nil, err
		}
	}
	defer p.mu.Unlock()
	// No group is under way, so every LSN given out is published. The counter
	// may be above the last one: then a page was met with that LSN.
	s := &Snapshot{p: p, seq: p.durable, lsn: p.counter.Load(), limit: p.next, heads: p.Heads(), kept: kept}
	var err error
	if s.keeper, err = makeKeeper(s.lsn, s.heads); err != nil {
		return nil, err
	}
	p.snapshots = append(p.snapshots, s)
	return s, nil
}

// Quiet runs fn while no group is written and no snapshot begins or ends.
func (p *Pager) Quiet(fn func() error) error {
	p.commitMu.Lock()
	defer p.commitMu.Unlock()
	return fn()
}

func (p *Pager) snapshotAllowed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writable()
}

// adoptSnapshot takes up a snapshot of an earlier session, before the first
// operation of this one.
func (p *Pager) adoptSnapshot(sn Protected) *Snapshot {
	s := &Snapshot{p: p, lsn: sn.LSN, heads: sn.Heads, keeper: sn.Keeper, kept: true}
	p.snapshots = append(p.snapshots, s)
	return s
}

// FixedSnapshot reads the state at an LSN without protecting it: what is left of
// a snapshot that has ended or, without a Keeper, the present state of a
// read-only handle.
func (p *Pager) FixedSnapshot(lsn uint64, heads []uint64, k Keeper) *Snapshot {
	return &Snapshot{p: p, lsn: lsn, limit: p.PageLimit(), heads: heads, keeper: k}
}

// End takes the protection away. Pages that only a snapshot of an earlier
// session held are found by the next recount.
func (s *Snapshot) End() {
	p := s.p
	p.commitMu.Lock()
	defer p.commitMu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.snapshots)
	p.snapshots = slices.DeleteFunc(p.snapshots, func(o *Snapshot) bool { return o == s })
	if len(p.snapshots) < n && s.kept && !s.ThisSession() {
		p.recountDue = true
		p.ends++
	}
}

// KeptSnapshots are the live snapshots that outlive the session.
func (p *Pager) KeptSnapshots() []*Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.snapshots), func(s *Snapshot) bool { return !s.kept })
}

// Live reports whether the snapshot is protected. It has been until End, which
// comes before anything that it needs is given up.
func (s *Snapshot) Live() bool {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return slices.Contains(s.p.snapshots, s)
}

// LSN is the last change that the snapshot has.
func (s *Snapshot) LSN() uint64 { return s.lsn }

// Heads are the first pages of the buckets as of the snapshot.
func (s *Snapshot) Heads() []uint64 { return s.heads }

// Limit is above the ids of all pages that the snapshot's links lead to.
func (s *Snapshot) Limit() uint64 { return s.limit }

// Seq is the last operation of this handle that the snapshot has.
func (s *Snapshot) Seq() uint64 { return s.seq }

// Page is the page of an id as of the snapshot; nil if it did not exist then,
// or is not to be had any more because the protection has ended.
func (s *Snapshot) Page(id uint64) ([]byte, error) {
	data, img, err := s.page(id)
	if img != nil {
		data = img.data
	}
	return data, err
}

// Sealed is Page as it stands in a file, with its LSN and checksum; ok is false
// where Page is nil.
func (s *Snapshot) Sealed(id uint64) (f Frozen, ok bool, err error) {
	data, img, err := s.page(id)
	switch {
	case err != nil:
		return Frozen{}, false, err
	case img != nil:
		data = slices.Clone(img.data)
		format.SealPage(data, img.lsn.Load())
	case data == nil:
		return Frozen{}, false, nil
	}
	return Frozen{id, format.PageLSN(data), data}, true, nil
}

// page finds a page frozen, or published and unchanged since, or neither.
func (s *Snapshot) page(id uint64) (data []byte, img *image, err error) {
	if data, ok, err := s.frozen(id); ok || err != nil {
		return data, nil, err
	}
	if img, err = s.p.published(id); err != nil {
		return nil, nil, err
	}
	if img != nil && (s.keeper == nil || !s.newer(img)) {
		// Unless it has been frozen since, it is what the snapshot has; and if it
		// has, it is that too.
		return nil, img, nil
	}
	if img = s.unflushed(id); img != nil {
		return nil, img, nil
	}
	// What has been published since was frozen before that.
	data, ok, err := s.frozen(id)
	if !ok && err == nil && s.keeper != nil {
		err = s.keeper.Lost(id)
	}
	return data, nil, err
}

// unflushed is the version of a page that the snapshot needs and that only
// batches without a sync have replaced so far: it is frozen with their group.
func (s *Snapshot) unflushed(id uint64) *image {
	if s.keeper == nil {
		return nil
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	pg := s.p.table.find(id)
	if pg == nil {
		return nil
	}
	for _, img := range []*image{pg.replaced, pg.flushing} {
		if img != nil && img.seq != unbornSeq && !s.newer(img) {
			return img
		}
	}
	return nil
}

// newer reports whether an image is newer than the snapshot. Within a session
// the operation tells, else the LSN; batches without a sync have none yet.
func (s *Snapshot) newer(img *image) bool {
	lsn := img.lsn.Load()
	switch {
	case img.seq == 0:
		return lsn > s.lsn
	case s.ThisSession():
		return img.seq > s.seq
	}
	return lsn == 0 || lsn > s.lsn
}

func (s *Snapshot) frozen(id uint64) (data []byte, ok bool, err error) {
	if s.keeper == nil || !s.keeper.Has(id) {
		return nil, false, nil
	}
	data = make([]byte, s.p.o.PageSize)
	return data, true, s.keeper.Read(id, data)
}

// published is the newest image of a page that readers may see, nil if there is
// none.
func (p *Pager) published(id uint64) (*image, error) {
	for {
		pg, err := p.lookup(id)
		if err != nil {
			return nil, err
		}
		at := p.visible.Load()
		img, cold := pg.at(at)
		if cold {
			img, err = p.load(pg)
			if err == errLeftTable {
				continue
			}
			if err != nil || img.seq <= at {
				return img, err
			}
			continue
		}
		if img != nil || p.visible.Load() == at {
			return img, nil
		}
	}
}

// freeze keeps what live snapshots need of the versions that a group replaces.
// The frames have their space before the group is written: a full disk fails
// the group, not a promise.
func (p *Pager) freeze(s *sealed) error {
	for _, sn := range p.snapshots {
		var pages []Frozen
		for i, pg := range s.pages {
			old := s.olds[i]
			lsn := old.lsn.Load()
			if old.seq == unbornSeq || lsn > sn.lsn || sn.keeper.Has(pg.ID) {
				continue
			}
			data := slices.Clone(old.data)
			format.SealPage(data, lsn)
			pages = append(pages, Frozen{pg.ID, lsn, data})
		}
		if len(pages) == 0 {
			continue
		}
		if err := sn.keeper.Freeze(pages); err != nil {
			return err
		}
	}
	return nil
}

// oldestSnapshot is the earliest operation that a live snapshot stands at.
func (p *Pager) oldestSnapshot() uint64 {
	oldest := uint64(unbornSeq)
	for _, s := range p.snapshots {
		oldest = min(oldest, s.seq)
	}
	return oldest
}

// oldestKept is the same for the snapshots that outlive the session.
func (p *Pager) oldestKept() uint64 {
	oldest := uint64(unbornSeq)
	for _, s := range p.snapshots {
		if s.kept {
			oldest = min(oldest, s.seq)
		}
	}
	return oldest
}

// ThisSession reports whether the snapshot was begun by this handle, so that
// Seq tells what has changed since.
func (s *Snapshot) ThisSession() bool { return s.seq > 0 }
