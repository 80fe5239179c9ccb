package fuzz

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// WALRecord takes a record of the log. The first byte is no part of it: its
// lowest bit lets length and checksum be made right, the next one leaves the length
// as it is.
func WALRecord(data []byte) error {
	r := reader{data}
	flags := r.byte()
	b := bytes.Clone(r.rest)
	if flags&1 != 0 {
		sealRecord(b, flags&2 != 0)
	}
	rec, err := format.DecodeRecordHeader(b)
	if err := acceptance("record header", err, len(b) >= format.RecordHeaderSize, len(b)); err != nil {
		return err
	}
	second, rest, end := raw.ReadRecord(b)
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

// maxStream is how long a stream gets before no further part is added, in bytes.
const maxStream = 24 << 10

// WALStream makes a log or shipped stream from a list of parts and reads it: a
// part is a byte that chooses it (low 2 bits), and its operands.
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
	if want == nil {
		return nil
	}
	if end != raw.AtEnd {
		return fmt.Errorf("a stream that is right ends %s", end)
	}
	return sameRecords("what was written", got, want)
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
