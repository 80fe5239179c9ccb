package raw

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// Table is a KV page as it is worked on, by the rules of the format for insert,
// delete and compaction, which decide every byte of it. It holds the header
// fields, the record area and the slots apart, and makes no page of them.
type Table struct {
	PageSize int
	Seed     uint64
	Records  []byte // from offset 64 on
	Slots    []Slot // Key and Value are not kept
	Used     int    // occupied slots
}

// NewTable is the empty page with this id.
func NewTable(pageSize int, id uint64) *Table {
	x := id ^ 0x9E3779B97F4A7C15
	x ^= x >> 27
	x *= 0x3C79AC49
	x ^= x >> 33
	return &Table{PageSize: pageSize, Seed: x}
}

// Clone is a copy that shares nothing.
func (t *Table) Clone() *Table {
	c := *t
	c.Records, c.Slots = bytes.Clone(t.Records), slices.Clone(t.Slots)
	return &c
}

// DataStart is the first byte behind the records.
func (t *Table) DataStart() int { return 64 + len(t.Records) }

func (t *Table) record(off int) (key, value []byte) {
	b := t.Records[off-64:]
	k, v := u16(b, 0), u16(b, 2)
	return b[4 : 4+k], b[4+k : 4+k+v]
}

func (t *Table) hash(key []byte) uint64 { return raw.Hash64(key) ^ t.Seed }

// find walks as a lookup does. A delete does not look at fingerprints.
func (t *Table) find(key []byte, anyFp bool) (slot int, found bool) {
	h, n := t.hash(key), len(t.Slots)
	for step := range n {
		i := (int(h%uint64(n)) + step) % n
		s := t.Slots[i]
		if s.Empty() || int(s.Dist) < min(step, 255) {
			return 0, false
		}
		if k, _ := t.record(s.Off); (anyFp || s.Fp == fingerprint(h)) && bytes.Equal(k, key) {
			return i, true
		}
	}
	return 0, false
}

// Get is the value of a key.
func (t *Table) Get(key []byte) (value []byte, found bool) {
	i, found := t.find(key, false)
	if found {
		_, value = t.record(t.Slots[i].Off)
	}
	return value, found
}

func (t *Table) fits(length, slots int) bool {
	return t.DataStart()+length <= t.PageSize-4*slots
}

// wanted is the size of the table for so many keys.
func wanted(keys int) int {
	var load float32 = 0.85
	quotient := float32(keys) / load
	size := 1
	for float32(size) < quotient {
		size *= 2
	}
	return size
}

// Insert stores a value. It reports false, and nothing has changed, if the
// record does not fit.
func (t *Table) Insert(key, value []byte) bool {
	length := 4 + len(key) + len(value)
	if i, found := t.find(key, false); found {
		if !t.fits(length, len(t.Slots)) {
			return false
		}
		t.Slots[i].Off = t.append(key, value)
		return true
	}
	need := t.Used + 1
	size := max(wanted(need), len(t.Slots), 1)
	for !t.fits(length, size) {
		if size == 1 {
			return false
		}
		if size /= 2; size < need {
			return false
		}
	}
	if size != len(t.Slots) {
		old := t.Slots
		t.clear(size)
		for _, s := range old {
			if !s.Empty() {
				k, _ := t.record(s.Off)
				t.place(k, s.Off)
			}
		}
	}
	t.place(key, t.append(key, value))
	t.Used++
	return true
}

func (t *Table) append(key, value []byte) (off int) {
	off = t.DataStart()
	t.Records = binary.LittleEndian.AppendUint16(t.Records, uint16(len(key)))
	t.Records = binary.LittleEndian.AppendUint16(t.Records, uint16(len(value)))
	t.Records = append(append(t.Records, key...), value...)
	return off
}

func (t *Table) clear(size int) {
	t.Slots = make([]Slot, size)
	for i := range t.Slots {
		t.Slots[i].Off = noRecord
	}
}

// place inserts a record that is there already into a table with room.
func (t *Table) place(key []byte, off int) {
	h, n := t.hash(key), len(t.Slots)
	carried := Slot{Off: off, Fp: fingerprint(h)}
	for i := int(h % uint64(n)); ; i = (i + 1) % n {
		if t.Slots[i].Empty() {
			t.Slots[i] = carried
			return
		}
		if t.Slots[i].Dist < carried.Dist {
			t.Slots[i], carried = carried, t.Slots[i]
		}
		if carried.Dist < 255 {
			carried.Dist++
		}
	}
}

// Delete removes a key. Far reports that a slot with a distance of 255 was
// moved: there the format leaves the bytes open.
func (t *Table) Delete(key []byte) (had, far bool) {
	hole, found := t.find(key, true)
	if !found {
		return false, false
	}
	n := len(t.Slots)
	for range n - 1 {
		next := (hole + 1) % n
		s := t.Slots[next]
		if s.Empty() || s.Dist == 0 {
			break
		}
		far = far || s.Dist == 255
		s.Dist--
		t.Slots[hole] = s
		hole = next
	}
	t.Slots[hole] = Slot{Off: noRecord}
	t.Used--
	return true, far
}

// Compact drops the dead records. It reports false if a record does not fit
// into the fresh page, where the format leaves the bytes open.
func (t *Table) Compact() bool {
	fresh := &Table{PageSize: t.PageSize, Seed: t.Seed}
	for _, s := range t.Slots {
		if s.Empty() {
			continue
		}
		if key, value := t.record(s.Off); !fresh.Insert(key, value) {
			return false
		}
	}
	*t = *fresh
	return true
}

// Dead is the number of bytes of dead records.
func (t *Table) Dead() int {
	dead := len(t.Records)
	for _, s := range t.Slots {
		if !s.Empty() {
			key, value := t.record(s.Off)
			dead -= 4 + len(key) + len(value)
		}
	}
	return dead
}
