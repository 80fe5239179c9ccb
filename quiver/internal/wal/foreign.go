package wal

import "github.com/quiverdb/quiverdb-go/quiver/format"

// foreign reads a log of the original, by the cases in the package comment.
func (s *scanner) foreign() error {
	off := int64(format.WALHeaderSize)
	var damage *DamageError
	var rec found
	for {
		var err error
		if rec, err = s.r.record(off); err != nil {
			return err
		}
		if !rec.valid || rec.Marked() {
			break
		}
		s.see(rec.LSN)
		if rec.Type == format.RecordPageImage {
			if damage = s.checkForeignImage(&rec, off); damage != nil {
				break
			}
			s.image(&rec, off)
		}
		s.res.LastLSN = max(s.res.LastLSN, rec.LSN)
		s.res.Records++
		off += rec.Size()
	}
	s.res.End = off
	s.res.Bytes = off - format.WALHeaderSize
	s.res.Groups = s.res.Records
	if s.res.Records > 0 {
		// With the file header: nobody may have synced it.
		s.res.LastGroup = [2]int64{0, off}
	}
	s.res.TornBytes = s.r.size - off

	if rec.valid || s.likeForeign(&rec, s.res.LastLSN) {
		s.see(rec.LSN)
	}
	lost, end, err := s.lost(off)
	if err != nil {
		return err
	}
	if damage == nil && lost >= 0 {
		damage = damagef(off, "no valid record stands here, but one stands at offset %d", lost)
	}
	return s.conclude(damage, end)
}

// likeForeign reports whether the header of a torn record is that of an image
// that follows the LSN last.
func (s *scanner) likeForeign(rec *found, last uint64) bool {
	return rec.header && rec.Type == format.RecordPageImage && rec.Flags == 0 &&
		int64(rec.Len) == int64(s.o.PageSize) && rec.LSN > last && rec.LSN-last <= maxJump
}

// tornForeign accounts for a log of the original whose only record is torn.
func (s *scanner) tornForeign(off int64) error {
	rec, err := s.r.record(off)
	if err == nil && s.likeForeign(&rec, s.o.MetaLastLSN) {
		s.see(rec.LSN)
		s.res.TornBytes = s.r.size - off
	}
	return err
}

// checkForeignImage checks what redo relies on: length, page and LSN.
func (s *scanner) checkForeignImage(rec *found, off int64) *DamageError {
	if int64(rec.Len) != int64(s.o.PageSize) {
		return damagef(off, "an image of %d bytes where pages have %d", rec.Len, s.o.PageSize)
	}
	if err := format.VerifyPageHeader(rec.page, rec.PageID); err != nil {
		return damagef(off, "image of page %d: %v", rec.PageID, err)
	}
	return checkImageLSN(rec, off)
}

// lost returns the offset of the first valid record at a whole stride behind the
// bad record at off that proves a loss, or -1, and the end of the last valid one.
// After a clean close of the original the log is not needed: there only an image
// that its segment does not hold proves one.
func (s *scanner) lost(bad int64) (at, end int64, err error) {
	at = -1
	for off := bad + s.stride; s.r.size-off >= format.RecordHeaderSize; off += s.stride {
		rec, err := s.r.record(off)
		if err != nil {
			return at, end, err
		}
		if !rec.valid {
			continue
		}
		s.see(rec.LSN)
		if rec.Marked() {
			continue
		}
		end = off + rec.Size()
		if at >= 0 {
			continue
		}
		held := false
		if s.o.Clean {
			held = rec.Type != format.RecordPageImage
			if !held && int64(rec.Len) == int64(s.o.PageSize) {
				if held, err = s.held(rec.PageID, rec.LSN); err != nil {
					return at, end, err
				}
			}
		}
		if !held {
			at = off
		}
	}
	return at, end, nil
}
