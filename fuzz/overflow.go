package fuzz

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Placeholder takes the bytes for a stored value.
func Placeholder(data []byte) error {
	length, head, ok := format.DecodePlaceholder(data)
	if err := samePlaceholder(data, judge.Pair{Value: data}); err != nil {
		return err
	}
	if ok != format.IsPlaceholder(data) {
		return differ("placeholder", !ok, ok)
	}
	valid := ok && data[1] == 0 && length > 0 && head != raw.None
	if err := acceptance("placeholder", format.ValidatePlaceholder(data), valid, len(data)); err != nil {
		return err
	}
	if ok && !format.NeedsOverflow(4096, 1024, 1, len(data), data) {
		return errors.New("a value that is taken for a placeholder may stand inline")
	}
	if valid {
		var again [format.PlaceholderSize]byte
		if format.EncodePlaceholder(again[:], length, head); !bytes.Equal(again[:], data) {
			return fmt.Errorf("placeholder % x comes back as % x", data, again)
		}
	}
	return nil
}

// Overflow stores a value in a chain of overflow pages and reads it. Two bytes
// choose the page size and how often the rest is repeated to make the value, up to
// two full pages and a third one with a byte.
func (m *buffers) Overflow(data []byte) error {
	r := reader{data}
	size := 4096 << (r.byte() & 3)
	chunk := format.ChunkSize(size)
	value := m.repeated(r.rest, 1+int(r.byte()), 2*chunk+1)
	read := 0
	id := uint64(len(data))
	for rest := value; ; id += 3 {
		part := rest[:min(len(rest), chunk)]
		rest = rest[len(part):]
		next := id + 3
		if len(rest) == 0 {
			next = raw.None
		}
		page := zeros(&m.page, size)
		format.InitOverflow(page, id, next, part)
		format.SealPage(page, id)
		if err := format.VerifyPage(page, id); err != nil {
			return err
		}
		second, ok := raw.ReadPage(page, id)
		if !ok || second.Kind != raw.KindOverflow || second.Next != next || second.LSN != id {
			return differ("overflow page", part, second)
		}
		if chunk := format.OverflowChunk(page); !bytes.Equal(chunk, second.Chunk) || !bytes.Equal(chunk, part) {
			return differ(fmt.Sprintf("chunk at %d", read), chunk, second.Chunk)
		}
		read += len(second.Chunk)
		if next == raw.None {
			break
		}
	}
	if read != len(value) {
		return fmt.Errorf("a value of %d bytes comes back with %d", len(value), read)
	}
	return nil
}

// repeated is count times what, and no more than limit bytes of it.
func (m *buffers) repeated(what []byte, count, limit int) []byte {
	n := min(count*len(what), limit)
	b := m.value[:0]
	for len(b) < n {
		b = append(b, what[:min(len(what), n-len(b))]...)
	}
	m.value = b
	return b
}
