package pager

import (
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// exportBytes is about the most that one read of an export covers.
const exportBytes = 256 << 10

// Export visits the pages below Limit in the order of their ids, as Sealed gives
// them, each with its own error. The bytes are valid during the call. Pages that
// are only in their segment are read many at a time and leave the cache alone.
func (s *Snapshot) Export(visit func(id uint64, f Frozen, ok bool, err error) error) error {
	size := s.p.o.PageSize
	buf := make([]byte, exportBytes/size*size)
	for id := uint64(0); id < s.limit; {
		n := min(s.limit-id, uint64(len(buf)/size), s.p.segs.perSeg-id%s.p.segs.perSeg)
		if err := s.exportRun(id, buf[:int(n)*size], visit); err != nil {
			return err
		}
		id += n
	}
	return nil
}

// exportRun visits pages that lie in one segment. Of those that were written back
// before the read the segment had the newest version then. If one is not frozen
// after the read, that is the snapshot's: a newer one is frozen for before it is
// written, so none can have been on its way into the segment.
func (s *Snapshot) exportRun(from uint64, buf []byte, visit func(id uint64, f Frozen, ok bool, err error) error) error {
	size := s.p.o.PageSize
	back := make([]bool, len(buf)/size)
	for i := range back {
		back[i] = s.p.writtenBack(from + uint64(i))
	}
	// What cannot be read as a run is read page by page, which tells the one.
	read := slices.Contains(back, true) && s.p.segs.read(from, buf) == nil
	for i := range back {
		id, page := from+uint64(i), buf[i*size:(i+1)*size]
		var err error
		f, ok := Frozen{id, format.PageLSN(page), page}, read && back[i] && s.unchanged(id, page)
		if ok {
			s.p.diskReads.Add(1)
			raise(&s.p.counter, f.LSN)
		} else {
			f, ok, err = s.Sealed(id)
		}
		if err := visit(id, f, ok, err); err != nil {
			return err
		}
	}
	return nil
}

// writtenBack reports whether the segment has the newest version of a page.
func (p *Pager) writtenBack(id uint64) bool {
	if _, logged := p.overlay[id]; logged {
		return false
	}
	pg := p.table.find(id)
	if pg == nil {
		return true
	}
	img := pg.latest.Load()
	return img == nil || img.stored.Load()
}

// unchanged reports whether what was read of a page is whole and as old as the
// snapshot. A page that came into being later is never frozen, and what is
// read of it may be torn: nothing in the snapshot leads there.
func (s *Snapshot) unchanged(id uint64, page []byte) bool {
	if s.keeper != nil && (s.keeper.Has(id) || format.PageLSN(page) > s.lsn) {
		return false
	}
	return s.p.verify(id, page) == nil
}
