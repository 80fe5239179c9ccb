package raw

import (
	"bytes"
	"slices"

	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// Kinds of pages.
const (
	KindKV       = 2
	KindOverflow = 3
)

// Page is what the header of a page says, and what stands in it.
type Page struct {
	Kind      int
	ID        uint64
	Next      uint64
	LSN       uint64
	Seed      uint64
	DataStart int
	Slots     []Slot // of a KV page
	Chunk     []byte // of an overflow page
}

// Slot is a slot of the table. An empty one has no record.
type Slot struct {
	Off        int
	Fp, Dist   uint8
	Key, Value []byte
}

const noRecord = 0xFFFF

// Empty reports whether the slot names no record.
func (s Slot) Empty() bool { return s.Off == noRecord }

// ReadPage reads the page with this id.
func ReadPage(b []byte, id uint64) (p Page, ok bool) {
	if !IsPageSize(uint64(len(b))) || string(b[0:4]) != "P1PG" || u16(b, 4) != 2 {
		return p, false
	}
	p = Page{Kind: u16(b, 6), ID: u64(b, 12), Next: u64(b, 28), LSN: u64(b, 36), Seed: u64(b, 44)}
	zero := u32(b, 8) == 0 && u16(b, 26) == 0 && u64(b, 52) == 0
	if !zero || p.ID != id || id == None || p.Next == id {
		return p, false
	}
	if u32(b, 60) != crc(b[0:60], make([]byte, 4), b[64:]) {
		return p, false
	}
	switch p.Kind {
	case KindKV:
		return p, p.readTable(b)
	case KindOverflow:
		n := u16(b, 20)
		if n > len(b)-64 || u16(b, 22) != 0 || u16(b, 24) != 0 || p.Seed != 0 {
			return p, false
		}
		p.Chunk = b[64 : 64+n]
		return p, true
	}
	return p, false
}

// readTable reads the slots and their records.
func (p *Page) readTable(b []byte) bool {
	p.DataStart = u16(b, 20)
	n, used, length := u16(b, 22), 0, 0
	if p.DataStart < 64 || p.DataStart > len(b)-4*n {
		return false
	}
	p.Slots = make([]Slot, 0, min(n, 128))
	for i := range n {
		at := len(b) - 4*n + 4*i
		s := Slot{Off: u16(b, at), Fp: b[at+2], Dist: b[at+3]}
		if !s.Empty() {
			if s.Off < 64 || s.Off+4 > p.DataStart {
				return false
			}
			key, value := u16(b, s.Off), u16(b, s.Off+2)
			end := s.Off + 4 + key + value
			if end > p.DataStart {
				return false
			}
			s.Key, s.Value = b[s.Off+4:s.Off+4+key], b[s.Off+4+key:end]
			used++
			length += end - s.Off
		}
		p.Slots = append(p.Slots, s)
	}
	return used == u16(b, 24) && length <= p.DataStart-64
}

// fingerprint is the one of a key with this hash, mixed with the seed.
func fingerprint(h uint64) uint8 { return uint8(max(h>>56, 1)) }

// Lookup finds a key by the rule of the format.
func (p *Page) Lookup(key []byte) (value []byte, found bool) {
	i, found := p.find(key)
	if found {
		value = p.Slots[i].Value
	}
	return value, found
}

func (p *Page) find(key []byte) (slot int, found bool) {
	h, n := raw.Hash64(key)^p.Seed, len(p.Slots)
	for step := range n {
		i := (int(h%uint64(n)) + step) % n
		s := p.Slots[i]
		if s.Empty() || int(s.Dist) < min(step, 255) {
			return 0, false
		}
		if s.Fp == fingerprint(h) && bytes.Equal(s.Key, key) {
			return i, true
		}
	}
	return 0, false
}

// Sound reports whether the record area of the page b is records one after
// another, and whether the table leads a lookup to every one that it names: the
// slots have the fingerprint and distance of their keys, every key is found in its
// own slot, and no two slots share a record.
func (p *Page) Sound(b []byte) bool {
	var begins []int
	off := 64
	for off+4 <= p.DataStart {
		begins = append(begins, off)
		off += 4 + u16(b, off) + u16(b, off+2)
	}
	if off != p.DataStart {
		return false
	}
	named := make([]bool, len(begins))
	for i, s := range p.Slots {
		if s.Empty() {
			continue
		}
		at, found := p.find(s.Key)
		record, isRecord := slices.BinarySearch(begins, s.Off)
		if !p.slotRight(i) || !found || at != i || !isRecord || named[record] {
			return false
		}
		named[record] = true
	}
	return true
}

// slotRight reports whether a slot in use has the fingerprint and the distance of
// its key.
func (p *Page) slotRight(i int) bool {
	s, n := p.Slots[i], len(p.Slots)
	h := raw.Hash64(s.Key) ^ p.Seed
	far := (i - int(h%uint64(n)) + n) % n
	return s.Fp == fingerprint(h) && int(s.Dist) == min(far, 255)
}

// Reachable reports whether every slot in use is right and nothing on the way from
// its home ends a lookup. It is less than Sound: two slots may share a key or a
// record, and records may overlap.
func (p *Page) Reachable() bool {
	n := len(p.Slots)
	for i, s := range p.Slots {
		if s.Empty() {
			continue
		}
		if !p.slotRight(i) {
			return false
		}
		home := int((raw.Hash64(s.Key) ^ p.Seed) % uint64(n))
		for step := 0; (home+step)%n != i; step++ {
			if way := p.Slots[(home+step)%n]; way.Empty() || int(way.Dist) < min(step, 255) {
				return false
			}
		}
	}
	return true
}

// ReadPlaceholder reads a stored value that stands for one in overflow pages.
func ReadPlaceholder(b []byte) (length, head uint64, ok bool) {
	if len(b) != 18 || b[0] != 0xFF {
		return 0, 0, false
	}
	return u64(b, 2), u64(b, 10), true
}
