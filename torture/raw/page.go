package raw

import (
	"fmt"
	"hash/crc32"
)

const (
	pageHeader = 64
	typeKV     = 2
	typeLong   = 3
)

// Page is the image of a page.
type Page []byte

func (p Page) kind() int    { return int(le.Uint16(p[6:])) }
func (p Page) id() uint64   { return le.Uint64(p[12:]) }
func (p Page) next() uint64 { return le.Uint64(p[28:]) }

// LSN is that of the last change.
func (p Page) LSN() uint64 { return le.Uint64(p[36:]) }

// Verify says what is wrong with the header or the checksum of a page.
func (p Page) Verify(id uint64) error {
	switch {
	case string(p[:4]) != "P1PG":
		return fmt.Errorf("page %d: no magic", id)
	case le.Uint16(p[4:]) != 2:
		return fmt.Errorf("page %d: version %d", id, le.Uint16(p[4:]))
	case p.id() != id:
		return fmt.Errorf("page %d: names itself %d", id, p.id())
	case p.kind() != typeKV && p.kind() != typeLong:
		return fmt.Errorf("page %d: type %d", id, p.kind())
	}
	var zero [4]byte
	sum := crc32.ChecksumIEEE(p[:60])
	sum = crc32.Update(sum, crc32.IEEETable, zero[:])
	sum = crc32.Update(sum, crc32.IEEETable, p[pageHeader:])
	if sum != le.Uint32(p[60:]) {
		return fmt.Errorf("page %d: checksum %08x instead of %08x", id, le.Uint32(p[60:]), sum)
	}
	return nil
}

// slot is an entry of the table of a page.
type slot struct {
	off      int
	fp, dist uint8
}

const noRecord = 0xFFFF

func (p Page) slots() []slot {
	n := int(le.Uint16(p[22:]))
	if 4*n > len(p)-pageHeader {
		return nil
	}
	list := make([]slot, n)
	for i := range list {
		b := p[len(p)-4*n+4*i:]
		list[i] = slot{int(le.Uint16(b)), b[2], b[3]}
	}
	return list
}

// Pair is a record of a page.
type Pair struct{ Key, Value []byte }

// record reads the record at an offset.
func (p Page) record(off int) (Pair, error) {
	end := int(le.Uint16(p[20:]))
	if off < pageHeader || off+4 > end || end > len(p) {
		return Pair{}, fmt.Errorf("record at %d, records end at %d", off, end)
	}
	k, v := int(le.Uint16(p[off:])), int(le.Uint16(p[off+2:]))
	if off+4+k+v > end {
		return Pair{}, fmt.Errorf("record at %d of %d + %d bytes, records end at %d", off, k, v, end)
	}
	return Pair{p[off+4 : off+4+k], p[off+4+k : off+4+k+v]}, nil
}

// Pairs are the live records in the order of their slots, with everything checked
// that a search in the table relies on.
func (p Page) Pairs() ([]Pair, error) {
	slots := p.slots()
	seed := le.Uint64(p[44:])
	list := make([]Pair, 0, len(slots))
	for i, s := range slots {
		if s.off == noRecord {
			continue
		}
		r, err := p.record(s.off)
		if err != nil {
			return list, fmt.Errorf("page %d, slot %d: %w", p.id(), i, err)
		}
		if err := checkSlot(slots, i, Hash64(r.Key)^seed); err != nil {
			return list, fmt.Errorf("page %d, key %q: %w", p.id(), r.Key, err)
		}
		list = append(list, r)
	}
	if used := int(le.Uint16(p[24:])); used != len(list) {
		return list, fmt.Errorf("page %d: %d slots in use, the header says %d", p.id(), len(list), used)
	}
	return list, nil
}

// checkSlot checks that a search finds slot i: fingerprint, distance, and no
// reason to stop on the way.
func checkSlot(slots []slot, i int, h uint64) error {
	fp := uint8(h >> 56)
	if fp == 0 {
		fp = 1
	}
	n := len(slots)
	home := int(h % uint64(n))
	dist := (i - home + n) % n
	if slots[i].fp != fp || int(slots[i].dist) != min(dist, 255) {
		return fmt.Errorf("slot %d has fingerprint %d, distance %d instead of %d, %d", i, slots[i].fp, slots[i].dist, fp, min(dist, 255))
	}
	for d := range dist {
		s := slots[(home+d)%n]
		if s.off == noRecord || int(s.dist) < min(d, 255) {
			return fmt.Errorf("a search for slot %d stops at slot %d", i, (home+d)%n)
		}
	}
	return nil
}

// Long is what a placeholder of 18 bytes says: the length of the value and the
// first page of its chain.
func (r Pair) Long() (size, head uint64, ok bool) {
	if len(r.Value) != 18 || r.Value[0] != 0xFF {
		return 0, 0, false
	}
	return le.Uint64(r.Value[2:]), le.Uint64(r.Value[10:]), true
}
