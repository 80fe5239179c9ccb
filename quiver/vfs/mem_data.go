package vfs

import (
	"io"
	"math"
	"sync"
	"syscall"
)

// memBlock is the unit, in bytes, in which a file of the memory disk has data
// and in which a bounded disk counts.
const memBlock = 4096

// memSpace counts the free blocks of a memory disk.
type memSpace struct {
	mu      sync.Mutex
	free    int64
	bounded bool
}

func (s *memSpace) available() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free
}

// take takes n blocks, all or none.
func (s *memSpace) take(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free < n {
		return false
	}
	s.free -= n
	return true
}

func (s *memSpace) give(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free += n
}

// memData is the content of a file. Invariants: the file owns len(blocks)
// blocks of the space; a reserved block without data is nil; no block stands
// wholly behind size, and bytes behind size in the last one are zero.
type memData struct {
	space *memSpace

	mu     sync.RWMutex
	size   int64
	blocks map[int64]*[memBlock]byte // by offset / memBlock; absent is a hole
}

func newMemData(space *memSpace) *memData {
	return &memData{space: space, blocks: map[int64]*[memBlock]byte{}}
}

func (d *memData) currentSize() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.size
}

func (d *memData) readAt(p []byte, off int64) (int, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := 0
	if off < d.size {
		n = int(min(int64(len(p)), d.size-off))
	}
	for done := 0; done < n; {
		index, inside := blockOf(off + int64(done))
		part := p[done:n]
		part = part[:min(len(part), memBlock-inside)]
		if block := d.blocks[index]; block != nil {
			copy(part, block[inside:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func blockOf(off int64) (index int64, inside int) {
	return off / memBlock, int(off % memBlock)
}

func (d *memData) writeAt(p []byte, off int64) (int, error) {
	if off > math.MaxInt64-int64(len(p)) {
		return 0, syscall.EFBIG
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for done := 0; done < len(p); {
		index, inside := blockOf(off + int64(done))
		block := d.blocks[index]
		if block == nil {
			if _, reserved := d.blocks[index]; !reserved && !d.space.take(1) {
				return done, syscall.ENOSPC
			}
			block = new([memBlock]byte)
			d.blocks[index] = block
		}
		done += copy(block[inside:], p[done:])
		d.size = max(d.size, off+int64(done))
	}
	return len(p), nil
}

func (d *memData) truncate(size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size < d.size {
		d.drop(size)
	}
	d.size = size
}

// drop gives back the blocks behind size and clears the rest of the last one,
// which must read as zeros if the file grows again.
func (d *memData) drop(size int64) {
	index, inside := blockOf(size)
	if block := d.blocks[index]; block != nil && inside > 0 {
		clear(block[inside:])
	}
	before := len(d.blocks)
	for at := range d.blocks {
		if at > index || at == index && inside == 0 {
			delete(d.blocks, at)
		}
	}
	d.space.give(int64(before - len(d.blocks)))
}

func (d *memData) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(0)
	d.size = 0
}

// allocate reserves the blocks of [off, off+length). Without a bound there is
// nothing to reserve.
func (d *memData) allocate(off, length int64) error {
	if off < 0 || length < 0 || off > math.MaxInt64-length {
		return syscall.EINVAL
	}
	if length == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.space.bounded && !d.reserve(off/memBlock, (off+length-1)/memBlock) {
		return syscall.ENOSPC
	}
	d.size = max(d.size, off+length)
	return nil
}

// reserve makes the file own the blocks from first to last, or none more.
func (d *memData) reserve(first, last int64) bool {
	// A range too large for the disk is refused before it is walked.
	if last-first+1-int64(len(d.blocks)) > d.space.available() {
		return false
	}
	var missing []int64
	for at := first; at <= last; at++ {
		if _, there := d.blocks[at]; !there {
			missing = append(missing, at)
		}
	}
	if !d.space.take(int64(len(missing))) {
		return false
	}
	for _, at := range missing {
		d.blocks[at] = nil
	}
	return true
}
