package format

// VerifyKV checks the invariants of a KV_RH page that its operations rely on
// for not reading or writing out of bounds. It is the part of VerifyPage
// behind header and CRC, and does not allocate when the page is valid. Whether
// the table leads to the records is what CheckKV tells.
func VerifyKV(p []byte) error {
	const name = "kv page"
	if !ValidPageSize(len(p)) {
		return faultf(ErrField, name, 0, "%d bytes are no page size", len(p))
	}
	kv := KV(p)
	n, used, start := kv.Slots(), kv.Used(), kv.DataStart()
	if start < PageHeaderSize || start > len(p)-slotSize*n {
		return faultf(ErrField, name, pageDataStartOff, "data start %d with %d slots in a page of %d", start, n, len(p))
	}
	occupied, live := 0, 0
	for table := kv.table(); len(table) >= slotSize; table = table[slotSize:] {
		s := slotAt(table, 0)
		if s.empty() {
			continue
		}
		off := s.off()
		if off < PageHeaderSize || off > start-recordHeaderSize {
			return kv.outOfArea(len(table))
		}
		size := kv.recordSize(off)
		if off+size > start {
			return kv.outOfArea(len(table))
		}
		occupied++
		live += size
	}
	if occupied != used {
		return faultf(ErrField, name, pageUsedOff, "used slots %d, but %d are occupied", used, occupied)
	}
	if live > start-PageHeaderSize {
		return faultf(ErrField, name, pageDataStartOff, "records of %d bytes in an area of %d", live, start-PageHeaderSize)
	}
	return nil
}

// outOfArea is the fault of the slot with which the last n bytes of the page
// begin.
func (p KV) outOfArea(n int) error {
	i := p.Slots() - n/slotSize
	off := slotAt(p.table(), i).off()
	return faultf(ErrField, "kv page", p.slotOffset(i), "slot %d: record at %d reaches out of [%d, %d)", i, off, PageHeaderSize, p.DataStart())
}

func (p KV) slotOffset(i int) int { return len(p) - slotSize*(p.Slots()-i) }

// CheckKV lists all that is wrong with the records and the table of a KV_RH
// page: what VerifyKV refuses (then alone, because nothing else can be read),
// a record area that is not records one after another, slots that point
// between records, wrong fingerprints and distances, and keys that a lookup
// does not find. All faults are of type *Error.
//
// The reference itself leaves wrong distances behind when it deletes from a
// table with distances of 255 and more: such a page is legal to it and loses
// keys from lookups. Compacting the page brings them back.
func CheckKV(p []byte) []error {
	if err := VerifyKV(p); err != nil {
		return []error{err}
	}
	kv := KV(p)
	starts, faults := kv.recordStarts()
	table := kv.table()
	n := kv.Slots()
	for i := range n {
		s := slotAt(table, i)
		if s.empty() {
			continue
		}
		fault := func(field int, reason string, args ...any) {
			faults = append(faults, faultf(ErrField, "kv page", kv.slotOffset(i)+field, reason, args...))
		}
		if !starts[s.off()] {
			fault(slotOffOff, "slot %d: no record begins at %d, or another slot names it too", i, s.off())
		}
		delete(starts, s.off())
		key := kv.recordKey(s.off())
		hash := Hash64(key)
		h := hash ^ kv.Seed()
		if fp := fingerprint(h); s.fp() != fp {
			fault(slotFpOff, "slot %d: fingerprint %d where %d belongs", i, s.fp(), fp)
		}
		if d := min(distance(h, i, n), maxDist); int(s.dist()) != d {
			fault(slotDistOff, "slot %d: distance %d where %d belongs", i, s.dist(), d)
		}
		switch j := kv.find(hash, key, false); {
		case j < 0:
			fault(slotOffOff, "slot %d: a lookup does not find its key", i)
		case j != i:
			fault(slotOffOff, "slot %d: its key stands in slot %d too", i, j)
		}
	}
	return faults
}

// recordStarts walks the record area, dead records included.
func (p KV) recordStarts() (starts map[int]bool, faults []error) {
	starts = make(map[int]bool)
	end := p.DataStart()
	for off := PageHeaderSize; off < end; off += p.recordSize(off) {
		if off+recordHeaderSize > end || off+p.recordSize(off) > end {
			return starts, []error{faultf(ErrField, "kv page", off, "record reaches behind data start %d", end)}
		}
		starts[off] = true
	}
	return starts, nil
}
