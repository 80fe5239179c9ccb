package format

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// hashStackBytes is the longest input that is hashed in one call over a
// buffer on the stack; the streaming digest costs more for short keys.
const hashStackBytes = 128

// Hash64 is the hash of keys and of page images: XXH64 with seed 0 over the
// length of b as a u64, followed by b. It does not allocate.
func Hash64(b []byte) uint64 {
	if len(b) <= hashStackBytes-8 {
		var buf [hashStackBytes]byte
		binary.LittleEndian.PutUint64(buf[:], uint64(len(b)))
		n := copy(buf[8:], b)
		return xxhash.Sum64(buf[:8+n])
	}
	var d xxhash.Digest
	d.Reset()
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(b)))
	d.Write(length[:])
	d.Write(b)
	return d.Sum64()
}

// Bucket is the bucket of a key with this hash among buckets, which must not be 0.
func Bucket(hash uint64, buckets uint32) uint32 {
	return uint32(reduce(hash, buckets))
}

// reduce is hash % n. Table sizes and bucket counts are nearly always powers
// of two, where a mask replaces the much slower division.
func reduce(hash uint64, n uint32) uint64 {
	if bits.OnesCount32(n) == 1 {
		return hash & uint64(n-1)
	}
	return hash % uint64(n)
}
