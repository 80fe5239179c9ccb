package format

// OVERFLOW page: a part of a long value behind the page header, whose chunk
// length says how many bytes. They are at most page size - 64. The parts of a
// value are chained through the next page id; every page but the last is full.
// The bytes behind the chunk have no meaning.
const chunkOff = PageHeaderSize

// ChunkSize is the most bytes of a value that an overflow page holds.
func ChunkSize(pageSize int) int { return pageSize - chunkOff }

// InitOverflow makes p an overflow page with this chunk, which must not be
// longer than ChunkSize(len(p)). The bytes behind the chunk become zero, the
// LSN 0; the page must be sealed before it is written.
func InitOverflow(p []byte, id, next uint64, chunk []byte) {
	putPageHeader(p, TypeOverflow, id, next)
	le.PutUint16(p[pageChunkLenOff:], uint16(len(chunk)))
	if copy(p[chunkOff:], chunk) != len(chunk) {
		panic("format: chunk longer than an overflow page")
	}
}

// OverflowChunk is the part of the value in a verified overflow page. It
// aliases p.
func OverflowChunk(p []byte) []byte {
	end := chunkOff + int(le.Uint16(p[pageChunkLenOff:]))
	return p[chunkOff:end:end]
}

func verifyOverflow(p []byte) error {
	if n := int(le.Uint16(p[pageChunkLenOff:])); n > ChunkSize(len(p)) {
		return faultf(ErrField, "overflow page", pageChunkLenOff, "chunk of %d bytes in a page of %d", n, len(p))
	}
	if v := le.Uint16(p[pageSlotsOff:]); v != 0 {
		return faultf(ErrField, "overflow page", pageSlotsOff, "%d table slots", v)
	}
	if v := le.Uint16(p[pageUsedOff:]); v != 0 {
		return faultf(ErrField, "overflow page", pageUsedOff, "%d used slots", v)
	}
	if v := le.Uint64(p[pageSeedOff:]); v != 0 {
		return faultf(ErrField, "overflow page", pageSeedOff, "seed %#x", v)
	}
	return nil
}
