package fuzz

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// PageChanges takes the recipe of a page, and changes it if it is one with a table.
// It must stay one that is accepted, and, where it was sound, hold what follows from
// the changes.
func (m *buffers) PageChanges(data []byte) error {
	page, id := m.recipe(data)
	before, ok := raw.ReadPage(page, id)
	if !ok || before.Kind != raw.KindKV {
		return nil
	}
	kv := format.KV(zeros(&m.changed, len(page)))
	copy(kv, page)
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
	fresh := format.KV(zeros(&m.fresh, len(kv)))
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
