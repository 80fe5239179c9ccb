package pager

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/wal"
)

// winners gives for every page of the log its image with the highest LSN, the
// later one of equals, in the order of the page ids.
func winners(images []wal.Image) []wal.Image {
	best := make(map[uint64]wal.Image, len(images))
	for _, img := range images {
		if old, ok := best[img.PageID]; !ok || img.LSN >= old.LSN {
			best[img.PageID] = img
		}
	}
	list := make([]wal.Image, 0, len(best))
	for _, img := range best {
		list = append(list, img)
	}
	slices.SortFunc(list, func(a, b wal.Image) int {
		if a.PageID < b.PageID {
			return -1
		}
		return 1
	})
	return list
}

// whole reports whether a page may be relied on.
func whole(page []byte, id uint64) bool {
	return format.VerifyPage(page, id) == nil && format.PageLSN(page) < maxLSN
}

// redo decides which bytes a page of the log ends with: those of the log, or
// those of the segment where it stands with a higher LSN (R12: the LSN chooses
// which image wins; at equal LSN the log).
func (p *Pager) redo(img wal.Image, buf, disk []byte) (winner []byte, differs bool, err error) {
	if err := p.readImage(img, buf); err != nil {
		return nil, false, err
	}
	if err := format.VerifyPage(buf, img.PageID); err != nil {
		return nil, false, p.logCorrupt(img, err)
	}
	err = p.segs.read(img.PageID, disk)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return nil, false, err
	}
	if err != nil {
		clear(disk) // a page that the segment does not reach is an unwritten one
	}
	if !whole(disk, img.PageID) {
		return buf, true, nil
	}
	if lsn := format.PageLSN(disk); lsn > img.LSN {
		if p.logEnd > 0 && lsn > p.logEnd && !p.o.Salvage {
			return nil, false, p.logLost(img.PageID, lsn)
		}
		raise(&p.counter, lsn)
		return disk, false, nil
	}
	return buf, !bytes.Equal(buf, disk), nil
}

// overlayLog is the recovery of a read-only handle: it notes which pages the
// log has newer than the segments.
func (p *Pager) overlayLog(f *found) error {
	buf, disk := make([]byte, p.o.PageSize), make([]byte, p.o.PageSize)
	if err := p.inspect(f, winners(f.scan.Images)); err != nil {
		return err
	}
	p.overlay = make(map[uint64]wal.Image)
	list := winners(f.scan.Images)
	phase := p.beginSome("redo", len(list))
	for i, img := range list {
		winner, differs, err := p.redo(img, buf, disk)
		if err != nil {
			return err
		}
		if &winner[0] == &buf[0] {
			p.overlay[img.PageID] = img
			if differs && f.meta.Clean {
				p.recovery.FlagLied = true
			}
		}
		phase.At(int64(i) + 1)
		if err := p.ended(); err != nil {
			return err
		}
	}
	phase.End()
	return nil
}

// toRecover says whether the database needs recovery, and which images it will
// redo: all of them have been looked at, and nothing has been changed.
func (p *Pager) toRecover(f *found) (needed bool, list []wal.Image, err error) {
	size, err := p.logFile.Size()
	if err != nil {
		return false, nil, err
	}
	if f.meta.Clean && size == format.WALHeaderSize && f.logWhole {
		return false, nil, nil
	}
	list = winners(f.scan.Images)
	return true, list, p.inspect(f, list)
}

// recover brings the database of an unclean start to the state that a cut log
// needs. Every step may be the last before a crash; DESIGN.md section 6.
func (p *Pager) recover(f *found, list []wal.Image) error {
	p.recovery.Pages = len(list)
	// The end of the log may stand in the page cache only, after a kill or a
	// failed sync: durable first, relied on then (R12).
	if err := p.log.Rewrite(f.scan.LastGroup[0], f.scan.LastGroup[1]); err != nil {
		return p.logDamage(err)
	}
	if err := p.freezeBeforeRedo(f, p.protected); err != nil {
		return err
	}
	if err := p.redoAll(f, list); err != nil {
		return err
	}
	if err := p.fillGap(); err != nil {
		return err
	}
	if err := p.segs.settle(); err != nil {
		return err
	}
	if err := p.renewFiles(f); err != nil {
		return err
	}
	if err := p.log.Cut(); err != nil {
		return err
	}
	p.noteLog()
	p.report()
	return nil
}

// inspect looks at everything that will be redone before anything is changed,
// and finds out whether a log under a set clean flag changes anything. The
// original leaves its log in place when it closes; then nothing does (R11).
func (p *Pager) inspect(f *found, list []wal.Image) error {
	buf, disk := make([]byte, p.o.PageSize), make([]byte, p.o.PageSize)
	changes, spoiled := false, false
	for _, img := range list {
		winner, differs, err := p.redo(img, buf, disk)
		if err != nil {
			return err
		}
		changes = changes || differs
		spoiled = spoiled || &winner[0] == &buf[0] && differs && !format.IsZeroPage(disk) && !whole(disk, img.PageID)
	}
	if spoiled {
		if err := p.noPageAhead(disk); err != nil {
			return err
		}
	}
	if !f.meta.Clean || !changes {
		return nil
	}
	p.recovery.FlagLied, p.recovery.Unclean = true, true
	if p.o.RefuseUnclean {
		return fmt.Errorf("%s: %w: page images of the log are not in the segments", p.dir, ErrUnclean)
	}
	return nil
}

// noPageAhead refuses a log of ours that ends before a page of any segment. It is
// asked where an image of the log takes the place of a page that is neither whole
// nor unwritten: a torn write leaves such a page, but so does damage to a newer
// one, of which the log has lost the image; and then that page is no witness.
func (p *Pager) noPageAhead(buf []byte) error {
	if p.logEnd == 0 || p.o.Salvage {
		return nil
	}
	phase := p.beginPhase("inspect", int64(p.segs.pages()))
	for id := range p.segs.pages() {
		err := p.segs.read(id, buf)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			return err
		}
		if err == nil && whole(buf, id) && format.PageLSN(buf) > p.logEnd {
			return p.logLost(id, format.PageLSN(buf))
		}
		phase.At(int64(id) + 1)
		if err := p.ended(); err != nil {
			return err
		}
	}
	phase.End()
	return nil
}

// logLost is the damage of a log that ends before a page of a segment. Segments
// are written after the sync of a group: what the log has lost was synced, and is
// no torn write.
func (p *Pager) logLost(id, lsn uint64) error {
	return &CorruptionError{Path: p.file(wal.FileName), Page: id, Offset: NoOffset,
		Reason: fmt.Sprintf("ends at LSN %d, but the page stands in its segment with LSN %d", p.logEnd, lsn)}
}

// redoAll writes the winning bytes of every page of the log, also where the
// segment seems to hold them: that may be the page cache (R12).
func (p *Pager) redoAll(f *found, list []wal.Image) error {
	buf, disk := make([]byte, p.o.PageSize), make([]byte, p.o.PageSize)
	phase := p.beginSome("redo", len(list))
	for i, img := range list {
		winner, _, err := p.redo(img, buf, disk)
		if err != nil {
			return err
		}
		if err := p.segs.writeRun(img.PageID, winner); err != nil {
			return err
		}
		phase.At(int64(i) + 1)
		if err := p.ended(); err != nil {
			return err
		}
	}
	phase.End()
	return nil
}

const maxGapBytes = 64 << 20

// fillGap gives space to the page ids that the meta is ahead of the segments,
// as the original leaves them in a crash. Without space they stay unused; so they
// do if they are more than a crash explains, for the meta has no checksum.
func (p *Pager) fillGap() error {
	if p.gapTo-p.gapFrom > uint64(maxGapBytes/p.o.PageSize) {
		return nil
	}
	err := p.segs.allocate(min(p.gapFrom, p.next), p.next)
	if err == nil || harmless(err) {
		return nil
	}
	return err
}

// renewFiles writes the small files anew, for they too may stand in the page
// cache only. The free list goes first: nothing on it is believed from now on,
// also by the original, which would trust it. The meta goes last and is what
// makes the log stale.
func (p *Pager) renewFiles(f *found) error {
	if err := p.replace(format.FreeName, format.EncodeFree(nil, 0)); err != nil {
		return err
	}
	if err := p.replace(format.DirName, format.EncodeDir(f.heads)); err != nil {
		return err
	}
	p.listed, p.recountDue = nil, p.next > 0
	p.recovery.RecountDue = p.recountDue
	return p.writeMeta(func(m *format.Meta) {
		m.LastLSN = max(m.LastLSN, p.counter.Load())
		m.NextPageID = max(m.NextPageID, p.next)
	})
}

func (p *Pager) report() {
	r := p.recovery
	attrs := []any{"records", r.Records, "groups", r.Groups, "pages", r.Pages, "torn_bytes", r.TornBytes, "foreign", r.Foreign}
	switch {
	case r.Damaged:
		p.logger.Warn("recovered with salvage", append(attrs, "lost_bytes", r.LostBytes)...)
	case r.FlagLied:
		p.logger.Warn("recovered under a clean flag", attrs...)
	case r.Unclean:
		p.logger.Info("recovered", attrs...)
	}
}
