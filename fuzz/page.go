package fuzz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Flags in the first byte of the recipe of a page; the lowest two bits choose its
// size.
const (
	pageUnsealed = 1 << 2 // the checksum stays as the bytes have it
	pageOtherID  = 1 << 3 // another page is asked for than the header names
)

// recipe makes a page: after the flags the length of its end, 2 bytes, then its
// beginning and its end; zeros are between them.
func (m *buffers) recipe(data []byte) (page []byte, id uint64) {
	r := reader{data}
	flags := r.byte()
	page = zeros(&m.page, 4096<<(flags&3))
	end := min(r.u16(), len(r.rest), len(page))
	n := copy(page, r.rest[:len(r.rest)-end])
	copy(page[max(n, len(page)-end):], r.rest[len(r.rest)-end:])
	if flags&pageUnsealed == 0 {
		sealPage(page)
	}
	if id = format.PageID(page); flags&pageOtherID != 0 {
		id++
	}
	return page, id
}

// Page takes the recipe of a page and reads it.
func (m *buffers) Page(data []byte) error {
	return m.readPage(m.recipe(data))
}

// readPage compares the readings of a page.
func (m *buffers) readPage(page []byte, id uint64) error {
	err := format.VerifyPage(page, id)
	second, ok := raw.ReadPage(page, id)
	if err := acceptance("page", err, ok, len(page)); err != nil {
		return err
	}
	judged := judge.Page(page).Verify(id)
	if ok && judged != nil || !ok && judged == nil && !beyondJudge(page, id) {
		return differ("page", orValid(err), orValid(judged))
	}
	if !ok {
		return nil
	}
	if got := (raw.Page{Kind: int(format.PageType(page)), ID: format.PageID(page), Next: format.NextPage(page), LSN: format.PageLSN(page)}); got.Kind != second.Kind || got.ID != second.ID || got.Next != second.Next || got.LSN != second.LSN {
		return differ("page header", got, second)
	}
	if second.Kind == raw.KindOverflow {
		if !bytes.Equal(format.OverflowChunk(page), second.Chunk) {
			return differ("chunk", format.OverflowChunk(page), second.Chunk)
		}
		return nil
	}
	return m.kvPage(page, &second)
}

var errNone = errors.New("it is valid")

func orValid(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

// beyondJudge reports whether a page has one of the faults that the judge does not
// ask for when it looks at header and checksum: it checks what a page holds where a
// database leads to it, and no reserved bytes, which nothing depends on.
func beyondJudge(page []byte, id uint64) bool {
	u16 := func(off int) int { return int(binary.LittleEndian.Uint16(page[off:])) }
	if kind := u16(6); kind != raw.KindKV && kind != raw.KindOverflow {
		return false
	}
	reserved := binary.LittleEndian.Uint32(page[8:])|uint32(u16(26)) != 0 || binary.LittleEndian.Uint64(page[52:]) != 0
	if next := binary.LittleEndian.Uint64(page[28:]); reserved || id == raw.None || next == id {
		return true
	}
	if start, slots := u16(20), u16(22); u16(6) == raw.KindKV {
		return start < 64 || start+4*slots > len(page) || tableWrong(page, start, slots)
	}
	return u16(20) > len(page)-64 || u16(22) != 0 || u16(24) != 0 || binary.LittleEndian.Uint64(page[44:]) != 0
}

// tableWrong reports whether the slots of a page name what is no record, or more
// than there is room for, or are not as many as the header says.
func tableWrong(page []byte, start, slots int) bool {
	used, length := 0, 0
	for table := page[len(page)-4*slots:]; len(table) > 0; table = table[4:] {
		off := int(binary.LittleEndian.Uint16(table))
		if off == 0xFFFF {
			continue
		}
		if off < 64 || off+4 > start {
			return true
		}
		n := 4 + int(binary.LittleEndian.Uint16(page[off:])) + int(binary.LittleEndian.Uint16(page[off+2:]))
		if off+n > start {
			return true
		}
		used, length = used+1, length+n
	}
	return used != int(binary.LittleEndian.Uint16(page[24:])) || length > start-64
}

// kvPage compares what the engine and the second reading find on a page.
func (m *buffers) kvPage(page []byte, second *raw.Page) error {
	kv := format.KV(page)
	if err := format.VerifyKV(page); err != nil {
		return fmt.Errorf("accepted, and %w", err)
	}
	faults := format.CheckKV(page)
	for _, err := range faults {
		if err := refused(err, len(page)); err != nil {
			return err
		}
	}
	if sound := second.Sound(page); sound != (len(faults) == 0) {
		return fmt.Errorf("the second reading finds the page sound %v: %w", sound, errors.Join(faults...))
	}
	if err := judgeTable(page, second); err != nil {
		return err
	}
	used, live := 0, 0
	for i, s := range second.Slots {
		key, value, ok := kv.Slot(i)
		if ok == s.Empty() || !bytes.Equal(key, s.Key) || !bytes.Equal(value, s.Value) {
			return differ(fmt.Sprintf("slot %d", i), fmt.Sprint(ok, key, value), s)
		}
		if s.Empty() {
			continue
		}
		used++
		live += 4 + len(s.Key) + len(s.Value)
		if err := sameLookup(kv, second, s.Key); err != nil {
			return err
		}
	}
	for _, key := range [...]string{"", "a", "\x00\x00", "key"} { // there or not
		if err := sameLookup(kv, second, []byte(key)); err != nil {
			return err
		}
	}
	dead, gap := second.DataStart-64-live, len(page)-4*len(second.Slots)-second.DataStart
	if kv.Used() != used || kv.LiveBytes() != live || kv.DeadBytes() != dead || kv.Room() != gap+dead {
		return differ("room", fmt.Sprint(kv.Used(), kv.LiveBytes(), kv.DeadBytes(), kv.Room()), fmt.Sprint(used, live, dead, gap+dead))
	}
	if room := kv.NewRoom(); room >= 4 && !kv.Fits(0, room-4, false) || kv.Fits(0, max(room-3, 0), false) {
		return fmt.Errorf("room for a new record of %d bytes: it fits %v, one more %v", room, kv.Fits(0, max(room-4, 0), false), kv.Fits(0, max(room-3, 0), false))
	}
	return m.liveRecords(kv, second, len(faults) == 0)
}

// judgeTable compares the records that the judge reads, who checks that a lookup
// reaches each slot, and tells which values stand in pages of their own. It does not
// ask whether records overlap or a key stands twice.
func judgeTable(page []byte, second *raw.Page) error {
	pairs, err := judge.Page(page).Pairs()
	if (err == nil) != second.Reachable() {
		return fmt.Errorf("the second reading finds the table right %v, the judge: %w", second.Reachable(), orValid(err))
	}
	if err != nil {
		return nil
	}
	for i := range second.Slots {
		s := &second.Slots[i]
		if s.Empty() {
			continue
		}
		if len(pairs) == 0 || !bytes.Equal(pairs[0].Key, s.Key) || !bytes.Equal(pairs[0].Value, s.Value) {
			return differ("records", s, pairs)
		}
		if err := samePlaceholder(s.Value, pairs[0]); err != nil {
			return err
		}
		pairs = pairs[1:]
	}
	if len(pairs) > 0 {
		return differ("records", "no more", pairs)
	}
	return nil
}

// samePlaceholder compares what a stored value is taken for.
func samePlaceholder(value []byte, pair judge.Pair) error {
	length, head, ok := format.DecodePlaceholder(value)
	length2, head2, ok2 := raw.ReadPlaceholder(value)
	length3, head3, ok3 := pair.Long()
	if ok != ok2 || length != length2 || head != head2 || ok != ok3 || length != length3 || head != head3 {
		return differ("placeholder", fmt.Sprint(length, head, ok), fmt.Sprint(length2, head2, ok2, length3, head3, ok3))
	}
	return nil
}

func sameLookup(kv format.KV, second *raw.Page, key []byte) error {
	got, found := kv.Get(format.Hash64(key), key)
	want, there := second.Lookup(key)
	if found != there || !bytes.Equal(got, want) {
		return differ("lookup of key "+strconv.Quote(string(key)), fmt.Sprint(found, got), fmt.Sprint(there, want))
	}
	return nil
}

// liveRecords reads the records as a scan does.
func (m *buffers) liveRecords(kv format.KV, second *raw.Page, sound bool) error {
	m.slots = slices.Grow(m.slots[:0], len(kv))[:len(kv)]
	clear(m.slots)
	want := 0
	for i, s := range second.Slots {
		if !s.Empty() {
			want++
			m.slots[s.Off] = uint16(i + 1)
		}
	}
	m.offs = kv.Offsets(m.offs[:0])
	for _, off := range m.offs {
		key, value := kv.Record(off)
		if !sound {
			continue
		}
		i := int(m.slots[off]) - 1
		if i < 0 || !bytes.Equal(key, second.Slots[i].Key) || !bytes.Equal(value, second.Slots[i].Value) {
			return differ(fmt.Sprintf("record at %d", off), fmt.Sprint(key, value), fmt.Sprint("slot ", i))
		}
	}
	if sound && len(m.offs) != want {
		return differ("live records", len(m.offs), want)
	}
	return nil
}
