package format

import "hash/crc32"

// The file dir: the head page of every bucket, replaced as a whole.
//
//	 0   8  magic "P1DIR001"
//	 8   4  version = 1
//	12   4  buckets
//	16   8  CRC32 (IEEE) of version, buckets and heads, upper half zero;
//	        all zero = not checked
//	24  8n  heads, n = buckets; NoPage = empty bucket
//
// Bytes behind the last head have no meaning.
const (
	dirMagicOff   = 0
	dirVersionOff = 8
	dirBucketsOff = 12
	dirSumOff     = 16
	dirHeadsOff   = 24

	dirVersion = 1
	dirMagic   = "P1DIR001"
)

// DirSize is the length of the file dir with this many buckets.
func DirSize(buckets int) int64 { return dirHeadsOff + 8*int64(buckets) }

// EncodeDir is the file for these heads, one for each bucket.
func EncodeDir(heads []uint64) []byte {
	b := make([]byte, DirSize(len(heads)))
	copy(b, dirMagic)
	le.PutUint32(b[dirVersionOff:], dirVersion)
	le.PutUint32(b[dirBucketsOff:], uint32(len(heads)))
	for i, h := range heads {
		le.PutUint64(b[dirHeadsOff+8*i:], h)
	}
	le.PutUint64(b[dirSumOff:], uint64(dirCRC(b)))
	return b
}

func dirCRC(b []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(b[dirVersionOff:dirSumOff]), crc32.IEEETable, b[dirHeadsOff:])
}

// DecodeDir reads the heads; their number is the number of buckets, at least 1.
// Checked is false if the file has a zero in place of its checksum and that is
// not the right one: the reference accepts such a file unseen, so the heads
// are returned, and the caller decides how far to believe them.
func DecodeDir(b []byte) (heads []uint64, checked bool, err error) {
	if len(b) < dirHeadsOff {
		return nil, false, faultf(ErrTruncated, "dir", len(b), "%d bytes are less than the header", len(b))
	}
	if string(b[:len(dirMagic)]) != dirMagic {
		return nil, false, faultf(ErrMagic, "dir", dirMagicOff, "% x", b[:len(dirMagic)])
	}
	if v := le.Uint32(b[dirVersionOff:]); v != dirVersion {
		return nil, false, faultf(ErrVersion, "dir", dirVersionOff, "version %d", v)
	}
	n := le.Uint32(b[dirBucketsOff:])
	if n == 0 {
		return nil, false, faultf(ErrField, "dir", dirBucketsOff, "no buckets")
	}
	// The length is checked before the number of buckets sizes anything.
	end := uint64(dirHeadsOff) + 8*uint64(n)
	if uint64(len(b)) < end {
		return nil, false, faultf(ErrTruncated, "dir", len(b), "%d bytes with %d buckets", len(b), n)
	}
	b = b[:end]
	stored, crc := le.Uint64(b[dirSumOff:]), uint64(dirCRC(b))
	if stored != crc && stored != 0 {
		return nil, false, faultf(ErrChecksum, "dir", dirSumOff, "stored %016x, computed %016x", stored, crc)
	}
	heads = make([]uint64, n)
	for i := range heads {
		heads[i] = le.Uint64(b[dirHeadsOff+8*i:])
	}
	return heads, stored == crc, nil
}
