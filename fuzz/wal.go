package fuzz

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Flags in the first byte of the recipe of a record; the two bits above them choose
// the size of a page.
const (
	recordSealed = 1 << 0 // length and checksum are made right
	recordOwnLen = 1 << 1 // the length stays as the bytes have it
	recordPage   = 1 << 2 // zeros make the payload as long as a page
	recordSize   = 3
)

// WALRecord takes a record of the log. The first byte is no part of it.
func (m *buffers) WALRecord(data []byte) error {
	r := reader{data}
	flags := r.byte()
	b := bytes.Clone(r.rest)
	if flags&recordPage != 0 {
		b = zeros(&m.page, format.RecordHeaderSize+format.PageSizeMin<<(flags>>recordSize&3))
		copy(b, r.rest)
	}
	if flags&recordSealed != 0 {
		sealRecord(b, flags&recordOwnLen != 0)
	}
	rec, err := format.DecodeRecordHeader(b)
	if err := acceptance("record header", err, len(b) >= format.RecordHeaderSize, len(b)); err != nil {
		return err
	}
	second, rest, end := raw.ReadRecord(b)
	if err := judgeRecord(b, 0, second, end == ""); err != nil {
		return err
	}
	if err != nil {
		return nil
	}
	payload := b[format.RecordHeaderSize:]
	payload = payload[:min(uint64(len(payload)), uint64(rec.Len))]
	valid := rec.VerifyPayload(b, payload)
	if valid != (end == "") {
		return differ("record", valid, end)
	}
	if !valid {
		return nil
	}
	if rec.Type != second.Type || rec.Flags != second.Flags || rec.LSN != second.LSN || rec.PageID != second.Page ||
		!bytes.Equal(payload, second.Payload) || rec.Size() != int64(len(b)-len(rest)) {
		return differ("record", rec, second)
	}
	if rec.Marked() && format.GroupFlags(uint64(rec.Group()), rec.Last()) != rec.Flags || rec.Group() >= format.GroupCount {
		return fmt.Errorf("flags %#x are group %d, last %v", rec.Flags, rec.Group(), rec.Last())
	}
	var again [format.RecordHeaderSize]byte
	format.PutRecordHeader(again[:], rec, payload)
	if zero := b[2] == 0 && b[3] == 0; zero && !bytes.Equal(again[:], b[:format.RecordHeaderSize]) {
		return fmt.Errorf("header % x comes back as % x", b[:format.RecordHeaderSize], again)
	}
	return nil
}

// judgeRecord lets the judge read what stands at an offset, once for each page
// size. It knows page images alone: it must find one where a valid record is one,
// and nothing anywhere else.
func judgeRecord(b []byte, off int, second raw.Record, valid bool) error {
	for size := format.PageSizeMin; size <= format.PageSizeMax; size *= 2 {
		third, found := judge.RecordAt(b, off, size)
		if want := valid && second.Type == format.RecordPageImage && len(second.Payload) == size; found != want {
			return differ(fmt.Sprintf("record at %d, pages of %d", off, size), want, found)
		}
		if found && (third.LSN != second.LSN || third.Page != second.Page || !bytes.Equal(third.Image, second.Payload) ||
			third.Marked != (second.Flags >= 0x80) || third.Last != (second.Flags%2 == 1) || third.Group != second.Flags%0x80/2) {
			return differ(fmt.Sprintf("record at %d", off), second, third)
		}
	}
	return nil
}

// maxStream is how long a stream gets before no further part is added, in bytes.
const maxStream = 24 << 10

// WALStream makes a log or shipped stream from a list of parts and reads it: a
// part is a byte that chooses it (low 2 bits), and its operands.
//
// The engine's side is its codec, as a reader of shipped streams uses it, one record
// after another: the loop around it is this package's (readStream). How the engine
// reads its own log, which it does not from front to back alone, is what FuzzScan
// and FuzzScanRecords of the log's package try.
func (m *buffers) WALStream(data []byte) error {
	stream, want := m.recipeStream(reader{data})
	got, end := readStream(stream)
	second, secondEnd := raw.ReadStream(stream)
	if end != secondEnd {
		return differ("end of stream", end, secondEnd)
	}
	if err := sameRecords("second reading", got, second); err != nil {
		return err
	}
	if end != raw.Alien {
		if err := judgeStream(stream, second); err != nil {
			return err
		}
	}
	if want == nil {
		return nil
	}
	if end != raw.AtEnd {
		return fmt.Errorf("a stream that is right ends %s", end)
	}
	return sameRecords("what was written", got, want)
}

// judgeStream lets the judge read the records of a stream where they stand, and
// what ends it.
func judgeStream(stream []byte, list []raw.Record) error {
	off := 0
	for i := 0; ; i++ {
		for len(stream)-off >= format.WALHeaderSize && string(stream[off:off+8]) == "P1WAL001" {
			off += format.WALHeaderSize
		}
		if i == len(list) {
			return judgeRecord(stream, off, raw.Record{}, false)
		}
		if err := judgeRecord(stream, off, list[i], true); err != nil {
			return err
		}
		off += format.RecordHeaderSize + len(list[i].Payload)
	}
}

// recipeStream makes a stream. Want is nil if it holds what no writer makes.
func (m *buffers) recipeStream(r reader) (stream []byte, want []raw.Record) {
	header := format.EncodeWALHeader()
	stream, want = append(m.stream[:0], header[:]...), []raw.Record{}
	right := true
	for !r.empty() && len(stream) < maxStream {
		switch op := r.byte(); op & 3 {
		case 0, 1:
			rec := raw.Record{Type: r.byte(), Flags: r.byte(), LSN: uint64(r.byte()), Page: uint64(r.byte())}
			rec.Payload = r.bytes(int(op >> 2))
			if op&1 != 0 {
				rec.Payload = append(make([]byte, 4096, 4096+len(rec.Payload)), rec.Payload...)
			}
			var h [format.RecordHeaderSize]byte
			format.PutRecordHeader(h[:], format.Record{Type: rec.Type, Flags: rec.Flags, LSN: rec.LSN, PageID: rec.Page}, rec.Payload)
			stream = append(append(stream, h[:]...), rec.Payload...)
			want = append(want, rec)
		case 2:
			stream = append(stream, header[:]...)
		case 3: // bytes as they stand in the recipe, or a cut
			right = false
			if n := int(op >> 2); n > 0 {
				stream = append(stream, r.bytes(n)...)
			} else {
				stream = stream[:len(stream)-min(len(stream), int(r.byte()))]
			}
		}
	}
	m.stream = stream
	if !right {
		want = nil
	}
	return stream, want
}

// readStream reads a stream with the codec of the engine.
func readStream(b []byte) (list []raw.Record, end raw.State) {
	if format.CheckWALHeader(b) != nil {
		return nil, raw.Alien
	}
	for b = b[format.WALHeaderSize:]; ; {
		if format.IsWALHeader(b) {
			b = b[format.WALHeaderSize:]
			continue
		}
		rec, err := format.DecodeRecordHeader(b)
		switch {
		case len(b) == 0:
			return list, raw.AtEnd
		case errors.Is(err, format.ErrTruncated), rec.Size() > int64(len(b)):
			return list, raw.Short
		case err != nil:
			return list, raw.Alien
		}
		payload := b[format.RecordHeaderSize:rec.Size()]
		if !rec.VerifyPayload(b, payload) {
			return list, raw.Wrong
		}
		list = append(list, raw.Record{Type: rec.Type, Flags: rec.Flags, LSN: rec.LSN, Page: rec.PageID, Payload: payload})
		b = b[rec.Size():]
	}
}

func sameRecords(what string, got, want []raw.Record) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s: %d records instead of %d", what, len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Type != w.Type || g.Flags != w.Flags || g.LSN != w.LSN || g.Page != w.Page || !bytes.Equal(g.Payload, w.Payload) {
			return fmt.Errorf("%s: record %d is %+v instead of %+v", what, i, g, w)
		}
	}
	return nil
}

// WALHeader takes the bytes for the beginning of a log.
func WALHeader(data []byte) error {
	err := format.CheckWALHeader(data)
	whole := len(data) >= 16 && string(data[:8]) == "P1WAL001"
	if err := acceptance("log header", err, whole, len(data)); err != nil {
		return err
	}
	begun := len(data) < 16 && string(data[:min(len(data), 8)]) == "P1WAL001"[:min(len(data), 8)]
	if errors.Is(err, format.ErrTruncated) != begun {
		return differ("beginning of a log header", err, begun)
	}
	if format.IsWALHeader(data) != whole {
		return differ("log header", !whole, whole)
	}
	return nil
}
