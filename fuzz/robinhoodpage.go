package fuzz

import (
	"encoding/binary"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Limits of the recipe of a table, which keep it at the rate of a decoder.
const (
	tableRecords = 12
	tableEdits   = 4
)

// tableOwnUsed is a flag of the recipe of a table: the count of used slots stays.
const tableOwnUsed = 1 << 1

// tableValues has the values of a table: so many bytes from a place in it.
const tableValues = "0123456789 the quick brown fox jumps over the lazy dog ABCDEFGHIJKLMNOPQRSTUVWXYZ" +
	" pack my box with five dozen liquor jugs 9876543210"

// RobinHoodPage reads a page that the engine filled, and that was then changed in
// its table. It begins with flags (the lowest bit chooses the page size), the page
// id, and the number of records. A record is a byte with the lengths of its key (2
// bits) and its value, and the key. The rest is changes of slots, each a byte that
// chooses it (low 3 bits), the slot, and an operand. Checksum and count are right in
// the end, so that all of it is read.
func (m *buffers) RobinHoodPage(data []byte) error {
	r := reader{data}
	flags, id := r.byte(), uint64(r.byte())
	page := format.KV(zeros(&m.page, 4096<<(flags&1)))
	format.InitKV(page, id)
	for range int(r.byte()) % tableRecords {
		lengths := r.byte()
		key := r.bytes(int(lengths & 3))
		page.Insert(format.Hash64(key), key, []byte(tableValues[lengths&63:][:lengths>>2]))
	}
	for edits := 0; !r.empty() && edits < tableEdits; edits++ {
		editSlot(page, &r)
	}
	if flags&tableOwnUsed == 0 {
		binary.LittleEndian.PutUint16(page[24:], usedSlots(page))
	}
	format.SealPage(page, 5)
	return m.readPage(page, id)
}

// editSlot does one change of the table.
func editSlot(page format.KV, r *reader) {
	op, i, operand := r.byte(), int(r.byte()), r.byte()
	n := page.Slots()
	if n == 0 {
		return
	}
	slot := func(i int) []byte { return page[len(page)-4*(n-i%n):][:4:4] }
	s, other := slot(i), slot(int(operand))
	switch op & 7 {
	case 0, 1:
		a, b := binary.LittleEndian.Uint32(s), binary.LittleEndian.Uint32(other)
		put32(s, 0, b)
		put32(other, 0, a)
	case 2:
		copy(s, other)
	case 3:
		put32(s, 0, 0xFFFF)
	case 4:
		s[2] = operand
	case 5:
		s[3] = operand
	case 6: // another record, or a place between two
		binary.LittleEndian.PutUint16(s, uint16(format.PageHeaderSize+int(operand)))
	case 7: // one of the lengths of its record
		if off := int(binary.LittleEndian.Uint16(s)); off+4 <= len(page) {
			page[off+int(op>>3&3)] = operand
		}
	}
}

func usedSlots(page format.KV) (n uint16) {
	for i := range page.Slots() {
		if binary.LittleEndian.Uint16(page[len(page)-4*(i+1):]) != 0xFFFF {
			n++
		}
	}
	return n
}
