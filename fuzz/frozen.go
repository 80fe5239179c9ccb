package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Flags in the first byte of the recipe of a frame; the lowest two bits choose
// the length of its image.
const (
	frameOwnLen  = 1 << 2 // the length field stays as the bytes have it
	frameOwnSum  = 1 << 3 // the checksum stays
	frameOwnHash = 1 << 4 // the hash of a SnapStore frame stays
	frameCut     = 1 << 5 // so many bytes of the image are missing, 2 bytes behind the flags
)

// frame makes a frame: the header and the beginning of the image are in
// the recipe, the rest of the image is zeros.
func (m *buffers) frame(data []byte, headerSize, lenOff int) []byte {
	r := reader{data}
	flags := r.byte()
	cut := 0
	if flags&frameCut != 0 {
		cut = r.u16()
	}
	size := 4096 << (flags & 3)
	b := zeros(&m.page, headerSize+size)
	copy(b, r.rest)
	if flags&frameOwnLen == 0 {
		put32(b, lenOff, uint32(size))
	}
	if headerSize == format.StoreFrameHeaderSize && flags&frameOwnHash == 0 {
		put64(b, 0, judge.Hash64(b[headerSize:]))
	}
	if flags&frameOwnSum == 0 {
		put32(b, headerSize-4, sum(b[:headerSize-4], b[headerSize:]))
	}
	return b[:len(b)-min(cut, len(b))]
}

// FreezeFrame takes the recipe of a frame of freeze.bin or pages.bin.
func (m *buffers) FreezeFrame(data []byte) error {
	b := m.frame(data, format.FrameHeaderSize, 16)
	f, image, err := format.DecodeFrame(b)
	second, ok := raw.ReadFrame(b)
	if err := acceptance("frame", err, ok, len(b)); err != nil {
		return err
	}
	if err := judgeFrame(b, second, ok); err != nil {
		return err
	}
	header, headerErr := format.DecodeFrameHeader(b)
	if headerErr != nil {
		return acceptance("frame header", headerErr, false, len(b))
	}
	if !ok {
		return nil
	}
	if f != header || f.PageID != second.Name || f.LSN != second.LSN || !bytes.Equal(image, second.Image) {
		return differ("frame", f, second)
	}
	if again := format.AppendFrame(m.again(), f.PageID, f.LSN, image); !bytes.Equal(again, b[:len(again)]) {
		return errors.New("a frame comes back with other bytes")
	}
	return nil
}

// judgeFrame lets the judge read the frame at the start of b, once for each page
// size: it must find the frame where its pages have the length of the image, and
// nothing anywhere else.
func judgeFrame(b []byte, second raw.Frame, ok bool) error {
	for size := format.PageSizeMin; size <= format.PageSizeMax; size *= 2 {
		id, lsn, page := judge.FrameAt(b, 0, size)
		if want := ok && len(second.Image) == size; (page != nil) != want {
			return differ("frame, pages of "+strconv.Itoa(size), want, page != nil)
		}
		if page != nil && (id != second.Name || lsn != second.LSN || !bytes.Equal(page, second.Image)) {
			return differ("frame", second.Name, id)
		}
	}
	return nil
}

// StoreFrame takes the recipe of a frame of store.bin.
func (m *buffers) StoreFrame(data []byte) error {
	b := m.frame(data, format.StoreFrameHeaderSize, 8)
	f, image, err := format.DecodeStoreFrame(b)
	second, ok := raw.ReadStoreFrame(b)
	if err := acceptance("store frame", err, ok, len(b)); err != nil {
		return err
	}
	if err := judgeStoreFrame(b, second, ok); err != nil {
		return err
	}
	header, headerErr := format.DecodeStoreFrameHeader(b)
	if headerErr != nil {
		return acceptance("store frame header", headerErr, false, len(b))
	}
	if !ok {
		return nil
	}
	if f != header || f.Hash != second.Name || !bytes.Equal(image, second.Image) {
		return differ("store frame", f, second)
	}
	if again := format.AppendStoreFrame(m.again(), f.Hash, image); !bytes.Equal(again, b[:len(again)]) {
		return errors.New("a store frame comes back with other bytes")
	}
	return nil
}

// judgeStoreFrame does the same with a frame of store.bin.
func judgeStoreFrame(b []byte, second raw.Frame, ok bool) error {
	for size := format.PageSizeMin; size <= format.PageSizeMax; size *= 2 {
		hash, page := judge.StoreFrameAt(b, 0, size)
		if want := ok && len(second.Image) == size; (page != nil) != want {
			return differ("store frame, pages of "+strconv.Itoa(size), want, page != nil)
		}
		if page != nil && (hash != second.Name || !bytes.Equal(page, second.Image)) {
			return differ("store frame", second.Name, hash)
		}
	}
	return nil
}

// FrozenIndex takes the bytes for index.bin or hashindex.bin of a snapshot.
func FrozenIndex(data []byte) error {
	var entries []format.FrozenEntry
	var err error
	if err := bounded(2, len(data), func() { entries, err = format.DecodeFrozenEntries(data) }); err != nil {
		return fmt.Errorf("frozen index: %w", err)
	}
	second, rest := raw.ReadTriples(data)
	if err := acceptance("frozen index", err, rest == 0, len(data)); err != nil {
		return err
	}
	if rest > 0 && !errors.Is(err, format.ErrTruncated) {
		return differ("frozen index", err, "torn")
	}
	if third := judge.Entries(data); len(entries) != len(second) || len(third) != len(second) {
		return differ("frozen index", len(entries), fmt.Sprint(len(second), ", the judge ", len(third)))
	} else if !slices.EqualFunc(second, third, func(t raw.Triple, j [3]uint64) bool { return t == j }) {
		return differ("frozen index", entries, third)
	}
	var again []byte
	for i, e := range entries {
		if second[i] != (raw.Triple{e.PageID, e.Where, e.LSN}) {
			return differ("frozen index", entries, second)
		}
		again = format.AppendFrozenEntry(again, e)
	}
	if !bytes.Equal(again, data[:len(data)-rest]) {
		return fmt.Errorf("a frozen index of %d bytes comes back with %d", len(data), len(again))
	}
	return nil
}

// StoreIndex takes the bytes for index.bin of the SnapStore.
func StoreIndex(data []byte) error {
	var entries []format.StoreEntry
	var err error
	if err := bounded(2, len(data), func() { entries, err = format.DecodeStoreIndex(data) }); err != nil {
		return fmt.Errorf("store index: %w", err)
	}
	second, rest := raw.ReadTriples(data)
	ok := rest == 0 && !slices.ContainsFunc(second, func(t raw.Triple) bool { return t[2]>>32 != 0 })
	if err := acceptance("store index", err, ok, len(data)); err != nil || !ok {
		return err
	}
	// The judge reads one that is torn, or whose reserved bytes are none, as well.
	third := judge.Entries(data)
	if len(entries) != len(second) || len(third) != len(second) {
		return differ("store index", len(entries), fmt.Sprint(len(second), ", the judge ", len(third)))
	}
	for i, e := range entries {
		if second[i] != (raw.Triple{e.Hash, e.Offset, uint64(e.Refs)}) || third[i] != second[i] {
			return differ("store index", entries, second)
		}
	}
	if again := format.EncodeStoreIndex(entries); !bytes.Equal(again, data) {
		return fmt.Errorf("a store index of %d bytes comes back with %d", len(data), len(again))
	}
	return nil
}
