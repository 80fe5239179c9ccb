package format

import (
	"bytes"
	"iter"
	"math/bits"
)

// KV_RH page: records behind the header, a Robin Hood hash table at the end.
//
//	 0  64  page header
//	64   …  records up to data start, each:
//	           0  2  key length
//	           2  2  value length
//	           4  k  key
//	         4+k  v  value
//	 …   …  gap without meaning
//	-4n 4n  n = table slots, each:
//	           0  2  offset of the record in the page, 0xFFFF = empty
//	           2  1  fingerprint
//	           3  1  distance from the home slot, saturated at 255
//
// With h = Hash64(key) ^ seed the home slot is h % n, and the fingerprint is
// the top byte of h, or 1 where that byte is 0. An update or delete leaves the
// old record dead until the page is compacted.
//
// Invariants that VerifyKV checks and the operations keep: data start lies
// between the header and the table; the record of every occupied slot lies
// below data start; used slots counts the occupied slots; the occupied slots'
// records together are not longer than the record area.
const (
	recordHeaderSize = 4
	recordKeyLenOff  = 0
	recordValLenOff  = 2

	slotSize    = 4
	slotOffOff  = 0
	slotFpOff   = 2
	slotDistOff = 3

	emptyOff = 0xFFFF
	maxDist  = 255
)

// KV is a whole KV_RH page. Its methods need a page that InitKV made or
// VerifyPage accepted. In all of them hash is Hash64(key).
type KV []byte

// slot is a table slot as it is stored, read as one little-endian u32.
type slot uint32

const emptySlot slot = emptyOff

func makeSlot(off int, fp, dist uint8) slot {
	return slot(off) | slot(fp)<<16 | slot(dist)<<24
}

func (s slot) off() int    { return int(s & 0xFFFF) }
func (s slot) fp() uint8   { return uint8(s >> 16) }
func (s slot) dist() uint8 { return uint8(s >> 24) }
func (s slot) empty() bool { return s&0xFFFF == emptyOff }

func fingerprint(h uint64) uint8 {
	if fp := uint8(h >> 56); fp != 0 {
		return fp
	}
	return 1
}

func pageSeed(id uint64) uint64 {
	x := id ^ 0x9E3779B97F4A7C15
	x ^= x >> 27
	x *= 0x3C79AC49
	x ^= x >> 33
	return x
}

// InitKV makes p an empty KV_RH page: no slots, no next page, LSN 0.
func InitKV(p []byte, id uint64) {
	putPageHeader(p, TypeKV, id, NoPage)
	le.PutUint16(p[pageDataStartOff:], PageHeaderSize)
	le.PutUint64(p[pageSeedOff:], pageSeed(id))
}

// Used is the number of records that are not dead.
func (p KV) Used() int { return int(le.Uint16(p[pageUsedOff:])) }

// Slots is the size of the table, 0 on a page that never held a record.
func (p KV) Slots() int { return int(le.Uint16(p[pageSlotsOff:])) }

// DataStart is the offset of the first free byte behind the records.
func (p KV) DataStart() int { return int(le.Uint16(p[pageDataStartOff:])) }

// Seed is the value that is mixed into the hash of every key of this page.
func (p KV) Seed() uint64 { return le.Uint64(p[pageSeedOff:]) }

func (p KV) setUsed(n int)      { le.PutUint16(p[pageUsedOff:], uint16(n)) }
func (p KV) setSlots(n int)     { le.PutUint16(p[pageSlotsOff:], uint16(n)) }
func (p KV) setDataStart(n int) { le.PutUint16(p[pageDataStartOff:], uint16(n)) }

func (p KV) table() []byte { return p[len(p)-slotSize*p.Slots():] }

func slotAt(table []byte, i int) slot       { return slot(le.Uint32(table[slotSize*i:])) }
func setSlotAt(table []byte, i int, s slot) { le.PutUint32(table[slotSize*i:], uint32(s)) }

func (p KV) record(off int) (key, value []byte) {
	r := p[off:]
	k := recordHeaderSize + int(le.Uint16(r[recordKeyLenOff:]))
	v := k + int(le.Uint16(r[recordValLenOff:]))
	return r[recordHeaderSize:k:k], r[k:v:v]
}

func (p KV) recordSize(off int) int {
	lengths := le.Uint32(p[off:]) // both at once: every verified page asks for every record
	return recordHeaderSize + int(lengths&0xFFFF) + int(lengths>>16)
}

func (p KV) recordKey(off int) []byte {
	end := off + recordHeaderSize + int(le.Uint16(p[off+recordKeyLenOff:]))
	return p[off+recordHeaderSize : end]
}

// find walks the table for key and returns its slot, or -1. With anyFp the
// fingerprint is not compared, as the reference does when it deletes.
func (p KV) find(hash uint64, key []byte, anyFp bool) int {
	table := p.table()
	n := len(table) / slotSize
	if n == 0 {
		return -1
	}
	h := hash ^ p.Seed()
	fp := fingerprint(h)
	i := int(reduce(h, uint32(n)))
	for cur := range n {
		s := slotAt(table, i)
		if s.empty() || int(s.dist()) < min(cur, maxDist) {
			return -1
		}
		if (s.fp() == fp || anyFp) && bytes.Equal(p.recordKey(s.off()), key) {
			return i
		}
		if i++; i == n {
			i = 0
		}
	}
	return -1
}

// Get returns the value stored for key; the value aliases the page.
func (p KV) Get(hash uint64, key []byte) (value []byte, ok bool) {
	i := p.find(hash, key, false)
	if i < 0 {
		return nil, false
	}
	_, value = p.record(slotAt(p.table(), i).off())
	return value, true
}

// Insert stores the value for key, whether or not the key is present. It
// returns false and changes nothing if the record does not fit.
func (p KV) Insert(hash uint64, key, value []byte) bool {
	start := p.DataStart()
	end := start + recordHeaderSize + len(key) + len(value)
	if i := p.find(hash, key, false); i >= 0 {
		if end > len(p)-slotSize*p.Slots() {
			return false
		}
		p.appendRecord(start, key, value)
		p.repoint(i, start)
		return true
	}
	size := p.fittingSlots(end)
	if size == 0 {
		return false
	}
	if size != p.Slots() {
		p.rebuild(size)
	}
	p.add(hash, key, value)
	return true
}

// fittingSlots is the table size with which one more key fits when its record
// ends at end, or 0 if there is none. It is the reference's rule, its float32
// arithmetic included, because the size decides the bytes of the page.
func (p KV) fittingSlots(end int) int {
	need := p.Used() + 1
	size := max(slotsWanted(need), p.Slots())
	for end > len(p)-slotSize*size {
		if size == 1 {
			return 0
		}
		if size /= 2; size < need {
			return 0
		}
	}
	return size
}

// slotsWanted is the next power of two of ceil(float32(need)/float32(0.85)).
func slotsWanted(need int) int {
	const load float32 = 0.85
	q := float32(need) / load
	n := int(q)
	if float32(n) < q {
		n++
	}
	return 1 << bits.Len(uint(n-1))
}

func (p KV) appendRecord(off int, key, value []byte) {
	le.PutUint16(p[off+recordKeyLenOff:], uint16(len(key)))
	le.PutUint16(p[off+recordValLenOff:], uint16(len(value)))
	n := off + recordHeaderSize
	n += copy(p[n:], key)
	n += copy(p[n:], value)
	p.setDataStart(n)
}

// add stores a record that is known to fit, in a table with an empty slot.
func (p KV) add(hash uint64, key, value []byte) {
	start := p.DataStart()
	p.appendRecord(start, key, value)
	p.place(p.table(), hash, start)
	p.setUsed(p.Used() + 1)
}

// repoint makes slot i, which holds the same key, name the record at off.
func (p KV) repoint(i, off int) {
	table := p.table()
	s := slotAt(table, i)
	setSlotAt(table, i, makeSlot(off, s.fp(), s.dist()))
}

// rebuild makes the table size slots and puts the records in anew, in the
// order of the old slots. The new table must not reach below data start.
func (p KV) rebuild(size int) {
	var buf [PageSizeMax / slotSize]uint16
	offs := buf[:0]
	old := p.table()
	for i := range p.Slots() {
		if s := slotAt(old, i); !s.empty() {
			offs = append(offs, uint16(s.off()))
		}
	}
	p.resetTable(size)
	table := p.table()
	for _, off := range offs {
		p.place(table, Hash64(p.recordKey(int(off))), int(off))
	}
}

func (p KV) resetTable(size int) {
	p.setSlots(size)
	table := p.table()
	for i := range size {
		setSlotAt(table, i, emptySlot)
	}
}

// place puts the record at off into the table, which must have an empty slot.
func (p KV) place(table []byte, hash uint64, off int) {
	n := len(table) / slotSize
	h := hash ^ p.Seed()
	i := int(reduce(h, uint32(n)))
	carried := makeSlot(off, fingerprint(h), 0)
	for range n {
		s := slotAt(table, i)
		if s.empty() {
			setSlotAt(table, i, carried)
			return
		}
		if s.dist() < carried.dist() {
			setSlotAt(table, i, carried)
			carried = s
		}
		if carried.dist() < maxDist {
			carried += 1 << 24
		}
		if i++; i == n {
			i = 0
		}
	}
	panic("format: no empty slot in a table that must have one")
}

// Delete removes key and reports whether it was there. The record stays dead
// until the page is compacted.
//
// A stored distance of 255 stands for any distance from there up. The shift
// recomputes it from the hash: with 254 stored where the true distance is still
// 255 or more, lookups would stop before they reach the key. And where the true
// distance does fall to 254, the table is built anew: a key further behind, with
// 255 stored too when the two met, may be the farther from home of the two, and
// lookups of it would stop at the 254.
func (p KV) Delete(hash uint64, key []byte) bool {
	hole := p.find(hash, key, true)
	if hole < 0 {
		return false
	}
	table := p.table()
	n := len(table) / slotSize
	unsaturated := false
	for range n - 1 {
		next := hole + 1
		if next == n {
			next = 0
		}
		s := slotAt(table, next)
		if s.empty() || s.dist() == 0 {
			break
		}
		dist := s.dist() - 1
		if s.dist() == maxDist {
			h := Hash64(p.recordKey(s.off())) ^ p.Seed()
			dist = uint8(min(distance(h, hole, n), maxDist))
			unsaturated = unsaturated || dist < maxDist
		}
		setSlotAt(table, hole, makeSlot(s.off(), s.fp(), dist))
		hole = next
	}
	setSlotAt(table, hole, emptySlot)
	p.setUsed(p.Used() - 1)
	if unsaturated {
		p.rebuild(n)
	}
	return true
}

// distance is how far slot i lies behind the home slot of h, with wrap-around.
func distance(h uint64, i, n int) int {
	d := i - int(reduce(h, uint32(n)))
	if d < 0 {
		d += n
	}
	return d
}

// Slot is the record of slot i, which must be below Slots; ok is false if the
// slot is empty. Key and value alias the page.
func (p KV) Slot(i int) (key, value []byte, ok bool) {
	s := slotAt(p.table(), i)
	if s.empty() {
		return nil, nil, false
	}
	key, value = p.record(s.off())
	return key, value, true
}

// All yields the records in the order of their slots. Keys and values alias
// the page, which must not change meanwhile.
func (p KV) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for i := range p.Slots() {
			if k, v, ok := p.Slot(i); ok && !yield(k, v) {
				return
			}
		}
	}
}
