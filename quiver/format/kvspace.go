package format

import "bytes"

// DefaultCompactDeadFrac and DefaultCompactMinBytes are the reference's
// defaults for CompactionDue: float32 0.3 as a double, and 512 bytes.
const (
	DefaultCompactDeadFrac = 0.300000011920928955078125
	DefaultCompactMinBytes = 512
)

// LiveBytes is the size of all records that a slot names, headers included.
func (p KV) LiveBytes() int {
	live := 0
	table := p.table()
	for i := range p.Slots() {
		if s := slotAt(table, i); !s.empty() {
			live += p.recordSize(s.off())
		}
	}
	return live
}

// DeadBytes is the size of the records that updates and deletes left behind.
func (p KV) DeadBytes() int { return p.DataStart() - PageHeaderSize - p.LiveBytes() }

// Room is the largest record, header included, that would fit after a
// compaction if the table stayed as it is. It can be negative only on a page
// that VerifyKV refuses.
func (p KV) Room() int {
	return len(p) - PageHeaderSize - p.LiveBytes() - slotSize*p.Slots()
}

// CompactionDue is the reference's rule for compacting a page on which an
// insert did not fit: at least minBytes are dead, and at least deadFrac of the
// bytes in use, table included.
func (p KV) CompactionDue(deadFrac float64, minBytes int) bool {
	dead := p.DeadBytes()
	inUse := p.DataStart() + slotSize*p.Slots()
	return dead >= minBytes && float64(dead) >= float64(inUse)*deadFrac
}

// CompactInto makes dst, which must have the length of p and not overlap it,
// the page p without its dead records: same id, next page, LSN and seed, the
// live records inserted in the order of their slots. Dst must be sealed before
// it is written.
//
// Table sizes that are not powers of two can hold a set of records for which
// the growth rule of Insert finds no size. With the old size they always fit.
func (p KV) CompactInto(dst []byte) {
	if d := KV(dst); !p.copyLive(d, 0) {
		p.copyLive(d, p.Slots())
	}
}

// copyLive makes d an empty page like p and inserts the live records of p. With
// fixed above 0 the table has this size from the start and keeps it; else a
// record that does not fit makes copyLive give up.
func (p KV) copyLive(d KV, fixed int) bool {
	p.initLike(d)
	d.resetTable(fixed)
	for i := range p.Slots() {
		key, value, ok := p.Slot(i)
		if !ok {
			continue
		}
		hash := Hash64(key)
		switch present := d.find(hash, key, false) >= 0; {
		case present && p.shadowed(i, key):
		case fixed > 0 && !present:
			d.add(hash, key, value)
		case !d.Insert(hash, key, value):
			return false
		}
	}
	return true
}

// initLike makes d an empty page with the identity of p.
func (p KV) initLike(d KV) {
	InitKV(d, PageID(p))
	copy(d[pageNextOff:pageSeedOff+8], p[pageNextOff:pageSeedOff+8])
}

// shadowed reports whether an earlier slot than i holds a newer record of its
// key. Two slots hold the same key only on a page where the reference lost
// sight of one (a distance that it stored as 254 instead of 255) and then
// inserted the key again; the record further behind is the newer.
func (p KV) shadowed(i int, key []byte) bool {
	table := p.table()
	off := slotAt(table, i).off()
	for j := range i {
		s := slotAt(table, j)
		if !s.empty() && s.off() > off && bytes.Equal(p.recordKey(s.off()), key) {
			return true
		}
	}
	return false
}
