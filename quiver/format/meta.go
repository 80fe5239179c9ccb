package format

import "math"

// The file meta: the header of the database, replaced as a whole.
//
//	 0  8  magic "P1DBMETA"
//	 8  4  version = 3
//	12  4  page size
//	16  4  flags = 0 (bit 0 reserved for encryption)
//	20  8  next page id: every page id that was given out is below it
//	28  4  hash kind = 1, the function Hash64
//	32  8  last LSN
//	40  1  clean shutdown: 0 not clean, anything else clean
//
// Version 2 ends at 32, version 1 at 28. There is no checksum.
const (
	MetaSize    = 41
	MetaVersion = 3
	HashKindXXH = 1

	metaMagicOff    = 0
	metaVersionOff  = 8
	metaPageSizeOff = 12
	metaFlagsOff    = 16
	metaNextOff     = 20
	metaHashKindOff = 28
	metaLastLSNOff  = 32
	metaCleanOff    = 40

	metaSizeV1 = 28
	metaSizeV2 = 32

	metaMagic = "P1DBMETA"
)

// Meta is the content of the file meta.
type Meta struct {
	Version    uint32 // as stored; 1, 2 or 3
	PageSize   uint32 // bytes
	Flags      uint32 // 0
	NextPageID uint64
	HashKind   uint32 // 1; also where version 1 has no such field
	LastLSN    uint64 // 0 where the version has no such field
	Clean      bool   // true where the version has no such field
}

// Encode is the file for m in version 3, whatever m.Version says. Hash kind
// and flags are written as the only values that exist, 1 and 0.
func (m Meta) Encode() []byte {
	b := make([]byte, MetaSize)
	copy(b, metaMagic)
	le.PutUint32(b[metaVersionOff:], MetaVersion)
	le.PutUint32(b[metaPageSizeOff:], m.PageSize)
	le.PutUint64(b[metaNextOff:], m.NextPageID)
	le.PutUint32(b[metaHashKindOff:], HashKindXXH)
	le.PutUint64(b[metaLastLSNOff:], m.LastLSN)
	if m.Clean {
		b[metaCleanOff] = 1
	}
	return b
}

// DecodeMeta reads versions 1, 2 and 3 and validates every field. It refuses
// versions above 3, non-zero flags and hash kinds above 1 (ErrVersion), no hash
// kind (ErrField), and bytes behind version 3, which nobody writes. Versions 1 and 2
// may be followed by anything up to the size of version 3.
func DecodeMeta(b []byte) (Meta, error) {
	if len(b) < metaVersionOff+4 {
		return Meta{}, faultf(ErrTruncated, "meta", len(b), "%d bytes", len(b))
	}
	if string(b[:len(metaMagic)]) != metaMagic {
		return Meta{}, faultf(ErrMagic, "meta", metaMagicOff, "% x", b[:len(metaMagic)])
	}
	m := Meta{Version: le.Uint32(b[metaVersionOff:]), HashKind: HashKindXXH, Clean: true}
	sizes := [...]int{1: metaSizeV1, 2: metaSizeV2, 3: MetaSize}
	if m.Version == 0 || m.Version > MetaVersion {
		return Meta{}, faultf(ErrVersion, "meta", metaVersionOff, "version %d", m.Version)
	}
	if len(b) < sizes[m.Version] {
		return Meta{}, faultf(ErrTruncated, "meta", len(b), "%d bytes in version %d", len(b), m.Version)
	}
	if len(b) > MetaSize {
		return Meta{}, faultf(ErrField, "meta", MetaSize, "%d bytes behind the last field", len(b)-MetaSize)
	}
	m.PageSize = le.Uint32(b[metaPageSizeOff:])
	m.Flags = le.Uint32(b[metaFlagsOff:])
	m.NextPageID = le.Uint64(b[metaNextOff:])
	if m.Version >= 2 {
		m.HashKind = le.Uint32(b[metaHashKindOff:])
	}
	if m.Version >= 3 {
		m.LastLSN = le.Uint64(b[metaLastLSNOff:])
		m.Clean = b[metaCleanOff] != 0
	}
	if err := m.Validate(); err != nil {
		return Meta{}, err
	}
	return m, nil
}

// Validate checks each field for itself. What only the other files can tell
// (whether next page id and last LSN fit them) is up to the caller.
func (m Meta) Validate() error {
	if m.PageSize > PageSizeMax || !ValidPageSize(int(m.PageSize)) {
		return faultf(ErrField, "meta", metaPageSizeOff, "page size %d", m.PageSize)
	}
	if m.Flags != 0 {
		return faultf(ErrVersion, "meta", metaFlagsOff, "flags %#x: encryption is not supported", m.Flags)
	}
	if m.HashKind > HashKindXXH {
		return faultf(ErrVersion, "meta", metaHashKindOff, "hash kind %d", m.HashKind)
	}
	if m.HashKind != HashKindXXH {
		return faultf(ErrField, "meta", metaHashKindOff, "hash kind %d", m.HashKind)
	}
	// Bytes of a database are counted in int64.
	if m.NextPageID > math.MaxInt64/uint64(m.PageSize) {
		return faultf(ErrField, "meta", metaNextOff, "next page id %d", m.NextPageID)
	}
	return nil
}
