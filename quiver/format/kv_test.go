package format

import (
	"fmt"
	"math"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func newKV(size int, id uint64) KV {
	p := make(KV, size)
	InitKV(p, id)
	return p
}

func (p KV) put(key, value string) bool {
	return p.Insert(Hash64([]byte(key)), []byte(key), []byte(value))
}

func (p KV) drop(key string) bool { return p.Delete(Hash64([]byte(key)), []byte(key)) }

func (p KV) get(key string) (string, bool) {
	v, ok := p.Get(Hash64([]byte(key)), []byte(key))
	return string(v), ok
}

func requireContent(t require.TestingT, p KV, want map[string]string) {
	live := 0
	for k, v := range want {
		got, ok := p.get(k)
		require.True(t, ok, "key %q", k)
		require.Equal(t, v, got, "key %q", k)
		live += recordHeaderSize + len(k) + len(v)
	}
	n := 0
	for k, v := range p.All() {
		require.Equal(t, want[string(k)], string(v), "key %q", k)
		n++
	}
	require.Equal(t, len(want), n)
	require.Equal(t, len(want), p.Used())
	require.Equal(t, live, p.LiveBytes())
	require.Equal(t, p.DataStart()-PageHeaderSize-live, p.DeadBytes())
	require.Empty(t, CheckKV(p))
}

// TestKVAgainstMap drives a page and a map with the same operations.
func TestKVAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{4096, 8192}).Draw(t, "page size")
		p := newKV(size, rapid.Uint64().Draw(t, "id"))
		model := map[string]string{}
		keys := rapid.SliceOfNDistinct(rapid.StringN(0, 6, 20), 1, 200, rapid.ID).Draw(t, "keys")
		key := rapid.SampledFrom(keys)
		scratch := make(KV, size)
		for _, k := range keys[:rapid.IntRange(0, len(keys)).Draw(t, "present")] {
			if p.put(k, k) {
				model[k] = k
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				k := key.Draw(t, "key")
				v := string(make([]byte, rapid.OneOf(rapid.IntRange(0, 30), rapid.IntRange(0, size)).Draw(t, "length")))
				before := append(KV{}, p...)
				_, present := model[k]
				fits := p.Fits(len(k), len(v), present)
				require.Equal(t, fits, p.put(k, v))
				if fits {
					model[k] = v
				} else {
					require.Equal(t, before, p)
				}
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "key")
				_, want := model[k]
				require.Equal(t, want, p.drop(k))
				delete(model, k)
			},
			"miss": func(t *rapid.T) {
				k := key.Draw(t, "key")
				_, want := model[k]
				_, got := p.get(k)
				require.Equal(t, want, got)
			},
			"compact": func(t *rapid.T) {
				p.CompactInto(scratch)
				require.Zero(t, scratch.DeadBytes())
				require.Equal(t, p[pageNextOff:pageZero2Off], scratch[pageNextOff:pageZero2Off])
				p, scratch = scratch, p
			},
			"": func(t *rapid.T) { requireContent(t, p, model) },
		})
	})
}

// collidingKeys are n keys whose home slots are the last few of a table.
func collidingKeys(p KV, slots uint32, homes uint64, n int) []string {
	var keys []string
	for i := 0; len(keys) < n; i++ {
		k := fmt.Sprintf("%05x", i)
		if reduce(Hash64([]byte(k))^p.Seed(), slots) >= uint64(slots)-homes {
			keys = append(keys, k)
		}
	}
	return keys
}

// saturatedPage has a table of 1024 slots with more than 255 keys on a few
// home slots at its end, so that their run goes on at its start.
func saturatedPage(t *testing.T) (KV, []string) {
	const slots = 1024
	p := newKV(PageSizeMax, 9)
	p.resetTable(slots)
	keys := collidingKeys(p, slots, 20, 400)
	for i := range 60 {
		keys = append(keys, fmt.Sprintf("other %d", i))
	}
	for _, k := range keys {
		require.True(t, p.put(k, ""))
	}
	require.Equal(t, slots, p.Slots())
	far := 0
	for i := range slots {
		if s := slotAt(p.table(), i); !s.empty() && s.dist() == maxDist {
			far++
		}
	}
	require.Greater(t, far, 100)
	return p, keys
}

// TestKVDeleteWithSaturatedDistances: no key is ever lost, also where one that
// is farther from home stands behind one whose distance falls to 254.
func TestKVDeleteWithSaturatedDistances(t *testing.T) {
	p, keys := saturatedPage(t)
	model := map[string]string{}
	for _, k := range keys {
		model[k] = ""
	}
	rng := rand.New(rand.NewSource(1))
	rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for i, k := range keys {
		require.True(t, p.drop(k))
		require.False(t, p.drop(k))
		delete(model, k)
		if i%4 == 0 {
			requireContent(t, p, model)
		}
	}
	require.Zero(t, p.Used())
	requireContent(t, p, model)
}

// hideKey is a delete as the reference does it: distances of 255 become 254.
// It returns a key that lookups no longer find.
func hideKey(t *testing.T, p KV, keys []string) string {
	table := p.table()
	before := append([]byte{}, table...)
	n := p.Slots()
	hole := p.find(Hash64([]byte(keys[0])), []byte(keys[0]), false)
	require.GreaterOrEqual(t, hole, 0)
	for {
		s := slotAt(before, (hole+1)%n)
		if s.empty() || s.dist() == 0 {
			break
		}
		setSlotAt(table, hole, makeSlot(s.off(), s.fp(), s.dist()-1))
		hole = (hole + 1) % n
	}
	setSlotAt(table, hole, emptySlot)
	p.setUsed(p.Used() - 1)
	for _, k := range keys[1:] {
		if _, ok := p.get(k); !ok {
			return k
		}
	}
	require.Fail(t, "no key was hidden")
	return ""
}

// TestKVHiddenKeys covers pages on which the reference lost sight of keys: they
// are valid, reported, and mended by compaction, where the newer of two records
// of a key wins whatever slots they stand in.
func TestKVHiddenKeys(t *testing.T) {
	p, keys := saturatedPage(t)
	hidden := hideKey(t, p, keys)
	require.NoError(t, VerifyKV(p))
	require.NotEmpty(t, CheckKV(p))

	q := make(KV, len(p))
	p.CompactInto(q)
	require.Empty(t, CheckKV(q))
	_, ok := q.get(hidden)
	require.True(t, ok)

	require.True(t, p.put(hidden, "newer"))
	p.CompactInto(q)
	got, ok := q.get(hidden)
	require.True(t, ok)
	require.Equal(t, "newer", got)

	// The same with the newer record in front.
	i := slotOf(p, hidden, "")
	j := slotOf(p, hidden, "newer")
	a, b := slotAt(p.table(), i), slotAt(p.table(), j)
	setSlotAt(p.table(), min(i, j), makeSlot(max(a.off(), b.off()), a.fp(), 0))
	setSlotAt(p.table(), max(i, j), makeSlot(min(a.off(), b.off()), a.fp(), 0))
	p.CompactInto(q)
	got, _ = q.get(hidden)
	require.Equal(t, "newer", got)
	require.Empty(t, CheckKV(q))
}

func slotOf(p KV, key, value string) int {
	for i := range p.Slots() {
		if k, v, ok := p.Slot(i); ok && string(k) == key && string(v) == value {
			return i
		}
	}
	return -1
}

// TestKVOddTableSize: sizes that are not powers of two come from elsewhere, and
// every operation works on them. A full one must survive compaction.
func TestKVOddTableSize(t *testing.T) {
	const slots = 37
	p := newKV(PageSizeMin, 3)
	p.resetTable(slots)
	model := map[string]string{}
	room := len(p) - PageHeaderSize - slots*slotSize
	for i := range slots {
		k := fmt.Sprintf("%02d", i)
		v := string(make([]byte, room/slots-recordHeaderSize-len(k)))
		start := p.DataStart()
		p.appendRecord(start, []byte(k), []byte(v))
		p.place(p.table(), Hash64([]byte(k)), start)
		p.setUsed(p.Used() + 1)
		model[k] = v
	}
	requireContent(t, p, model)
	require.False(t, p.put("new", ""))

	q := make(KV, len(p))
	p.CompactInto(q)
	require.Equal(t, slots, q.Slots())
	requireContent(t, q, model)

	for k := range model {
		require.True(t, q.drop(k))
		delete(model, k)
		requireContent(t, q, model)
		if len(model) == slots/2 {
			break
		}
	}
	q.CompactInto(p)
	requireContent(t, p, model)
	require.True(t, p.put("new", "v"))
}

// TestKVKeepsItsIdentity: compaction keeps what is not content, also a seed
// that no page id gives.
func TestKVKeepsItsIdentity(t *testing.T) {
	p := newKV(PageSizeMin, 3)
	le.PutUint64(p[pageSeedOff:], 12345)
	require.True(t, p.put("a", "1"))
	require.True(t, p.put("a", "2"))
	SetNextPage(p, 99)
	SealPage(p, 1234)
	q := make(KV, len(p))
	p.CompactInto(q)
	require.EqualValues(t, 3, PageID(q))
	require.EqualValues(t, 99, NextPage(q))
	require.EqualValues(t, 1234, PageLSN(q))
	require.EqualValues(t, 12345, q.Seed())
	requireContent(t, q, map[string]string{"a": "2"})
	SealPage(q, 1235)
	require.NoError(t, VerifyPage(q, 3))
}

// TestKVUpdateToTheLastByte: the new record of a key that is there may end
// where the table begins.
func TestKVUpdateToTheLastByte(t *testing.T) {
	p := newKV(PageSizeMin, 3)
	require.True(t, p.put("a", ""))
	room := make([]byte, p.NewRoom()-RecordSize(1, 0))
	require.False(t, p.put("a", string(room)+"x"))
	require.True(t, p.put("a", string(room)))
	require.Zero(t, p.NewRoom())
	requireContent(t, p, map[string]string{"a": string(room)})
}

// TestKVForeignTables: tables that lookups get lost in must still be left
// whole by a delete, which finds its slot whatever the fingerprint says.
func TestKVForeignTables(t *testing.T) {
	p := newKV(PageSizeMin, 3)
	p.resetTable(4)
	for _, k := range []string{"a", "b", "c", "d"} {
		p.add(Hash64([]byte(k)), []byte(k), nil)
	}
	table := p.table()
	for i := range 4 {
		s := slotAt(table, i)
		setSlotAt(table, i, makeSlot(s.off(), s.fp()^1, 200))
	}
	_, ok := p.get("a")
	require.False(t, ok)
	require.Len(t, CheckKV(p), 12)
	require.True(t, p.drop("a"))
	require.NoError(t, VerifyKV(p))
	require.Equal(t, 3, p.Used())
}

// TestKVFull fills pages to the last slot: the table is full where halving led
// to it, and lookups of absent keys and deletes must still end.
func TestKVFull(t *testing.T) {
	for _, size := range []int{4096, 8192, 16384, 32768} {
		for _, value := range []int{0, 9, size/8 - 20, size - 100} {
			p := newKV(size, uint64(size))
			model := map[string]string{}
			for i := 0; ; i++ {
				k := fmt.Sprintf("%04x", i)
				v := string(make([]byte, value))
				if !p.put(k, v) {
					break
				}
				model[k] = v
			}
			require.NotEmpty(t, model)
			_, ok := p.get("absent")
			require.False(t, ok)
			requireContent(t, p, model)
			for k := range model {
				require.True(t, p.drop(k))
			}
			require.Zero(t, p.Used())
			require.Empty(t, CheckKV(p))
		}
	}
}

func TestSlotsWanted(t *testing.T) {
	for need, want := range map[int]int{1: 2, 2: 4, 3: 4, 4: 8, 6: 8, 7: 16, 13: 16, 14: 32, 27: 32, 28: 64, 1740: 2048, 1741: 4096} {
		require.Equal(t, want, slotsWanted(need), "need %d", need)
	}
	for need := 1; need <= PageSizeMax/slotSize; need++ {
		n := math.Ceil(float64(float32(need) / float32(0.85)))
		require.Equal(t, int(math.Exp2(math.Ceil(math.Log2(n)))), slotsWanted(need), "need %d", need)
	}
}

func TestLargestRecords(t *testing.T) {
	for _, size := range []int{4096, 8192, 16384, 32768} {
		key := make([]byte, MaxKeyLen(size)+1)
		var ph [PlaceholderSize]byte
		require.False(t, newKV(size, 1).Insert(Hash64(key), key, ph[:]))
		key = key[1:]
		require.True(t, newKV(size, 1).Insert(Hash64(key), key, ph[:]))

		empty := newKV(size, 1)
		for _, klen := range []int{0, 1, 100, size - 90} {
			for vlen := range size {
				fits := empty.fittingSlots(PageHeaderSize+recordHeaderSize+klen+vlen) > 0
				require.Equal(t, !fits, NeedsOverflow(size, size, klen, vlen, nil), "key of %d, value of %d", klen, vlen)
				if !fits {
					break
				}
			}
		}
	}
}

func TestNeedsOverflow(t *testing.T) {
	odd := make([]byte, PlaceholderSize)
	require.False(t, NeedsOverflow(4096, 1024, 1, len(odd), odd))
	odd[0] = 0xFF
	odd[1] = 7
	require.True(t, NeedsOverflow(4096, 1024, 1, len(odd), odd))
	require.False(t, NeedsOverflow(4096, 1024, 1, 17, odd[:17]))
	require.False(t, NeedsOverflow(4096, 1024, 1, 1024, make([]byte, 1024)))
	require.True(t, NeedsOverflow(4096, 1024, 1, 1025, make([]byte, 1025)))
}

func TestCompactionDue(t *testing.T) {
	p := newKV(4096, 1)
	require.False(t, p.CompactionDue(DefaultCompactDeadFrac, DefaultCompactMinBytes))
	require.True(t, p.CompactionDue(0, 0))
	require.True(t, p.put("k", string(make([]byte, 507)))) // 512 bytes
	require.True(t, p.drop("k"))
	require.Equal(t, 512, p.DeadBytes())
	require.True(t, p.CompactionDue(DefaultCompactDeadFrac, DefaultCompactMinBytes))
	require.False(t, p.CompactionDue(DefaultCompactDeadFrac, 513))
	require.True(t, p.put("l", string(make([]byte, 1113)))) // in use 64+512+1118+8 = 1702
	require.True(t, p.CompactionDue(DefaultCompactDeadFrac, 512))
	require.True(t, p.CompactionDue(512.0/1702, 512))
	require.False(t, p.CompactionDue(math.Nextafter(512.0/1702, 1), 512))
	require.Equal(t, float64(float32(0.3)), DefaultCompactDeadFrac)
	require.Equal(t, 4096-64-1118-8, p.Room())
}
