package wal

import (
	"fmt"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// maxJump is how far the LSN in the header of a torn record may lie above the
// last good one to be believed. More pages than that are in no database, so no
// bulk load between two groups can use up more.
const maxJump = 1 << 32

// sequence is what the next record of a generation must be.
type sequence struct {
	last  uint64 // LSN of the record before, or the bound above which LSNs are live
	group uint8  // number of the group it belongs to
	open  bool   // the record before has not ended its group
}

// accepts reports whether r is the successor.
func (q sequence) accepts(r format.Record) bool {
	return r.Group() == q.group && r.LSN > q.last && (!q.open || r.LSN-q.last == 1)
}

// mayAccept reports whether the header r of a torn record, so many slots behind
// the one that is due, can be one of the group that is due.
func (q sequence) mayAccept(r format.Record, slots int64) bool {
	if r.Group() != q.group || r.LSN <= q.last || r.LSN-q.last <= uint64(slots) {
		return false
	}
	jump := r.LSN - q.last - uint64(slots)
	return jump == 1 || !q.open && jump <= maxJump
}

func (q *sequence) take(r format.Record) {
	q.last, q.open = r.LSN, !r.Last()
	if r.Last() {
		q.group = (q.group + 1) % format.GroupCount
	}
}

// marked reads a generation of ours, by the cases in the package comment.
func (s *scanner) marked() error {
	due := sequence{last: s.o.MetaLastLSN}
	bad, damage, err := s.live(&due)
	if err != nil {
		return err
	}
	rest, err := s.behind(bad, due)
	if err != nil {
		return err
	}
	if damage == nil {
		damage = rest.damage
	}
	first, err := s.stale(bad)
	if err != nil {
		return err
	}
	if first != nil && damage == nil {
		s.res.Stale = true
		if damage, err = s.believe(first.Group()); err != nil {
			return err
		}
	}
	if damage != nil && s.o.Salvage && first != nil && s.o.MetaLastLSN > 0 {
		return s.salvageStale(damage)
	}
	if damage == nil && s.res.Kind == Empty {
		return s.tornForeign(bad)
	}
	return s.conclude(damage, rest.validEnd)
}

// live collects the whole groups and returns the offset of the bad record.
func (s *scanner) live(due *sequence) (bad int64, damage *DamageError, err error) {
	whole := 0 // images of whole groups
	records, begin := 0, int64(format.WALHeaderSize)
	off := begin
	for ; ; off += s.stride {
		rec, err := s.r.record(off)
		if err != nil {
			return off, nil, err
		}
		if !rec.ours(s.o.PageSize) || !due.accepts(rec.Record) {
			break
		}
		s.see(rec.LSN)
		if rec.Type == format.RecordPageImage {
			if damage = checkOwnImage(&rec, off); damage != nil {
				break
			}
			s.image(&rec, off)
		}
		due.take(rec.Record)
		records++
		if rec.Last() {
			end := off + s.stride
			s.res.LastGroup = [2]int64{begin, end}
			s.res.LastLSN = rec.LSN
			s.res.Records += records
			s.res.Groups++
			s.res.Bytes, s.res.End = end-format.WALHeaderSize, end
			whole, records, begin = len(s.res.Images), 0, end
		}
	}
	s.res.Images = s.res.Images[:whole]
	if damage == nil && off > format.WALHeaderSize && s.r.size-off < format.RecordHeaderSize {
		damage = damagef(off, "the file ends before the %d bytes behind the last record", format.RecordHeaderSize)
	}
	return off, damage, nil
}

func (s *scanner) image(rec *found, off int64) {
	s.res.Images = append(s.res.Images, Image{
		LSN: rec.LSN, PageID: rec.PageID, Offset: off + format.RecordHeaderSize,
	})
}

func checkOwnImage(rec *found, off int64) *DamageError {
	if err := format.VerifyPage(rec.page, rec.PageID); err != nil {
		return damagef(off, "image of page %d: %v", rec.PageID, err)
	}
	return checkImageLSN(rec, off)
}

func checkImageLSN(rec *found, off int64) *DamageError {
	if lsn := format.PageLSN(rec.page); lsn != rec.LSN {
		return damagef(off, "image of page %d with LSN %d in the record of LSN %d", rec.PageID, lsn, rec.LSN)
	}
	return nil
}

// remains is what stands at and behind the record that ends the live ones.
type remains struct {
	damage   *DamageError
	validEnd int64 // end of the last valid record that is not of an older generation
}

// behind looks, from the bad record on, for proof that more had been synced, and
// counts what the torn group has left.
func (s *scanner) behind(bad int64, due sequence) (remains, error) {
	var rest remains
	tornEnd := bad
	for off := bad; s.r.size-off >= format.RecordHeaderSize; off += s.stride {
		rec, err := s.r.record(off)
		if err != nil {
			return rest, err
		}
		switch {
		case rec.valid:
			s.see(rec.LSN)
			if !rec.Marked() || rec.LSN <= s.o.MetaLastLSN && rec.ours(s.o.PageSize) {
				continue
			}
			rest.validEnd = off + rec.Size()
			if rest.damage == nil {
				rest.damage = s.proof(&rec, off, bad, due)
			}
		case s.likeOurs(&rec) && due.mayAccept(rec.Record, (off-bad)/s.stride):
			s.see(rec.LSN)
			if !rec.whole && rest.damage == nil {
				rest.damage = damagef(off, "the file ends inside a record (LSN %d)", rec.LSN)
			}
		default:
			continue
		}
		tornEnd = min(off+s.stride, s.r.size)
	}
	if rest.damage == nil {
		damage, err := s.cutInHeader(bad, due)
		if err != nil {
			return rest, err
		}
		rest.damage = damage
	}
	s.res.TornBytes = tornEnd - s.res.End
	return rest, nil
}

// proof is the damage that a valid marked record, which is not stale, at or
// behind the bad record proves: another group entered only after the one that is
// due was synced, and what is out of its place belongs to another group too.
func (s *scanner) proof(rec *found, off, bad int64, due sequence) *DamageError {
	if !rec.ours(s.o.PageSize) {
		if off == bad {
			return damagef(bad, "a record of %d bytes in a log of pages of %d bytes", rec.Len, s.o.PageSize)
		}
		return nil
	}
	if rec.Group() != due.group {
		return damagef(bad, "no record of group %d after LSN %d stands here, but LSN %d of group %d stands at offset %d",
			due.group, due.last, rec.LSN, rec.Group(), off)
	}
	return nil
}

// likeOurs reports whether a header, valid or not, is one that a Log writes.
func (s *scanner) likeOurs(rec *found) bool {
	return rec.header && rec.Marked() && int64(rec.Len) == int64(s.o.PageSize)
}

// cutInHeader finds a file that ends inside the first record's header, as far
// as type and flags are there to tell, and the LSN if it is. Growth is by far
// more than a header, so no crash of ours leaves such a length. Behind live
// records so short a file is damage whatever stands there.
func (s *scanner) cutInHeader(bad int64, due sequence) (*DamageError, error) {
	const flagsEnd, lsnEnd = 2, 12
	n := s.r.size - bad
	if bad != format.WALHeaderSize || n < flagsEnd || n >= format.RecordHeaderSize {
		return nil, nil
	}
	b, err := s.r.bytes(bad, int(n))
	if err != nil {
		return nil, err
	}
	var head [format.RecordHeaderSize]byte
	copy(head[:], b)
	rec, err := format.DecodeRecordHeader(head[:])
	if err != nil {
		return nil, fmt.Errorf("read log at offset %d: %w", bad, err)
	}
	zero := head[recordZeroOff] == 0 && head[recordZeroOff+1] == 0
	if rec.Type != format.RecordPageImage || !zero || !rec.Marked() || rec.Group() != due.group {
		return nil, nil
	}
	if n < lsnEnd {
		return damagef(bad, "the file ends inside a record"), nil
	}
	if !due.mayAccept(rec, 0) {
		return nil, nil
	}
	s.see(rec.LSN)
	return damagef(bad, "the file ends inside a record (LSN %d)", rec.LSN), nil
}

// stale returns the record in the first slot if nothing but meta.last_lsn makes
// it a bad record.
func (s *scanner) stale(bad int64) (*found, error) {
	if bad != format.WALHeaderSize {
		return nil, nil
	}
	rec, err := s.r.record(bad)
	if err != nil || !rec.ours(s.o.PageSize) || rec.LSN > s.o.MetaLastLSN {
		return nil, err
	}
	return &rec, nil
}

// believe checks that the pages that a stale generation images, in its whole
// groups, stand in their segments.
func (s *scanner) believe(group uint8) (*DamageError, error) {
	images, err := s.generation(group)
	if err != nil {
		return nil, err
	}
	// The newest image of a page tells for all of them.
	seen := make(map[uint64]struct{}, len(images))
	for i := len(images) - 1; i >= 0; i-- {
		im := images[i]
		if _, ok := seen[im.PageID]; ok {
			continue
		}
		seen[im.PageID] = struct{}{}
		held, err := s.held(im.PageID, im.LSN)
		if err != nil {
			return nil, err
		}
		if !held {
			return damagef(im.Offset-format.RecordHeaderSize,
				"meta says that the log is in the segments up to LSN %d, but page %d with LSN %d is not",
				s.o.MetaLastLSN, im.PageID, im.LSN), nil
		}
	}
	return nil, nil
}

// generation lists the images of the whole groups from the first slot on,
// however high meta.last_lsn stands.
func (s *scanner) generation(group uint8) ([]Image, error) {
	var images []Image
	whole := 0
	due := sequence{group: group}
	for slot := int64(0); ; slot++ {
		off := format.WALHeaderSize + slot*s.stride
		rec, err := s.r.record(off)
		if err != nil {
			return nil, err
		}
		if !rec.ours(s.o.PageSize) || !due.accepts(rec.Record) {
			return images[:whole], nil
		}
		if !due.open && slot > 0 && rec.Group() == 0 &&
			rec.LSN > s.o.MetaLastLSN && rec.LSN-s.o.MetaLastLSN > uint64(slot) {
			// What is left of a torn first group of the next generation.
			return images[:whole], nil
		}
		if rec.Type == format.RecordPageImage {
			images = append(images, Image{LSN: rec.LSN, PageID: rec.PageID, Offset: off + format.RecordHeaderSize})
		}
		due.take(rec.Record)
		if rec.Last() {
			whole = len(images)
		}
	}
}

// salvageStale reads the log as if meta.last_lsn were 0: where it is not to be
// believed, what the log holds is better than nothing of it.
func (s *scanner) salvageStale(damage *DamageError) error {
	kept := s.res
	if kept.Damage != nil {
		damage = kept.Damage // of the file header
	}
	s.res = Result{Kind: kept.Kind, End: format.WALHeaderSize, MaxLSN: kept.MaxLSN, Damage: damage}
	s.o.MetaLastLSN = 0
	return s.marked()
}
