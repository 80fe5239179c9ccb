package faultfs

import "bytes"

// block is the content of one sector of a file. It never changes once made,
// so that views, images and log records share blocks freely.
//
// A nil *block is a hole: it reads as zeros and takes no space. Zeros that
// take space are the disk's zero block; content of zeros is always one of the
// two, hence equal bytes always have equal hashes.
type block struct {
	data []byte // one sector
	hash uint64 // 0 for zeros
}

// blockMaker makes the blocks of one sector size.
type blockMaker struct {
	sector int
	zero   *block
}

func newBlockMaker(sector int) *blockMaker {
	return &blockMaker{sector: sector, zero: &block{data: make([]byte, sector)}}
}

// whole makes a block of exactly one sector of bytes and keeps the slice.
func (m *blockMaker) whole(data []byte) *block {
	if data[0] == 0 && bytes.Equal(data, m.zero.data) {
		return m.zero
	}
	return &block{data: data, hash: hashBytes(data)}
}

// overlay is old with data laid over it at off.
func (m *blockMaker) overlay(old *block, off int, data []byte) *block {
	if off == 0 && len(data) == m.sector {
		return m.whole(data)
	}
	fresh := make([]byte, m.sector)
	if old != nil {
		copy(fresh, old.data)
	}
	copy(fresh[off:], data)
	return m.whole(fresh)
}

// weight is what a block adds to the content hash of its file; a sum of
// weights can be kept up to date block by block.
func (b *block) weight(index int) uint64 {
	if b == nil || b.hash == 0 {
		return 0
	}
	return mix(b.hash, uint64(index))
}
