package format

import "slices"

// Fits reports whether Insert of a record would succeed as the page is, for a
// key that is present or a new one.
func (p KV) Fits(klen, vlen int, present bool) bool {
	end := p.DataStart() + recordHeaderSize + klen + vlen
	if present {
		return end <= len(p)-slotSize*p.Slots()
	}
	return p.fittingSlots(end) != 0
}

// NewRoom is the size of the largest record of a new key that Insert takes as
// the page is. Where the table is full that is less than the gap, or nothing.
func (p KV) NewRoom() int {
	need := p.Used() + 1
	size := max(slotsWanted(need), p.Slots())
	for size > 1 && size/2 >= need {
		size /= 2
	}
	return max(0, len(p)-slotSize*size-p.DataStart())
}

// RecordSize is what a record takes in the record area.
func RecordSize(klen, vlen int) int { return recordHeaderSize + klen + vlen }

// Offsets appends the offsets of the live records to dst, in the order in which
// they stand on the page, which is the order in which memory is read fastest.
func (p KV) Offsets(dst []uint16) []uint16 {
	// The table says which records are live; without dead ones they are all that
	// stand in the record area, which is then known to be in order.
	n, sum, table := len(dst), 0, p.table()
	for i := range p.Slots() {
		if s := slotAt(table, i); !s.empty() {
			dst = append(dst, uint16(s.off()))
			sum += s.off()
		}
	}
	off, end, walked := PageHeaderSize, p.DataStart(), 0
	for k := 0; off+recordHeaderSize <= end && k < len(dst)-n; k++ {
		walked += off
		off += p.recordSize(off)
	}
	if off != end || walked != sum {
		slices.Sort(dst[n:])
		return dst
	}
	off = PageHeaderSize
	for k := n; k < len(dst); k++ {
		dst[k] = uint16(off)
		off += p.recordSize(off)
	}
	return dst
}

// Record is the record at one of Offsets. Key and value alias the page.
func (p KV) Record(off uint16) (key, value []byte) { return p.record(int(off)) }
