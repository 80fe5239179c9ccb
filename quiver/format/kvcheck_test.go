package format

import (
	"fmt"
	"maps"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
)

// fixedTable has a table of 8 slots and records without slots.
func fixedTable(keys ...string) KV {
	p := newKV(PageSizeMin, 3)
	p.resetTable(8)
	for _, k := range keys {
		p.appendRecord(p.DataStart(), []byte(k), nil)
	}
	return p
}

// point makes the slot at this distance from the home of the key of the record
// at off name it, with the right fingerprint.
func (p KV) point(off, dist int) {
	h := Hash64(p.recordKey(off)) ^ p.Seed()
	n := p.Slots()
	i := (int(reduce(h, uint32(n))) + dist) % n
	setSlotAt(p.table(), i, makeSlot(off, fingerprint(h), uint8(dist)))
	p.setUsed(p.Used() + 1)
}

type pageFault struct {
	page func() KV
	want string
}

// recordFaults are pages that VerifyKV accepts, each with one fault in the table
// or the record area.
func recordFaults() map[string]pageFault {
	return map[string]pageFault{
		"no fault": {func() KV {
			p := fixedTable("a")
			p.point(64, 0)
			return p
		}, ""},
		"empty slot before the key": {func() KV {
			p := fixedTable("a")
			p.point(64, 1)
			return p
		}, "a lookup does not find its key"},
		"same key twice": {func() KV {
			p := fixedTable("a", "a")
			p.point(64, 0)
			p.point(64+RecordSize(1, 0), 1)
			return p
		}, "its key stands in slot"},
		"slot into a value": {func() KV {
			p := newKV(PageSizeMin, 3)
			p.resetTable(8)
			p.appendRecord(64, []byte("a"), []byte("\x01\x00\x00\x00b"))
			p.point(64+RecordSize(1, 0), 0)
			return p
		}, "no record begins at 69"},
		"dead record longer than the area": {func() KV {
			p := fixedTable("a", "b")
			p.point(64, 0)
			p[64+RecordSize(1, 0)]++
			return p
		}, "record reaches behind data start"},
		"rest of a dead record": {func() KV {
			p := fixedTable("a")
			p.point(64, 0)
			p.setDataStart(p.DataStart() + 3)
			return p
		}, "record reaches behind data start"},
		"rest of a dead record at the end of the page": {func() KV {
			p := newKV(PageSizeMin, 3)
			p.appendRecord(64, nil, make([]byte, len(p)-64-recordHeaderSize-3))
			p.setDataStart(len(p))
			return p
		}, "record reaches behind data start"},
	}
}

// slotFaults are the same with a fault in a slot.
func slotFaults() map[string]pageFault {
	return map[string]pageFault{
		"fingerprint": {func() KV {
			p := fixedTable("a")
			p.point(64, 0)
			for i := range 8 {
				p.table()[slotSize*i+slotFpOff] ^= 4
			}
			return p
		}, "fingerprint"},
		"distance": {func() KV {
			p := fixedTable("a")
			p.point(64, 0)
			for i := range 8 {
				p.table()[slotSize*i+slotDistOff]++
			}
			return p
		}, "distance 1 where 0 belongs"},
	}
}

// TestCheckKV: each fault is told, and no fault is none.
func TestCheckKV(t *testing.T) {
	faults := recordFaults()
	maps.Copy(faults, slotFaults())
	for name, f := range faults {
		p := f.page()
		require.NoError(t, VerifyKV(p), name)
		faults := CheckKV(p)
		if f.want == "" {
			require.Empty(t, faults, name)
			continue
		}
		require.NotEmpty(t, faults, name)
		requireOneKind(t, faults[0])
		require.Contains(t, faults[0].Error(), f.want, name)
	}
	p := fixedTable("a")
	p.setUsed(3)
	require.Len(t, CheckKV(p), 1)
}

func TestHash64OfEveryLength(t *testing.T) {
	var b []byte
	for n := range 300 {
		require.Equal(t, xxhash.Sum64(append(le.AppendUint64(nil, uint64(n)), b...)), Hash64(b), "length %d", n)
		b = fmt.Append(b, n%10)
	}
}

func TestBucket(t *testing.T) {
	for _, buckets := range []uint32{1, 2, 3, 128, 1000, 1 << 24, 1<<32 - 1} {
		for _, hash := range []uint64{0, 1, 127, 1 << 40, NoPage} {
			require.EqualValues(t, hash%uint64(buckets), Bucket(hash, buckets))
		}
	}
}
