package format

import "hash/crc32"

// Write-ahead log: a header, then records one after another. A shipped stream
// has the same form, and its header may recur between records.
//
// Header, 16 bytes:
//
//	 0  8  magic "P1WAL001"
//	 8  4  zero, not checked
//	12  4  zero, not checked
//
// Record header, 28 bytes, followed by the payload:
//
//	 0  1  type: 1 PAGE_IMAGE, 2 TRUNCATE, others are skipped
//	 1  1  flags: 0 from the reference; from this project bit 7 = marked,
//	       bits 1 to 6 = group number mod 64, bit 0 = last of its group
//	 2  2  zero
//	 4  8  LSN
//	12  8  page id
//	20  4  payload length
//	24  4  CRC32 (IEEE) of the 24 bytes before it and the payload
//
// The payload of PAGE_IMAGE is a whole page whose header already carries the
// LSN. TRUNCATE has no payload and stands only in shipped streams.
const (
	WALHeaderSize    = 16
	RecordHeaderSize = 28

	walMagicOff = 0
	walMagic    = "P1WAL001"

	recTypeOff   = 0
	recFlagsOff  = 1
	recZeroOff   = 2
	recLSNOff    = 4
	recPageIDOff = 12
	recLenOff    = 20
	recCRCOff    = 24
)

// Types of records.
const (
	RecordPageImage uint8 = 1
	RecordTruncate  uint8 = 2
)

// Bits of the flags byte.
const (
	FlagMarked uint8 = 0x80 // written by this project
	FlagLast   uint8 = 0x01 // last record of its group

	// GroupCount is how many group numbers there are before they repeat.
	GroupCount = 64

	groupShift = 1
	groupMask  = GroupCount - 1
)

// EncodeWALHeader is the header of a log or stream.
func EncodeWALHeader() (h [WALHeaderSize]byte) {
	copy(h[:], walMagic)
	return h
}

// CheckWALHeader checks that b begins with a whole header. An incomplete one,
// which a crash while the log was made leaves, is ErrTruncated as long as its
// bytes are those of the magic.
func CheckWALHeader(b []byte) error {
	if n := min(len(b), len(walMagic)); string(b[:n]) != walMagic[:n] {
		return faultf(ErrMagic, "wal", walMagicOff, "% x", b[:n])
	}
	if len(b) < WALHeaderSize {
		return faultf(ErrTruncated, "wal", len(b), "%d bytes are less than the header", len(b))
	}
	return nil
}

// IsWALHeader reports whether a header begins at b, which a reader of a shipped
// stream must ask wherever a record may begin.
func IsWALHeader(b []byte) bool { return CheckWALHeader(b) == nil }

// Record is the header of a log record.
type Record struct {
	Type   uint8
	Flags  uint8
	LSN    uint64
	PageID uint64
	Len    uint32 // payload bytes
	CRC    uint32
}

// GroupFlags is the flags byte of a record of this group.
func GroupFlags(group uint64, last bool) uint8 {
	f := FlagMarked | uint8(group&groupMask)<<groupShift
	if last {
		f |= FlagLast
	}
	return f
}

// Marked reports whether this project wrote the record. Group and Last mean
// something only then.
func (r Record) Marked() bool { return r.Flags&FlagMarked != 0 }

// Group is the number of the record's group, modulo GroupCount.
func (r Record) Group() uint8 { return r.Flags >> groupShift & groupMask }

// Last reports whether the record ends its group.
func (r Record) Last() bool { return r.Flags&FlagLast != 0 }

// Size is the length of the record with its payload.
func (r Record) Size() int64 { return RecordHeaderSize + int64(r.Len) }

// PutRecordHeader fills the first RecordHeaderSize bytes of dst for a record
// with this payload. Length and CRC are computed; those in r are not used.
func PutRecordHeader(dst []byte, r Record, payload []byte) {
	dst = dst[:RecordHeaderSize]
	dst[recTypeOff] = r.Type
	dst[recFlagsOff] = r.Flags
	le.PutUint16(dst[recZeroOff:], 0)
	le.PutUint64(dst[recLSNOff:], r.LSN)
	le.PutUint64(dst[recPageIDOff:], r.PageID)
	le.PutUint32(dst[recLenOff:], uint32(len(payload)))
	le.PutUint32(dst[recCRCOff:], sum(dst[:recCRCOff], payload))
}

// DecodeRecordHeader reads the first RecordHeaderSize bytes of b. No field is
// checked: before the CRC was, with VerifyPayload, none can be believed, and
// the length must be held against what follows before anything is read or
// allocated by it. The two zero bytes may have any value, as in the reference.
func DecodeRecordHeader(b []byte) (Record, error) {
	if len(b) < RecordHeaderSize {
		return Record{}, faultf(ErrTruncated, "wal record", len(b), "%d bytes are less than the header", len(b))
	}
	return Record{
		Type:   b[recTypeOff],
		Flags:  b[recFlagsOff],
		LSN:    le.Uint64(b[recLSNOff:]),
		PageID: le.Uint64(b[recPageIDOff:]),
		Len:    le.Uint32(b[recLenOff:]),
		CRC:    le.Uint32(b[recCRCOff:]),
	}, nil
}

// VerifyPayload reports whether payload has the record's length and the CRC is
// right. Header is the bytes that the record was decoded from.
func (r Record) VerifyPayload(header, payload []byte) bool {
	return uint64(len(payload)) == uint64(r.Len) && sum(header[:recCRCOff], payload) == r.CRC
}

// sum is the CRC32 of the two parts, one behind the other.
func sum(header, payload []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(header), crc32.IEEETable, payload)
}
