package wal

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

var (
	errCrash = errors.New("the machine stopped")
	errSync  = &fs.PathError{Op: "sync", Path: FileName, Err: syscall.EIO}
)

// atom is what persists or not, apart from all others: the bytes of one write in
// one sector, a growth, or a truncation.
type atom struct {
	kind byte // 'w' bytes, 'z' growth to n, 't' truncation to n
	off  int64
	data []byte
	n    int64
}

// crashFile is a file whose unsynced operations survive a power cut in any
// subset. Later atoms win over earlier ones; bytes that are inside the file but
// were never written are zeros or noise.
type crashFile struct {
	vfs.File
	rng     *rand.Rand
	sector  int64
	noise   bool
	durable []byte
	live    []byte
	pending []atom
	arena   []byte // the data of pending atoms

	opsLeft  int // operations until the machine stops; -1 = never
	failSync int // syncs until one fails; -1 = never
	room     int64
}

func newCrashFile(rng *rand.Rand) *crashFile {
	return &crashFile{
		rng: rng, sector: []int64{512, 4096}[rng.IntN(2)], noise: rng.IntN(2) == 0,
		opsLeft: -1, failSync: -1, room: 1 << 40,
	}
}

// stop reports that the machine stops at this operation.
func (f *crashFile) stop() bool {
	if f.opsLeft < 0 {
		return false
	}
	if f.opsLeft == 0 {
		return true
	}
	f.opsLeft--
	return false
}

func (f *crashFile) Size() (int64, error) { return int64(len(f.live)), nil }

func (f *crashFile) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, f.live[min(off, int64(len(f.live))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *crashFile) WriteAt(p []byte, off int64) (int, error) {
	if f.stop() {
		f.write(p[:f.rng.IntN(len(p)+1)], off)
		return 0, errCrash
	}
	if over := off + int64(len(p)) - f.room; over > 0 {
		n := max(0, len(p)-int(over))
		f.write(p[:n], off)
		return n, &fs.PathError{Op: "write", Path: FileName, Err: syscall.ENOSPC}
	}
	f.write(p, off)
	return len(p), nil
}

func (f *crashFile) write(p []byte, off int64) {
	end := off + int64(len(p))
	if end > int64(len(f.live)) {
		f.live = append(f.live, make([]byte, end-int64(len(f.live)))...)
		f.pending = append(f.pending, atom{kind: 'z', n: end})
	}
	copy(f.live[off:], p)
	if len(f.pending) > 0 && cap(f.arena)-len(f.arena) < len(p) {
		f.arena = nil // older atoms keep the old one
	}
	at := len(f.arena)
	f.arena = append(f.arena, p...)
	p = f.arena[at:]
	for len(p) > 0 {
		n := min(int64(len(p)), f.sector-off%f.sector)
		f.pending = append(f.pending, atom{kind: 'w', off: off, data: p[:n]})
		p, off = p[n:], off+n
	}
}

func (f *crashFile) Truncate(n int64) error {
	stops := f.stop()
	if !stops || f.rng.IntN(2) == 0 {
		if n > int64(len(f.live)) {
			f.live = append(f.live, make([]byte, n-int64(len(f.live)))...)
			f.pending = append(f.pending, atom{kind: 'z', n: n})
		} else {
			f.live = f.live[:n]
			f.pending = append(f.pending, atom{kind: 't', n: n})
		}
	}
	if stops {
		return errCrash
	}
	return nil
}

func (f *crashFile) Sync() error {
	if f.stop() {
		return errCrash
	}
	if f.failSync == 0 {
		// Some of it got to the disk, the rest is only in the cache now, and no
		// later sync writes it.
		f.persist(f.rng.Float64())
		f.failSync = -1
		return errSync
	}
	if f.failSync > 0 {
		f.failSync--
	}
	f.persist(1)
	return nil
}

func (f *crashFile) SyncData() error { return f.Sync() }
func (f *crashFile) Close() error    { return nil }

// powerCut leaves what is durable and a random part of what is pending.
func (f *crashFile) powerCut() {
	p := []float64{0, 0.05, 0.5, 0.95, 1}[f.rng.IntN(5)]
	f.persist(p)
	f.live = append(f.live[:0], f.durable...)
	f.opsLeft, f.failSync = -1, -1
}

// kill leaves the cache as it is: what is pending stays so.
func (f *crashFile) kill() { f.opsLeft, f.failSync = -1, -1 }

// persist applies each pending atom to the durable content with chance p.
func (f *crashFile) persist(p float64) {
	size := int64(len(f.durable))
	longest := size
	for _, a := range f.pending {
		longest = max(longest, a.n, a.off+int64(len(a.data)))
	}
	b := slices.Grow(f.durable, int(longest-size))[:longest]
	if p < 1 {
		f.fill(b[size:])
	} else {
		clear(b[size:])
	}
	for _, a := range f.pending {
		if p < 1 && f.rng.Float64() >= p {
			continue
		}
		switch a.kind {
		case 'w':
			copy(b[a.off:], a.data)
		case 'z':
			size = max(size, a.n)
		case 't':
			if a.n < size {
				size = a.n
				f.fill(b[size:])
			}
		}
	}
	f.durable = b[:size]
	f.pending, f.arena = f.pending[:0], f.arena[:0]
}

// fill makes bytes that were never written: zeros, or noise.
func (f *crashFile) fill(b []byte) {
	clear(b)
	if !f.noise || f.rng.IntN(2) == 0 {
		return
	}
	x := f.rng.Uint64()
	for i := 0; i+8 <= len(b); i += 8 {
		x = x*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(b[i:], x^x>>32)
	}
}

// crashFS is a disk with that one file.
type crashFS struct {
	vfs.FS
	f *crashFile
}

func (c crashFS) OpenFile(string, vfs.OpenFlag) (vfs.File, error) { return c.f, nil }
