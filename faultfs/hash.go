package faultfs

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Digest identifies the content of a tree: names, kinds, sizes and bytes. It
// is the same in every process, so that it can stand in a failure report.
type Digest uint64

func (d Digest) String() string { return fmt.Sprintf("%016x", uint64(d)) }

const (
	prime1 = 0x9E3779B97F4A7C15
	prime2 = 0xD6E8FEB86659FD93
	prime3 = 0xA0761D6478BD642F
)

// mix folds the 128-bit product of both words, and adds the words themselves
// so that a factor of zero does not swallow the other one.
func mix(a, b uint64) uint64 {
	a, b = a^prime1, b^prime2
	hi, lo := bits.Mul64(a, b)
	return (hi ^ lo) + a + bits.RotateLeft64(b, 32)
}

// hashBytes hashes bytes: two independent lanes hide the latency of the
// multiplication.
func hashBytes(p []byte) uint64 {
	a, b := uint64(prime2), uint64(prime3)^uint64(len(p))
	for len(p) >= 32 {
		a = mix(binary.LittleEndian.Uint64(p)^a, binary.LittleEndian.Uint64(p[8:]))
		b = mix(binary.LittleEndian.Uint64(p[16:])^b, binary.LittleEndian.Uint64(p[24:]))
		p = p[32:]
	}
	if len(p) > 0 {
		var rest [32]byte
		copy(rest[:], p)
		a = mix(binary.LittleEndian.Uint64(rest[:])^a, binary.LittleEndian.Uint64(rest[8:]))
		b = mix(binary.LittleEndian.Uint64(rest[16:])^b, binary.LittleEndian.Uint64(rest[24:]))
	}
	return mix(a, b)
}

func hashName(s string) uint64 { return hashBytes([]byte(s)) }
