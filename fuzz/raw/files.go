package raw

import (
	"encoding/binary"
	"hash/crc32"
)

// None is the page id that stands for no page.
const None = 1<<64 - 1

func u16(b []byte, off int) int    { return int(binary.LittleEndian.Uint16(b[off : off+2])) }
func u32(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off : off+4]) }
func u64(b []byte, off int) uint64 { return binary.LittleEndian.Uint64(b[off : off+8]) }

// crc is the checksum over the parts, one behind the other.
func crc(parts ...[]byte) uint32 {
	sum := crc32.NewIEEE()
	for _, p := range parts {
		sum.Write(p)
	}
	return sum.Sum32()
}

// IsPageSize tells the four page sizes.
func IsPageSize(n uint64) bool { return n == 4096 || n == 8192 || n == 16384 || n == 32768 }

// Meta is the file meta.
type Meta struct {
	Version  uint32
	PageSize uint32
	NextPage uint64
	LastLSN  uint64
	Clean    bool
}

// ReadMeta reads the file meta of any of its three versions.
func ReadMeta(b []byte) (m Meta, ok bool) {
	if len(b) < 28 || len(b) > 41 || string(b[0:8]) != "P1DBMETA" {
		return m, false
	}
	m = Meta{Version: u32(b, 8), PageSize: u32(b, 12), NextPage: u64(b, 20), Clean: true}
	if m.Version < 1 || m.Version > 3 || m.Version == 2 && len(b) < 32 || m.Version == 3 && len(b) < 41 {
		return m, false
	}
	if m.Version >= 2 && u32(b, 28) != 1 {
		return m, false
	}
	if m.Version == 3 {
		m.LastLSN, m.Clean = u64(b, 32), b[40] != 0
	}
	flags := u32(b, 16)
	fits := IsPageSize(uint64(m.PageSize)) && m.NextPage <= (1<<63-1)/uint64(m.PageSize)
	return m, fits && flags == 0
}

// Dir is the file dir. Vouched is false where eight zero bytes stand in place of
// the checksum, unless they are the right one.
type Dir struct {
	Heads   []uint64
	Vouched bool
}

// ReadDir reads the file dir.
func ReadDir(b []byte) (d Dir, ok bool) {
	if len(b) < 24 || string(b[0:8]) != "P1DIR001" || u32(b, 8) != 1 || u32(b, 12) == 0 {
		return d, false
	}
	n := uint64(u32(b, 12))
	if uint64(len(b))-24 < 8*n {
		return d, false
	}
	heads := b[24 : 24+8*n]
	stored := u64(b, 16)
	d.Vouched = stored == uint64(crc(b[8:16], heads))
	for ; len(heads) > 0; heads = heads[8:] {
		d.Heads = append(d.Heads, u64(heads, 0))
	}
	return d, d.Vouched || stored == 0
}

// Free is the file free.
type Free struct {
	IDs      []uint64
	Count    uint32
	Reserved uint64
	Rest     int // bytes behind the last whole id
}

// ReadFree reads the file free.
func ReadFree(b []byte) (f Free, ok bool) {
	if len(b) < 24 || string(b[0:8]) != "P1FREE01" || u32(b, 8) != 1 {
		return f, false
	}
	f.Count, f.Reserved = u32(b, 12), u64(b, 16)
	for b = b[24:]; len(b) >= 8; b = b[8:] {
		f.IDs = append(f.IDs, u64(b, 0))
	}
	f.Rest = len(b)
	return f, true
}

// FreePartMark is what a clean close writes there while a snapshot outlives it.
func FreePartMark(ids []uint64, lastLSN, nextPage uint64) uint64 {
	return FreeMark(ids, lastLSN, nextPage) + (0x50-0x45)<<32
}

// FreeMark is what a clean close writes into the reserved field of free.
func FreeMark(ids []uint64, lastLSN, nextPage uint64) uint64 {
	sum := crc32.NewIEEE()
	for _, n := range append(append([]uint64(nil), ids...), lastLSN, nextPage) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], n)
		sum.Write(b[:])
	}
	return 0x51465245<<32 + uint64(sum.Sum32())
}
