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

// Gap is the number of free bytes between the records and the table.
func (p KV) Gap() int { return len(p) - slotSize*p.Slots() - p.DataStart() }

// RecordSize is what a record takes in the record area.
func RecordSize(klen, vlen int) int { return recordHeaderSize + klen + vlen }

// Offsets appends the offsets of the live records to dst, in the order in which
// they stand on the page, which is the order in which memory is read fastest.
func (p KV) Offsets(dst []uint16) []uint16 {
	n, used, end := len(dst), p.Used(), p.DataStart()
	for off := PageHeaderSize; off+recordHeaderSize <= end; off += p.recordSize(off) {
		dst = append(dst, uint16(off))
	}
	if len(dst)-n == used {
		return dst
	}
	// There are dead records: only the table tells which.
	dst = dst[:n]
	table := p.table()
	for i := range p.Slots() {
		if s := slotAt(table, i); !s.empty() {
			dst = append(dst, uint16(s.off()))
		}
	}
	slices.Sort(dst[n:])
	return dst
}

// Record is the record at one of Offsets. Key and value alias the page.
func (p KV) Record(off uint16) (key, value []byte) { return p.record(int(off)) }
