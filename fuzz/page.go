package fuzz

import (
	"bytes"
	"errors"
	"fmt"

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

// recipePage makes a page: after the flags the length of its end, 2 bytes, then
// its beginning and its end; zeros are between them.
func recipePage(data []byte) (page []byte, id uint64) {
	r := reader{data}
	flags := r.byte()
	page = make([]byte, 4096<<(flags&3))
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

// Page takes the recipe of a page, reads it, and changes it.
func Page(data []byte) error {
	page, id := recipePage(data)
	err := format.VerifyPage(page, id)
	second, ok := raw.ReadPage(page, id)
	if err := acceptance("page", err, ok, len(page)); err != nil {
		return err
	}
	if !ok {
		return nil
	}
	if err := judge.Page(page).Verify(id); err != nil {
		return differ("page", "it is valid", err)
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
	if err := kvPage(page, &second); err != nil {
		return err
	}
	return changePage(page, &second)
}

// kvPage compares what the engine and the second reading find on a page.
func kvPage(page []byte, second *raw.Page) error {
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
		got, found := kv.Get(format.Hash64(s.Key), s.Key)
		want, there := second.Lookup(s.Key)
		if found != there || !bytes.Equal(got, want) {
			return differ(fmt.Sprintf("lookup of key % x", s.Key), fmt.Sprint(found, got), fmt.Sprint(there, want))
		}
	}
	dead, gap := second.DataStart-64-live, len(page)-4*len(second.Slots)-second.DataStart
	if kv.Used() != used || kv.LiveBytes() != live || kv.DeadBytes() != dead || kv.Room() != gap+dead {
		return differ("room", fmt.Sprint(kv.Used(), kv.LiveBytes(), kv.DeadBytes(), kv.Room()), fmt.Sprint(used, live, dead, gap+dead))
	}
	if room := kv.NewRoom(); room >= 4 && !kv.Fits(0, room-4, false) || kv.Fits(0, max(room-3, 0), false) {
		return fmt.Errorf("room for a new record of %d bytes: it fits %v, one more %v", room, kv.Fits(0, max(room-4, 0), false), kv.Fits(0, max(room-3, 0), false))
	}
	return liveRecords(kv, second, len(faults) == 0)
}

// liveRecords reads the records as a scan does.
func liveRecords(kv format.KV, second *raw.Page, sound bool) error {
	want := map[uint16]raw.Slot{}
	for _, s := range second.Slots {
		if !s.Empty() {
			want[uint16(s.Off)] = s
		}
	}
	offs := kv.Offsets(nil)
	for _, off := range offs {
		key, value := kv.Record(off)
		if s, there := want[off]; sound && !(there && bytes.Equal(key, s.Key) && bytes.Equal(value, s.Value)) {
			return differ(fmt.Sprintf("record at %d", off), fmt.Sprint(key, value), s)
		}
	}
	if sound && len(offs) != len(want) {
		return differ("live records", len(offs), len(want))
	}
	return nil
}

// changePage changes a page that was accepted. It must stay one that is
// accepted, and, where it was sound, hold what follows from the changes.
func changePage(page []byte, before *raw.Page) error {
	kv := format.KV(bytes.Clone(page))
	want := map[string][]byte{}
	sound := before.Sound(page)
	for _, s := range before.Slots {
		if !s.Empty() {
			want[string(s.Key)] = s.Value
		}
	}
	insert := func(key, value []byte) error {
		_, present := kv.Get(format.Hash64(key), key)
		fits := kv.Fits(len(key), len(value), present)
		done := kv.Insert(format.Hash64(key), key, value)
		if done {
			want[string(key)] = value
		}
		if done != fits {
			return fmt.Errorf("insert of key % x: Fits says %v, Insert %v", key, fits, done)
		}
		return nil
	}
	for i, s := range before.Slots {
		switch {
		case s.Empty():
		case i%3 == 0:
			if had := kv.Delete(format.Hash64(s.Key), s.Key); !had && sound {
				return fmt.Errorf("delete does not find key % x", s.Key)
			}
			delete(want, string(s.Key))
		case i%3 == 1:
			if err := insert(s.Key, []byte("another value")); err != nil {
				return err
			}
		}
	}
	if err := insert([]byte("one more key"), []byte("and its value")); err != nil {
		return err
	}
	if err := consequence(kv, before.ID, sound, want); err != nil {
		return fmt.Errorf("after changes: %w", err)
	}
	if !sound {
		want = newest(kv, before.ID)
	}
	fresh := format.KV(make([]byte, len(kv)))
	kv.CompactInto(fresh)
	if err := consequence(fresh, before.ID, true, want); err != nil {
		return fmt.Errorf("after a compaction: %w", err)
	}
	return nil
}

// newest is what a compaction makes of a page: of two records of a key the one
// further behind is the newer.
func newest(kv format.KV, id uint64) map[string][]byte {
	list, at := map[string][]byte{}, map[string]int{}
	page, _ := raw.ReadPage(kv, id)
	for _, s := range page.Slots {
		if key := string(s.Key); !s.Empty() && s.Off >= at[key] {
			list[key], at[key] = s.Value, s.Off
		}
	}
	return list
}

// consequence seals a page that was changed and reads it.
func consequence(kv format.KV, id uint64, sound bool, want map[string][]byte) error {
	format.SealPage(kv, 7)
	if err := format.VerifyPage(kv, id); err != nil {
		return err
	}
	second, ok := raw.ReadPage(kv, id)
	if !ok || second.LSN != 7 {
		return errors.New("the second reading does not accept the page")
	}
	if !sound {
		return nil
	}
	if faults := format.CheckKV(kv); len(faults) > 0 || !second.Sound(kv) {
		return fmt.Errorf("no longer sound: %w", errors.Join(faults...))
	}
	n := 0
	for key, value := range kv.All() {
		old, ok := want[string(key)]
		if !ok || !bytes.Equal(old, value) {
			return fmt.Errorf("key % x has the value % x instead of % x (there: %v)", key, value, old, ok)
		}
		n++
	}
	if n != len(want) {
		return fmt.Errorf("%d records instead of %d", n, len(want))
	}
	return nil
}

// Placeholder takes the bytes for a stored value.
func Placeholder(data []byte) error {
	length, head, ok := format.DecodePlaceholder(data)
	length2, head2, ok2 := raw.ReadPlaceholder(data)
	if length != length2 || head != head2 || ok != ok2 || ok != format.IsPlaceholder(data) {
		return differ("placeholder", fmt.Sprint(length, head, ok), fmt.Sprint(length2, head2, ok2))
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
// choose the page size and how often the rest is repeated to make the value.
func Overflow(data []byte) error {
	r := reader{data}
	size := 4096 << (r.byte() & 3)
	value := bytes.Repeat(r.rest, 1+int(r.byte()))
	value = value[:min(len(value), 4*size)]
	chunk := format.ChunkSize(size)
	var read []byte
	id := uint64(len(data))
	for rest := value; ; id += 3 {
		part := rest[:min(len(rest), chunk)]
		rest = rest[len(part):]
		next := id + 3
		if len(rest) == 0 {
			next = raw.None
		}
		page := make([]byte, size)
		format.InitOverflow(page, id, next, part)
		format.SealPage(page, id)
		if err := format.VerifyPage(page, id); err != nil {
			return err
		}
		second, ok := raw.ReadPage(page, id)
		if !ok || second.Kind != raw.KindOverflow || second.Next != next || second.LSN != id {
			return differ("overflow page", part, second)
		}
		read = append(read, second.Chunk...)
		if next == raw.None {
			break
		}
	}
	if !bytes.Equal(read, value) {
		return fmt.Errorf("a value of %d bytes comes back with %d", len(value), len(read))
	}
	return nil
}
