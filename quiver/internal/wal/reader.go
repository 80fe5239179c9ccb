package wal

import (
	"hash/crc32"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// windowBytes is the most of a log that a scan holds in memory at once. It is
// larger than the largest stride.
const windowBytes = 256 << 10

// recordCRCOff is where the CRC stands in a record header; the CRC covers what
// stands before it, and the payload.
const recordCRCOff = format.RecordHeaderSize - 4

// recordZeroOff is where two zero bytes stand in a record header.
const recordZeroOff = 2

// reader reads a log through one buffer, mostly front to back.
type reader struct {
	f        vfs.File
	size     int64
	pageSize int
	buf      []byte // the bytes of the file from start on
	start    int64
	progress func(done, total int64) error
	done     int64
}

// found is what stands at an offset.
type found struct {
	format.Record
	header bool   // the record header is inside the file, and its two zero bytes are zero
	whole  bool   // the payload is inside the file too
	valid  bool   // the CRC holds
	page   []byte // payload of a valid record of one page; good until the next read
}

// ours reports a valid marked record that fills a slot.
func (r *found) ours(pageSize int) bool {
	return r.valid && r.Marked() && int64(r.Len) == int64(pageSize)
}

// bytes returns n bytes at off, which lie inside the file and fit the window.
// They are good until the next read.
func (r *reader) bytes(off int64, n int) ([]byte, error) {
	if off >= r.start && off+int64(n) <= r.start+int64(len(r.buf)) {
		return r.buf[off-r.start:][:n], nil
	}
	if cap(r.buf) == 0 {
		r.buf = make([]byte, min(windowBytes, r.size))
	}
	r.buf = r.buf[:min(int64(cap(r.buf)), r.size-off)]
	r.start = off
	if err := readAt(r.f, r.buf, off); err != nil {
		r.buf = r.buf[:0]
		return nil, err
	}
	r.done = max(r.done, off+int64(len(r.buf)))
	if r.progress != nil {
		if err := r.progress(r.done, r.size); err != nil {
			return nil, err
		}
	}
	return r.buf[:n], nil
}

// record reads what stands at off. Its length field is believed only as far as
// the file goes, and sizes no buffer.
func (r *reader) record(off int64) (found, error) {
	var rec found
	if r.size-off < format.RecordHeaderSize {
		return rec, nil
	}
	b, err := r.bytes(off, format.RecordHeaderSize)
	if err != nil {
		return rec, err
	}
	head, err := format.DecodeRecordHeader(b)
	if err != nil {
		return rec, nil
	}
	rec.Record, rec.header = head, b[recordZeroOff] == 0 && b[recordZeroOff+1] == 0
	rec.whole = int64(head.Len) <= r.size-off-format.RecordHeaderSize
	if !rec.whole {
		return rec, nil
	}
	crc := crc32.ChecksumIEEE(b[:recordCRCOff])
	if int64(head.Len) == int64(r.pageSize) {
		b, err := r.bytes(off, format.RecordHeaderSize+r.pageSize)
		if err != nil {
			return rec, err
		}
		rec.page = b[format.RecordHeaderSize:]
		crc = crc32.Update(crc, crc32.IEEETable, rec.page)
	} else if crc, err = r.update(crc, off+format.RecordHeaderSize, int64(head.Len)); err != nil {
		return rec, err
	}
	if rec.valid = crc == head.CRC; !rec.valid {
		rec.page = nil
	}
	return rec, nil
}

// update continues a CRC over n bytes at off.
func (r *reader) update(crc uint32, off, n int64) (uint32, error) {
	for n > 0 {
		b, err := r.bytes(off, int(min(n, windowBytes/4)))
		if err != nil {
			return 0, err
		}
		crc = crc32.Update(crc, crc32.IEEETable, b)
		off += int64(len(b))
		n -= int64(len(b))
	}
	return crc, nil
}
