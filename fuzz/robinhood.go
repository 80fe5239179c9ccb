package fuzz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"sync"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// clusterBits is how many low bits the hashes of all keys of the cluster have in
// common: in tables of up to 2^clusterBits slots they have one home, so that
// distances get past 255.
const clusterBits = 9

// cluster are keys with one home.
var cluster = sync.OnceValue(func() [][]byte {
	var keys [][]byte
	for n := uint32(0); len(keys) < 400; n++ {
		key := binary.LittleEndian.AppendUint32(nil, n)
		if format.Hash64(key)&(1<<clusterBits-1) == 0 {
			keys = append(keys, key)
		}
	}
	return keys
})

// robinHood is a page under a list of operations, beside a map and the second
// implementation.
type robinHood struct {
	id    uint64
	page  format.KV
	model map[string][]byte
	// twin is nil once the format leaves the bytes of the page open.
	twin *raw.Table
}

func newRobinHood(size int, id uint64) *robinHood {
	h := &robinHood{id: id, page: make([]byte, size), model: map[string][]byte{}, twin: raw.NewTable(size, id)}
	format.InitKV(h.page, id)
	return h
}

// maxSteps bounds the operations of one recipe; runs of inserts count one by one.
const maxSteps = 32

// RobinHood takes a list of operations on a page: after the page size and the
// page id, a byte each, an operation is a byte that chooses it (low 3 bits), and
// its operands.
func RobinHood(data []byte) error {
	r := reader{data}
	return newRobinHood(4096<<(r.byte()&1), uint64(r.byte())).run(&r)
}

// crowded is a page whose keys all have one home, with distances past 255.
var crowded = sync.OnceValues(func() (*robinHood, error) {
	h := newRobinHood(8192, 9)
	for _, key := range cluster()[:280] {
		if err := h.insert(key, nil); err != nil {
			return nil, err
		}
	}
	return h, nil
})

// RobinHoodFar does the operations of RobinHood on a page whose keys all have one
// home, with distances past 255. It is many times slower.
func RobinHoodFar(data []byte) error {
	from, err := crowded()
	if err != nil {
		return err
	}
	h := *from
	h.page, h.model = bytes.Clone(h.page), maps.Clone(h.model)
	h.twin = h.twin.Clone()
	return h.run(&reader{data})
}

func (h *robinHood) run(r *reader) error {
	for steps := 0; !r.empty() && steps < maxSteps; {
		n, err := h.step(r)
		if err != nil {
			return err
		}
		steps += n
	}
	return h.end()
}

// step does one operation, or a run of them, and returns their number.
func (h *robinHood) step(r *reader) (n int, err error) {
	switch op := r.byte(); op & 7 {
	case 0, 1: // a short key, a value of up to 255 bytes
		return 1, h.insert([]byte{r.byte()}, filled(int(r.byte()), op))
	case 2: // a key and a value as they stand in the recipe
		return 1, h.insert(r.bytes(int(r.byte())), r.bytes(int(r.byte())))
	case 3:
		return 1, h.delete([]byte{r.byte()})
	case 4: // a run of inserts of keys with one home
		from, count := int(r.byte()), int(r.byte()&31)
		for i := range count {
			if err := h.insert(cluster()[(from+i)%len(cluster())], nil); err != nil {
				return i, err
			}
		}
		return count, nil
	case 5:
		return 1, h.delete(cluster()[int(r.byte())*int(op>>3)%len(cluster())])
	case 6: // a long value
		return 1, h.insert([]byte{r.byte(), 'l'}, filled(r.u16(), op))
	}
	return 1, h.compact()
}

func filled(n int, with byte) []byte { return bytes.Repeat([]byte{with}, n) }

func (h *robinHood) insert(key, value []byte) error {
	_, present := h.model[string(key)]
	fits := h.page.Fits(len(key), len(value), present)
	var before []byte
	if !fits {
		before = bytes.Clone(h.page)
	}
	done := h.page.Insert(format.Hash64(key), key, value)
	switch {
	case done != fits:
		return fmt.Errorf("insert of key % x: Fits says %v, Insert %v", key, fits, done)
	case !fits && !bytes.Equal(before, h.page):
		return fmt.Errorf("insert of key % x failed and has changed the page", key)
	case done:
		h.model[string(key)] = value
	}
	if h.twin != nil && h.twin.Insert(key, value) != done {
		return differ("insert", done, !done)
	}
	return h.lookup(key)
}

func (h *robinHood) delete(key []byte) error {
	_, present := h.model[string(key)]
	if had := h.page.Delete(format.Hash64(key), key); had != present {
		return fmt.Errorf("delete of key % x: it was there %v, Delete says %v", key, present, had)
	}
	delete(h.model, string(key))
	if h.twin != nil {
		had, far := h.twin.Delete(key)
		if had != present {
			return differ("delete", present, had)
		}
		if far {
			h.twin = nil
		}
	}
	return h.lookup(key)
}

func (h *robinHood) compact() error {
	if h.twin != nil && h.page.DeadBytes() != h.twin.Dead() {
		return differ("dead bytes", h.page.DeadBytes(), h.twin.Dead())
	}
	fresh := make([]byte, len(h.page))
	h.page.CompactInto(fresh)
	h.page = fresh
	if h.twin != nil && !h.twin.Compact() {
		h.twin = nil
	}
	if dead := h.page.DeadBytes(); dead != 0 {
		return fmt.Errorf("%d dead bytes after a compaction", dead)
	}
	return nil
}

func (h *robinHood) lookup(key []byte) error {
	want, present := h.model[string(key)]
	got, found := h.page.Get(format.Hash64(key), key)
	if found != present || !bytes.Equal(got, want) {
		return fmt.Errorf("key % x: %d bytes, found %v, instead of %d, %v", key, len(got), found, len(want), present)
	}
	return nil
}

// end compares the page with the model and with the second implementation, and
// lets it be read as one that comes from a file.
func (h *robinHood) end() error {
	for key := range h.model {
		if err := h.lookup([]byte(key)); err != nil {
			return err
		}
	}
	if h.twin != nil {
		if err := h.sameBytes(); err != nil {
			return err
		}
	}
	return consequence(h.page, h.id, true, h.model)
}

// sameBytes compares what has a meaning: header, records and table.
func (h *robinHood) sameBytes() error {
	t := h.twin
	if h.page.DataStart() != t.DataStart() || h.page.Slots() != len(t.Slots) || h.page.Used() != t.Used || h.page.Seed() != t.Seed {
		return differ("header", fmt.Sprint(h.page.DataStart(), h.page.Slots(), h.page.Used(), h.page.Seed()),
			fmt.Sprint(t.DataStart(), len(t.Slots), t.Used, t.Seed))
	}
	if !bytes.Equal(h.page[format.PageHeaderSize:t.DataStart()], t.Records) {
		return differ("record area", h.page[format.PageHeaderSize:t.DataStart()], t.Records)
	}
	for i, s := range t.Slots {
		at := h.page[len(h.page)-4*len(t.Slots)+4*i:]
		got := raw.Slot{Off: int(binary.LittleEndian.Uint16(at)), Fp: at[2], Dist: at[3]}
		if got.Off != s.Off || got.Fp != s.Fp || got.Dist != s.Dist {
			return differ(fmt.Sprintf("slot %d of %d", i, len(t.Slots)), got, s)
		}
	}
	return nil
}
