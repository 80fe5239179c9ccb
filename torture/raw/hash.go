package raw

import (
	"encoding/binary"
	"math/bits"
)

// The primes of XXH64.
const (
	xx1 = 0x9E3779B185EBCA87
	xx2 = 0xC2B2AE3D27D4EB4F
	xx3 = 0x165667B19E3779F9
	xx4 = 0x85EBCA77C2B2AE63
	xx5 = 0x27D4EB2F165667C5
)

// Hash64 is the hash of keys: XXH64 with seed 0 over the length as a u64,
// followed by the key.
func Hash64(key []byte) uint64 {
	b := make([]byte, 8+len(key))
	binary.LittleEndian.PutUint64(b, uint64(len(key)))
	copy(b[8:], key)
	return xxh64(b)
}

// BucketOf is the bucket of a key.
func BucketOf(key []byte, buckets int) int { return int(Hash64(key) % uint64(buckets)) }

func xxh64(b []byte) uint64 {
	n := uint64(len(b))
	var h uint64
	if len(b) >= 32 {
		h, b = stripes(b)
	} else {
		h = xx5
	}
	h += n
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^round(0, binary.LittleEndian.Uint64(b)), 27)*xx1 + xx4
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*xx1, 23)*xx2 + xx3
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*xx5, 11) * xx1
	}
	h = (h ^ h>>33) * xx2
	h = (h ^ h>>29) * xx3
	return h ^ h>>32
}

// stripes folds the whole 32-byte stripes and returns the rest.
func stripes(b []byte) (uint64, []byte) {
	var p1 uint64 = xx1
	v := [4]uint64{p1 + xx2, xx2, 0, -p1}
	for ; len(b) >= 32; b = b[32:] {
		for i := range v {
			v[i] = round(v[i], binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	h := bits.RotateLeft64(v[0], 1) + bits.RotateLeft64(v[1], 7) + bits.RotateLeft64(v[2], 12) + bits.RotateLeft64(v[3], 18)
	for _, x := range v {
		h = (h^round(0, x))*xx1 + xx4
	}
	return h, b
}

func round(acc, in uint64) uint64 { return bits.RotateLeft64(acc+in*xx2, 31) * xx1 }
