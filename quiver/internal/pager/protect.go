package pager

import (
	"errors"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/wal"
)

// Protected is a snapshot of an earlier session that was not ended.
type Protected struct {
	LSN    uint64
	Heads  []uint64
	Keeper Keeper
	// Adopted is called with the live snapshot.
	Adopted func(*Snapshot)
}

// freezeBatch bounds the pages that one call of a Keeper gets in recovery.
const freezeBatch = 256

// freezeBeforeRedo keeps what snapshots need of the pages that the redo of the
// log will overwrite: the newest image that is not above the snapshot, from the
// segment or the log itself (R16). What our own sessions log was frozen before;
// this is for what the original wrote.
func (p *Pager) freezeBeforeRedo(f *found, snapshots []Protected) error {
	if len(snapshots) == 0 || len(f.scan.Images) == 0 {
		return nil
	}
	byPage := make(map[uint64][]wal.Image)
	for _, img := range f.scan.Images {
		byPage[img.PageID] = append(byPage[img.PageID], img)
	}
	ids := make([]uint64, 0, len(byPage))
	for id := range byPage {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, sn := range snapshots {
		var batch []Frozen
		for _, id := range ids {
			page, err := p.lastBefore(sn, id, byPage[id])
			if err != nil {
				return err
			}
			if page.Page != nil {
				batch = append(batch, page)
			}
			if len(batch) == freezeBatch || id == ids[len(ids)-1] && len(batch) > 0 {
				if err := sn.Keeper.Freeze(batch); err != nil {
					return err
				}
				batch = nil
			}
		}
	}
	return nil
}

// lastBefore is the image of a page that a snapshot needs, if the redo would
// leave a later one.
func (p *Pager) lastBefore(sn Protected, id uint64, images []wal.Image) (Frozen, error) {
	var best wal.Image
	later := false
	for _, img := range images {
		if img.LSN > sn.LSN {
			later = true
		} else if img.LSN >= best.LSN {
			best = img
		}
	}
	if !later || sn.Keeper.Has(id) {
		return Frozen{}, nil
	}
	page := make([]byte, p.o.PageSize)
	err := p.segs.read(id, page)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return Frozen{}, err // it may be whole, and what the snapshot needs
	}
	if err == nil && whole(page, id) {
		if lsn := format.PageLSN(page); lsn <= sn.LSN && (best.Offset == 0 || lsn > best.LSN) {
			return Frozen{id, lsn, page}, nil
		}
	}
	if best.Offset == 0 {
		return Frozen{}, nil
	}
	if err := p.readImage(best, page); err != nil {
		return Frozen{}, err
	}
	if err := format.VerifyPage(page, id); err != nil {
		return Frozen{}, p.logCorrupt(best, err)
	}
	return Frozen{id, best.LSN, page}, nil
}

func (p *Pager) logCorrupt(img wal.Image, err error) error {
	return &CorruptionError{Path: p.file(wal.FileName), Page: img.PageID, Offset: img.Offset, Err: err}
}
