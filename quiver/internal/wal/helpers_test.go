package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

const (
	pageSize = 4096
	stride   = format.RecordHeaderSize + pageSize
	begin    = format.WALHeaderSize
)

// slot is the offset of the i-th slot.
func slot(i int) int64 { return begin + int64(i)*stride }

// newPage is an unsealed page whose content tells the LSN that it will get.
func newPage(id, lsn uint64) []byte {
	p := make([]byte, pageSize)
	initPage(p, id, lsn)
	return p
}

func initPage(p []byte, id, lsn uint64) {
	format.InitKV(p, id)
	binary.LittleEndian.PutUint64(p[2000:], lsn) // in the gap, which has no meaning
}

func pageTag(p []byte) uint64 { return binary.LittleEndian.Uint64(p[2000:]) }

// rec describes a record of a log made by hand.
type rec struct {
	lsn, page uint64
	typ       uint8 // 0 = page image
	flags     uint8
	payload   []byte // nil = a page
}

func (r rec) bytes() []byte {
	if r.typ == 0 {
		r.typ = format.RecordPageImage
	}
	if r.payload == nil {
		r.payload = newPage(r.page, r.lsn)
		format.SealPage(r.payload, r.lsn)
	}
	b := make([]byte, format.RecordHeaderSize, format.RecordHeaderSize+len(r.payload))
	format.PutRecordHeader(b, format.Record{Type: r.typ, Flags: r.flags, LSN: r.lsn, PageID: r.page}, r.payload)
	return append(b, r.payload...)
}

// groupOf is a group of n records from lsn on; record i images page lsn+i mod 7.
func groupOf(number, lsn uint64, n int) []rec {
	g := make([]rec, n)
	for i := range g {
		l := lsn + uint64(i)
		g[i] = rec{lsn: l, page: l % 7, flags: format.GroupFlags(number, i == n-1)}
	}
	return g
}

func foreignRecs(lsn uint64, n int) []rec {
	g := groupOf(0, lsn, n)
	for i := range g {
		g[i].flags = 0
	}
	return g
}

// logOf puts records one after another behind a header; tail follows them.
func logOf(tail []byte, groups ...[]rec) []byte {
	h := format.EncodeWALHeader()
	b := h[:]
	for _, g := range groups {
		for _, r := range g {
			b = append(b, r.bytes()...)
		}
	}
	return append(b, tail...)
}

// zeros is what a preallocated log has behind its last group.
func zeros(n int) []byte { return make([]byte, n) }

var room = zeros(endBytes + stride)

// bytesFile is a file of which only reading is of interest.
type bytesFile struct {
	vfs.File
	b []byte
}

func (f *bytesFile) Size() (int64, error) { return int64(len(f.b)), nil }

func (f *bytesFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.b)) {
		return 0, io.EOF
	}
	n := copy(p, f.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// scanBytes also checks that a result keeps its own promises.
func scanBytes(t testing.TB, b []byte, o ScanOptions) (Result, error) {
	t.Helper()
	o.PageSize = pageSize
	res, err := Scan(&bytesFile{b: b}, o)
	if err == nil {
		if e := consistent(b, res); e != nil {
			t.Fatalf("%v in %+v", e, res)
		}
	}
	return res, err
}

func consistent(b []byte, r Result) error {
	switch {
	case r.MaxLSN < r.LastLSN:
		return errors.New("MaxLSN below LastLSN")
	case r.End > int64(len(b)) || r.LastGroup[1] > r.End || r.LastGroup[0] > r.LastGroup[1]:
		return errors.New("offsets out of the file")
	case r.TornBytes < 0 || r.Salvaged < 0 || r.End+r.TornBytes > int64(len(b)):
		return errors.New("TornBytes out of the file")
	case r.Records > 0 && r.Bytes != r.End-begin:
		return errors.New("Bytes is not the length of the live records")
	case (r.Records == 0) != (r.Groups == 0), len(r.Images) > r.Records:
		return errors.New("counts contradict each other")
	}
	for _, im := range r.Images {
		if im.Offset < begin || im.Offset+pageSize > r.End {
			return fmt.Errorf("image out of the live log: %+v", im)
		}
		p := b[im.Offset:][:pageSize]
		if format.PageID(p) != im.PageID || format.PageLSN(p) != im.LSN {
			return fmt.Errorf("image is not of its page: %+v", im)
		}
	}
	return nil
}

func lsns(r Result) []uint64 {
	var out []uint64
	for _, im := range r.Images {
		out = append(out, im.LSN)
	}
	return out
}

func upTo(from, to uint64) []uint64 {
	var out []uint64
	for l := from; l <= to; l++ {
		out = append(out, l)
	}
	return out
}

func flip(b []byte, off int64, mask byte) []byte {
	b = bytes.Clone(b)
	b[off] ^= mask
	return b
}

// put overwrites bytes from off on.
func put(b []byte, off int64, p []byte) []byte {
	b = bytes.Clone(b)
	copy(b[off:], p)
	return b
}

func allHeld(uint64, uint64) (bool, error) { return true, nil }

func heldExcept(page uint64) func(uint64, uint64) (bool, error) {
	return func(id, _ uint64) (bool, error) { return id != page, nil }
}

func isDamage(err error) *DamageError {
	var d *DamageError
	if errors.As(err, &d) {
		return d
	}
	return nil
}

func readLog(t testing.TB, fsys vfs.FS, dir string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, FileName), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func entries(lsn uint64, n int) []Entry {
	g := make([]Entry, n)
	for i := range g {
		l := lsn + uint64(i)
		g[i] = Entry{PageID: l % 7, LSN: l, Page: newPage(l%7, l)}
	}
	return g
}

func equalLSNs(a, b []uint64) bool { return slices.Equal(a, b) }
