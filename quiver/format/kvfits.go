package format

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
