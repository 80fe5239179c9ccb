package raw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path"
	"strconv"
	"strings"
)

// NoPage ends chains and stands for the head of an empty bucket.
const NoPage = ^uint64(0)

// SegmentBytes is the size of a full segment.
const SegmentBytes = 32 << 20

var le = binary.LittleEndian

// Files are the bytes of a database; nil where a file is missing.
type Files struct {
	Meta, Dir, Free, Log []byte
	Segs                 map[int]Segment // by number, from 1
}

// Segment is a segment file, in memory as a whole or read page by page.
type Segment struct {
	Size   int
	whole  []byte
	readAt func(b []byte, off int64) (int, error)
}

// Whole is a segment from its bytes.
func Whole(b []byte) Segment { return Segment{Size: len(b), whole: b} }

// Paged is a segment of which only the pages that are looked at are read. An
// error of readAt leaves zeros, which is no page.
func Paged(size int, readAt func(b []byte, off int64) (int, error)) Segment {
	return Segment{Size: size, readAt: readAt}
}

// page is n bytes at an offset, nil where the file is too short.
func (s Segment) page(off, n int) Page {
	if off+n > s.Size {
		return nil
	}
	if s.readAt == nil {
		return Page(s.whole[off : off+n])
	}
	b := make([]byte, n)
	if _, err := s.readAt(b, int64(off)); err != nil {
		clear(b)
	}
	return b
}

// Load takes the files below dir from a list of paths. Other files are left out.
func Load(dir string, paths []string, read func(path string) ([]byte, error)) (Files, error) {
	f := Files{Segs: map[int]Segment{}}
	for _, p := range paths {
		if path.Dir(p) != path.Clean("/"+dir) {
			continue
		}
		var to *[]byte
		name, segment := path.Base(p), 0
		switch name {
		case "meta":
			to = &f.Meta
		case "dir":
			to = &f.Dir
		case "free":
			to = &f.Free
		case "wal-000001.log":
			to = &f.Log
		default:
			if segment = SegmentNumber(name); segment == 0 {
				continue
			}
		}
		b, err := read(p)
		if err != nil {
			return f, err
		}
		if b == nil {
			b = []byte{}
		}
		if segment > 0 {
			f.Segs[segment] = Whole(b)
		} else {
			*to = b
		}
	}
	return f, nil
}

// SegmentNumber is the number in the name of a segment, 0 for other names.
func SegmentNumber(name string) int {
	s, ok := strings.CutPrefix(name, "data-")
	if !ok {
		return 0
	}
	if s, ok = strings.CutSuffix(s, ".p1seg"); !ok || len(s) < 6 {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// Meta is the header of a database.
type Meta struct {
	PageSize int
	NextPage uint64
	LastLSN  uint64
	Clean    bool
}

// ParseMeta reads a meta of version 3.
func ParseMeta(b []byte) (Meta, error) {
	if len(b) != 41 || string(b[:8]) != "P1DBMETA" || le.Uint32(b[8:]) != 3 {
		return Meta{}, fmt.Errorf("meta: %d bytes, not a meta of version 3", len(b))
	}
	m := Meta{PageSize: int(le.Uint32(b[12:])), NextPage: le.Uint64(b[20:]), LastLSN: le.Uint64(b[32:]), Clean: b[40] != 0}
	switch {
	case m.PageSize != 4096 && m.PageSize != 8192 && m.PageSize != 16384 && m.PageSize != 32768:
		return m, fmt.Errorf("meta: page size %d", m.PageSize)
	case le.Uint32(b[16:]) != 0 || le.Uint32(b[28:]) != 1:
		return m, errors.New("meta: flags or kind of hash")
	case b[40] > 1:
		return m, fmt.Errorf("meta: clean flag %d", b[40])
	}
	return m, nil
}

// WithNextPage is a meta that has given out more page ids.
func WithNextPage(meta []byte, next uint64) []byte {
	b := bytes.Clone(meta)
	le.PutUint64(b[20:], next)
	return b
}

// ParseDir reads the heads of the buckets. Ours always writes the checksum and
// nothing behind the last head.
func ParseDir(b []byte) ([]uint64, error) {
	if len(b) < 24 || string(b[:8]) != "P1DIR001" || le.Uint32(b[8:]) != 1 {
		return nil, fmt.Errorf("dir: %d bytes, not a directory of version 1", len(b))
	}
	n := int(le.Uint32(b[12:]))
	if len(b) != 24+8*n {
		return nil, fmt.Errorf("dir: %d bytes for %d buckets", len(b), n)
	}
	sum := crc32.Update(crc32.ChecksumIEEE(b[8:16]), crc32.IEEETable, b[24:])
	if le.Uint64(b[16:]) != uint64(sum) {
		return nil, fmt.Errorf("dir: checksum %x instead of %x", le.Uint64(b[16:]), sum)
	}
	return words(b[24:]), nil
}

// ParseFree reads the free list, and the checksum of a clean close (0 if none).
func ParseFree(b []byte) (ids []uint64, sum uint64, err error) {
	if len(b) < 24 || string(b[:8]) != "P1FREE01" || le.Uint32(b[8:]) != 1 {
		return nil, 0, fmt.Errorf("free: %d bytes, not a free list of version 1", len(b))
	}
	if (len(b)-24)%8 != 0 || int(le.Uint32(b[12:])) != (len(b)-24)/8 {
		return nil, 0, fmt.Errorf("free: %d bytes for a count of %d", len(b), le.Uint32(b[12:]))
	}
	return words(b[24:]), le.Uint64(b[16:]), nil
}

func words(b []byte) []uint64 {
	list := make([]uint64, len(b)/8)
	for i := range list {
		list[i] = le.Uint64(b[8*i:])
	}
	return list
}
