package format

import "hash/crc32"

// The file free: ids of pages that may be given out again, the last one first.
//
//	 0   8  magic "P1FREE01"
//	 8   4  version = 1
//	12   4  count, only a hint
//	16   8  reserved: 0 from the reference, which never reads it; FreeSum or
//	        PartFreeSum from a clean close of this project
//	24  8n  page ids, n = (file length - 24) / 8 rounded down
//
// The reference takes the last eight bytes whatever the alignment, so the
// length must stay 24 + 8n.
const (
	freeMagicOff    = 0
	freeVersionOff  = 8
	freeCountOff    = 12
	freeReservedOff = 16
	freeIDsOff      = 24

	freeVersion = 1
	freeMagic   = "P1FREE01"

	// freeSumTag in the upper half keeps a FreeSum different from 0, the
	// value of a list that nobody vouches for.
	freeSumTag = 0x51465245 << 32
	// freePartTag is that of a PartFreeSum.
	freePartTag = 0x51465250 << 32
)

// Free is the content of the file free.
type Free struct {
	IDs      []uint64 // oldest first; the last is taken first
	Count    uint32   // as stored; may differ from len(IDs)
	Reserved uint64   // 0, or the FreeSum or PartFreeSum of a clean close
	Rest     int      // bytes behind the last whole id, 0 to 7; the reference misreads a list with a rest
}

// EncodeFree is the file for these ids.
func EncodeFree(ids []uint64, reserved uint64) []byte {
	b := make([]byte, freeIDsOff+8*len(ids))
	copy(b, freeMagic)
	le.PutUint32(b[freeVersionOff:], freeVersion)
	le.PutUint32(b[freeCountOff:], uint32(len(ids)))
	le.PutUint64(b[freeReservedOff:], reserved)
	for i, id := range ids {
		le.PutUint64(b[freeIDsOff+8*i:], id)
	}
	return b
}

// DecodeFree reads the list by the length of b. It says nothing about whether
// the ids are free: for that see FreeSum.
func DecodeFree(b []byte) (Free, error) {
	if len(b) < freeIDsOff {
		return Free{}, faultf(ErrTruncated, "free", len(b), "%d bytes are less than the header", len(b))
	}
	if string(b[:len(freeMagic)]) != freeMagic {
		return Free{}, faultf(ErrMagic, "free", freeMagicOff, "% x", b[:len(freeMagic)])
	}
	if v := le.Uint32(b[freeVersionOff:]); v != freeVersion {
		return Free{}, faultf(ErrVersion, "free", freeVersionOff, "version %d", v)
	}
	f := Free{
		Count:    le.Uint32(b[freeCountOff:]),
		Reserved: le.Uint64(b[freeReservedOff:]),
		Rest:     (len(b) - freeIDsOff) % 8,
		IDs:      make([]uint64, (len(b)-freeIDsOff)/8),
	}
	for i := range f.IDs {
		f.IDs[i] = le.Uint64(b[freeIDsOff+8*i:])
	}
	return f, nil
}

// FreeSum vouches for a free list that was written by a clean close together
// with a meta of this last LSN and next page id: the CRC32 of all three below
// a tag, never 0. The reference leaves the field as it finds it, so a list that
// it changed, or a database that it wrote to, does not match any more.
func FreeSum(ids []uint64, lastLSN, nextPageID uint64) uint64 {
	return freeSumTag | freeCRC(ids, lastLSN, nextPageID)
}

// PartFreeSum vouches for less: there may be more free pages than the list names,
// but no page has an LSN above the last one of the meta.
func PartFreeSum(ids []uint64, lastLSN, nextPageID uint64) uint64 {
	return freePartTag | freeCRC(ids, lastLSN, nextPageID)
}

func freeCRC(ids []uint64, lastLSN, nextPageID uint64) uint64 {
	b := make([]byte, 8*len(ids)+16)
	for i, id := range ids {
		le.PutUint64(b[8*i:], id)
	}
	le.PutUint64(b[8*len(ids):], lastLSN)
	le.PutUint64(b[8*len(ids)+8:], nextPageID)
	return uint64(crc32.ChecksumIEEE(b))
}

// Vouched reports whether the list carries the FreeSum that belongs to it and
// to a meta with this last LSN and next page id.
func (f Free) Vouched(lastLSN, nextPageID uint64) bool {
	return f.Rest == 0 && f.Reserved == FreeSum(f.IDs, lastLSN, nextPageID)
}

// VouchedInPart reports the same of the PartFreeSum.
func (f Free) VouchedInPart(lastLSN, nextPageID uint64) bool {
	return f.Rest == 0 && f.Reserved == PartFreeSum(f.IDs, lastLSN, nextPageID)
}
