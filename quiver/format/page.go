package format

import (
	"encoding/binary"
	"hash/crc32"
)

// Page header, 64 bytes at the start of every page of a segment:
//
//	 0  4  magic "P1PG"
//	 4  2  version = 2
//	 6  2  type: 2 KV_RH, 3 OVERFLOW
//	 8  4  zero
//	12  8  page id
//	20  2  KV_RH: data start, first free byte of the record area;
//	       OVERFLOW: chunk length
//	22  2  table slots (0 in OVERFLOW)
//	24  2  used slots (0 in OVERFLOW)
//	26  2  flags = 0
//	28  8  next page id, NoPage ends a chain
//	36  8  lsn
//	44  8  seed (0 in OVERFLOW)
//	52  8  zero
//	60  4  CRC32 (IEEE) of the whole page with these four bytes as zero
//
// Page p stands in segment p/(SegmentBytes/page size) + 1.
const (
	PageHeaderSize = 64
	PageVersion    = 2

	pageMagicOff     = 0
	pageVersionOff   = 4
	pageTypeOff      = 6
	pageZero1Off     = 8
	pageIDOff        = 12
	pageDataStartOff = 20
	pageChunkLenOff  = 20
	pageSlotsOff     = 22
	pageUsedOff      = 24
	pageFlagsOff     = 26
	pageNextOff      = 28
	pageLSNOff       = 36
	pageSeedOff      = 44
	pageZero2Off     = 52
	pageCRCOff       = 60
)

const (
	PageSizeMin  = 4096
	PageSizeMax  = 32768    // offsets in a page are u16, so 65536 is not possible
	SegmentBytes = 33554432 // longest segment file
)

// NoPage is the page id that means none: the end of a chain, an empty bucket.
const NoPage = ^uint64(0)

// Types of pages.
const (
	TypeKV       uint16 = 2
	TypeOverflow uint16 = 3
)

const pageMagic = "P1PG"

var le = binary.LittleEndian

// ValidPageSize reports whether n is a page size of the format: a power of
// two from PageSizeMin to PageSizeMax.
func ValidPageSize(n int) bool {
	return n >= PageSizeMin && n <= PageSizeMax && n&(n-1) == 0
}

// PageType is the type field. This and the other field functions need at
// least the header and check nothing.
func PageType(p []byte) uint16 { return le.Uint16(p[pageTypeOff:]) }

// PageID is the page id in the header.
func PageID(p []byte) uint64 { return le.Uint64(p[pageIDOff:]) }

// NextPage is the id of the next page of the chain, or NoPage.
func NextPage(p []byte) uint64 { return le.Uint64(p[pageNextOff:]) }

// SetNextPage sets the next page id. The page must be sealed again before it
// is written.
func SetNextPage(p []byte, id uint64) { le.PutUint64(p[pageNextOff:], id) }

// PageLSN is the LSN in the header.
func PageLSN(p []byte) uint64 { return le.Uint64(p[pageLSNOff:]) }

// HasPageMagic reports whether p begins as a page does. Without it the other
// fields mean nothing.
func HasPageMagic(p []byte) bool {
	return len(p) >= PageHeaderSize && string(p[:len(pageMagic)]) == pageMagic
}

// IsZeroPage reports whether all of p is zero: a page that was allocated and
// never written.
func IsZeroPage(p []byte) bool {
	for len(p) >= 8 {
		if le.Uint64(p) != 0 {
			return false
		}
		p = p[8:]
	}
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

// PageCRC is the CRC32 of p with its CRC field taken as zero.
func PageCRC(p []byte) uint32 {
	c := ^crc32.ChecksumIEEE(p[:pageCRCOff])
	for range 4 {
		c = crc32.IEEETable[byte(c)] ^ c>>8
	}
	return crc32.Update(^c, crc32.IEEETable, p[PageHeaderSize:])
}

// SealPage stores the LSN and then the CRC. It is the last change to a page
// before its image is logged.
func SealPage(p []byte, lsn uint64) {
	le.PutUint64(p[pageLSNOff:], lsn)
	le.PutUint32(p[pageCRCOff:], PageCRC(p))
}

// VerifyPage checks that p is a whole valid page and the one with this id:
// magic, version, type, reserved fields, id, CRC, and then all that the
// operations on its type rely on, so that none of them can panic on a page
// that passed. It does not allocate when the page is valid.
//
// A stored CRC of 0 is compared like any other (the reference takes it for
// "not checked"): every page that the reference wrote still passes, and a torn
// page whose CRC field reads as zero does not.
func VerifyPage(p []byte, id uint64) error {
	if err := verifyHeader(p, id); err != nil {
		return err
	}
	if got, want := PageCRC(p), le.Uint32(p[pageCRCOff:]); got != want {
		return faultf(ErrChecksum, "page", pageCRCOff, "stored %08x, computed %08x", want, got)
	}
	if PageType(p) == TypeKV {
		return VerifyKV(p)
	}
	return verifyOverflow(p)
}

// VerifyPageHeader checks what VerifyPage does before it looks at the CRC.
// It is for tools that tell a page apart from its damage.
func VerifyPageHeader(p []byte, id uint64) error {
	if err := verifyHeader(p, id); err != nil {
		return err
	}
	return nil
}

func verifyHeader(p []byte, id uint64) *Error {
	if len(p) < PageSizeMin {
		return faultf(ErrTruncated, "page", len(p), "%d bytes are less than a page", len(p))
	}
	if !ValidPageSize(len(p)) {
		return faultf(ErrField, "page", 0, "%d bytes are no page size", len(p))
	}
	if !HasPageMagic(p) {
		return faultf(ErrMagic, "page", pageMagicOff, "% x", p[:len(pageMagic)])
	}
	if v := le.Uint16(p[pageVersionOff:]); v != PageVersion {
		return faultf(ErrVersion, "page", pageVersionOff, "version %d", v)
	}
	t := PageType(p)
	if t != TypeKV && t != TypeOverflow {
		return faultf(ErrField, "page", pageTypeOff, "type %d", t)
	}
	if v := le.Uint32(p[pageZero1Off:]); v != 0 {
		return faultf(ErrField, "page", pageZero1Off, "reserved bytes are %#x", v)
	}
	if v := le.Uint16(p[pageFlagsOff:]); v != 0 {
		return faultf(ErrField, "page", pageFlagsOff, "flags %#x", v)
	}
	if v := le.Uint64(p[pageZero2Off:]); v != 0 {
		return faultf(ErrField, "page", pageZero2Off, "reserved bytes are %#x", v)
	}
	if got := PageID(p); got != id {
		return faultf(ErrField, "page", pageIDOff, "page id %d where page %d should stand", got, id)
	}
	if id == NoPage {
		return faultf(ErrField, "page", pageIDOff, "page id is the one that means none")
	}
	if NextPage(p) == id {
		return faultf(ErrField, "page", pageNextOff, "page %d names itself as its next", id)
	}
	return nil
}

func putPageHeader(p []byte, typ uint16, id, next uint64) {
	clear(p)
	copy(p, pageMagic)
	le.PutUint16(p[pageVersionOff:], PageVersion)
	le.PutUint16(p[pageTypeOff:], typ)
	le.PutUint64(p[pageIDOff:], id)
	le.PutUint64(p[pageNextOff:], next)
}
