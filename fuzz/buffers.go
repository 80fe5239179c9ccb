package fuzz

import "github.com/quiverdb/quiverdb-go/quiver/format"

// buffers is the memory that properties of whole pages use for one input after
// another: to make it anew would cost more than most of what is checked. Nothing
// of it is used by two properties.
type buffers struct {
	page, changed, fresh []byte
	value                []byte
	stream               []byte
	offs                 []uint16
	slots                []uint16 // 1 + the slot, by the offset of its record
}

// longest is what no page exceeds, with the longest header in front of it.
const longest = format.PageSizeMax + format.RecordHeaderSize

// zeros makes b so many zeros, in the same memory every time.
func zeros(b *[]byte, n int) []byte {
	if *b == nil {
		*b = make([]byte, longest)
	}
	part := (*b)[:n:n]
	clear(part)
	return part
}

// again is room for the structure that a value is encoded as.
func (m *buffers) again() []byte {
	if m.fresh == nil {
		m.fresh = make([]byte, longest)
	}
	return m.fresh[:0]
}
