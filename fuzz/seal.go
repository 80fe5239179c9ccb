package fuzz

import (
	"encoding/binary"
	"hash/crc32"
)

func put32(b []byte, off int, v uint32) { binary.LittleEndian.PutUint32(b[off:], v) }
func put64(b []byte, off int, v uint64) { binary.LittleEndian.PutUint64(b[off:], v) }

// sum is the CRC32 of the parts, one behind the other.
func sum(parts ...[]byte) uint32 {
	c := uint32(0)
	for _, p := range parts {
		c = crc32.Update(c, crc32.IEEETable, p)
	}
	return c
}

// sealDir makes the checksum of a directory right, if there is one.
func sealDir(b []byte) {
	if len(b) < 24 {
		return
	}
	n := min(uint64(binary.LittleEndian.Uint32(b[12:])), uint64(len(b)-24)/8)
	put64(b, 16, uint64(sum(b[8:16], b[24:24+8*n])))
}

// sealPage makes the checksum of a page right.
func sealPage(b []byte) { put32(b, 60, sum(b[:60], make([]byte, 4), b[64:])) }

// sealRecord makes the checksum of a log record right, over as much of its payload
// as there is, and first its length unless it keeps its own.
func sealRecord(b []byte, ownLength bool) {
	const header = 28
	if len(b) < header {
		return
	}
	payload := b[header:]
	if !ownLength {
		put32(b, 20, uint32(len(payload)))
	}
	n := min(uint64(binary.LittleEndian.Uint32(b[20:])), uint64(len(payload)))
	put32(b, 24, sum(b[:24], payload[:n]))
}
