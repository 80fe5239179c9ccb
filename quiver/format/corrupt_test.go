package format

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is a valid structure and a function that decodes bytes and encodes
// the value again.
type sample struct {
	name  string
	bytes []byte
	again func(b []byte) ([]byte, error)
	// ignored bytes may change without changing the value.
	ignored func(off int) bool
	// shorter: some prefixes are valid too, as a shorter list.
	shorter bool
	// checked: every change must be found out.
	checked bool
}

func samples() []sample {
	none := func(int) bool { return false }
	id := uint64(goldA)
	page := func(b []byte) ([]byte, error) {
		return b, VerifyPage(b, id)
	}
	big := KV(make([]byte, PageSizeMin))
	InitKV(big, id)
	for i := range 100 {
		big.put(fmt.Sprint("key", i), fmt.Sprint("value", i*i))
	}
	SealPage(big, 77)
	since := uint64(5)
	list := []sample{
		{"kv page", goldKV(), page, none, false, true},
		{"kv page with many records", big, page, none, false, true},
		{"overflow page", goldOverflow(), page, none, false, true},
		{"meta", Meta{PageSize: 4096, NextPageID: 9, LastLSN: 300, Clean: true}.Encode(), againMeta, none, false, false},
		{"meta of version 2", metaOld(2, metaSizeV2), againMeta, none, false, false},
		{"meta of version 1", metaOld(1, metaSizeV1), againMeta, none, false, false},
		{"dir", EncodeDir([]uint64{1, 2, NoPage}), againDir, none, false, true},
		{"free", EncodeFree([]uint64{8, 9, 10}, 0), againFree, none, true, false},
		{"wal", sampleLog(), againLog, func(off int) bool { return off >= 8 && off < WALHeaderSize }, true, true},
		{"frame", AppendFrame(nil, 1, 2, goldKV()), againFrame, none, false, true},
		{"frozen index", AppendFrozenEntry(AppendFrozenEntry(nil, FrozenEntry{1, 2, 3}), FrozenEntry{4, 5, 6}), againFrozen, none, true, false},
		{"store frame", AppendStoreFrame(nil, Hash64(goldKV()), goldKV()), againStoreFrame, none, false, true},
		{"store index", EncodeStoreIndex([]StoreEntry{{1, 2, 3}, {4, 5, 6}}), againStoreIndex, none, true, false},
		{"placeholder", placeholderBytes(5000, 3), againPlaceholder, none, false, false},
	}
	return append(list, jsonSamples(&since)...)
}

func jsonSamples(since *uint64) []sample {
	spaced := func(int) bool { return true }
	return []sample{
		{"registry", EncodeRegistry([]Snapshot{{"1-2-3", 4, 5, false}, {"a", 6, 7, true}}), againRegistry, spaced, false, false},
		{"manifest", EncodeManifest(Manifest{SnapshotLSN: 6, SinceLSN: since, PageSize: 4096, Extra: &ManifestExtra{BaseLSN: since}}), againManifest, spaced, true, false},
	}
}

func metaOld(version uint32, size int) []byte {
	b := Meta{PageSize: 4096, NextPageID: 9, Clean: true}.Encode()
	le.PutUint32(b[metaVersionOff:], version)
	return b[:size]
}

func placeholderBytes(total, head uint64) []byte {
	b := make([]byte, PlaceholderSize)
	EncodePlaceholder(b, total, head)
	return b
}

func sampleLog() []byte {
	h := EncodeWALHeader()
	b := h[:]
	for i, payload := range [][]byte{[]byte("payload"), nil} {
		var rec [RecordHeaderSize]byte
		PutRecordHeader(rec[:], Record{Type: RecordPageImage, Flags: GroupFlags(3, i == 1), LSN: uint64(i), PageID: 4}, payload)
		b = append(append(b, rec[:]...), payload...)
	}
	return b
}

// againMeta writes the version and the clean byte as they were read, and what
// may follow an old version.
func againMeta(b []byte) ([]byte, error) {
	m, err := DecodeMeta(b)
	if err != nil {
		return nil, err
	}
	got := m.Encode()
	le.PutUint32(got[metaVersionOff:], m.Version)
	if m.Version == MetaVersion && m.Clean {
		got[metaCleanOff] = b[metaCleanOff]
	}
	size := []int{1: metaSizeV1, 2: metaSizeV2, 3: MetaSize}[m.Version]
	return append(got[:size], b[size:]...), nil
}

func againDir(b []byte) ([]byte, error) {
	heads, checked, err := DecodeDir(b)
	if err == nil && !checked {
		err = faultf(ErrChecksum, "dir", 0, "not checked")
	}
	return EncodeDir(heads), err
}

func againFree(b []byte) ([]byte, error) {
	f, err := DecodeFree(b)
	if err != nil {
		return nil, err
	}
	got := EncodeFree(f.IDs, f.Reserved)
	le.PutUint32(got[freeCountOff:], f.Count)
	return append(got, b[len(b)-f.Rest:]...), nil
}

// againLog stops with an error at a record that is not good; a log that ends
// between records is a shorter log.
func againLog(b []byte) ([]byte, error) {
	if err := CheckWALHeader(b); err != nil {
		return nil, err
	}
	h := EncodeWALHeader()
	got := h[:]
	for rest := b[WALHeaderSize:]; len(rest) > 0; {
		r, err := DecodeRecordHeader(rest)
		if err != nil {
			return nil, err
		}
		if int64(len(rest)) < r.Size() {
			return nil, faultf(ErrTruncated, "wal record", 0, "payload")
		}
		payload := rest[RecordHeaderSize:r.Size()]
		if !r.VerifyPayload(rest, payload) {
			return nil, faultf(ErrChecksum, "wal record", 0, "")
		}
		var rec [RecordHeaderSize]byte
		PutRecordHeader(rec[:], r, payload)
		got = append(append(got, rec[:]...), payload...)
		rest = rest[r.Size():]
	}
	return got, nil
}

func againFrame(b []byte) ([]byte, error) {
	f, image, err := DecodeFrame(b)
	return AppendFrame(nil, f.PageID, f.LSN, image), err
}

func againFrozen(b []byte) (got []byte, err error) {
	entries, err := DecodeFrozenEntries(b)
	for _, e := range entries {
		got = AppendFrozenEntry(got, e)
	}
	return got, err
}

func againStoreFrame(b []byte) ([]byte, error) {
	f, image, err := DecodeStoreFrame(b)
	return AppendStoreFrame(nil, f.Hash, image), err
}

func againStoreIndex(b []byte) ([]byte, error) {
	entries, err := DecodeStoreIndex(b)
	return EncodeStoreIndex(entries), err
}

func againPlaceholder(b []byte) ([]byte, error) {
	total, head, _ := DecodePlaceholder(b)
	return placeholderBytes(total, head), ValidatePlaceholder(b)
}

func againRegistry(b []byte) ([]byte, error) {
	entries, err := DecodeRegistry(b)
	return EncodeRegistry(entries), err
}

func againManifest(b []byte) ([]byte, error) {
	m, err := DecodeManifest(b)
	return EncodeManifest(m), err
}

func requireOneKind(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Structure == "" || e.Offset < 0 || e.Error() == "" {
		t.Fatalf("error without structure or offset: %#v", err)
	}
	kinds := 0
	for _, kind := range []error{ErrMagic, ErrVersion, ErrChecksum, ErrTruncated, ErrField} {
		if errors.Is(err, kind) {
			kinds++
		}
	}
	if kinds != 1 {
		t.Fatalf("%d kinds: %v", kinds, err)
	}
}

// meets decodes b, which is the sample with a change at off.
func (s sample) meets(t *testing.T, b []byte, off int) {
	t.Helper()
	got, err := s.again(b)
	switch {
	case err != nil:
		requireOneKind(t, err)
	case s.ignored(off):
	case string(got) != string(b):
		t.Fatalf("%s: a change at %d is taken for another value", s.name, off)
	case s.checked:
		t.Fatalf("%s: a change at %d goes unseen", s.name, off)
	}
}

// changes are the values that the byte at off meets: all of them in headers and
// in short structures. The rest of a page is under one checksum, which sees any
// change of one byte alike, and text has few bytes that mean anything.
func (s sample) changes(off int) (values []byte) {
	old := s.bytes[off]
	switch {
	case s.bytes[0] == '{':
		return []byte{0, ' ', '"', '-', '0', '9', '{', '}', '[', ']', ',', ':', 'e', old ^ 1, old ^ 0x20, 0xFF}
	case off >= 100:
		return []byte{old ^ 1<<(off%8), old ^ 0x80, ^old}
	}
	for v := range 256 {
		values = append(values, byte(v))
	}
	return values
}

func TestEveryPrefix(t *testing.T) {
	for _, s := range samples() {
		got, err := s.again(s.bytes)
		require.NoError(t, err, s.name)
		require.Equal(t, s.bytes, got, s.name)
		for n := range s.bytes {
			got, err := s.again(s.bytes[:n:n])
			if err != nil {
				requireOneKind(t, err)
				continue
			}
			require.True(t, s.shorter, "%s: %d bytes", s.name, n)
			if !s.ignored(n) {
				require.Equal(t, string(s.bytes[:n]), string(got), "%s: %d bytes", s.name, n)
			}
		}
	}
}

func TestEveryChangedByte(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	decoded := uint64(0)
	for _, s := range samples() {
		b := append([]byte{}, s.bytes...)
		for off, old := range s.bytes {
			for _, v := range s.changes(off) {
				if b[off] = v; v != old {
					s.meets(t, b, off)
					decoded++
				}
			}
			b[off] = old
		}
	}
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/decoded, uint64(16<<10), "bytes allocated for one decoding")
}

// TestHugeCounts: a count or length that the bytes do not hold sizes nothing.
func TestHugeCounts(t *testing.T) {
	dir := EncodeDir([]uint64{1})
	le.PutUint32(dir[dirBucketsOff:], 0xFFFFFFFF)
	free := EncodeFree([]uint64{1}, 0)
	le.PutUint32(free[freeCountOff:], 0xFFFFFFFF)
	frame := AppendFrame(nil, 1, 2, goldKV())
	le.PutUint32(frame[frameLenOff:], 0xFFFFFFFF)
	store := AppendStoreFrame(nil, 1, goldKV())
	le.PutUint32(store[storeLenOff:], 0xFFFFFFFF)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := DecodeDir(dir)
	require.ErrorIs(t, err, ErrTruncated)
	f, err := DecodeFree(free)
	require.NoError(t, err)
	require.Equal(t, []uint64{1}, f.IDs)
	_, _, err = DecodeFrame(frame)
	require.ErrorIs(t, err, ErrField)
	_, _, err = DecodeStoreFrame(store)
	require.ErrorIs(t, err, ErrField)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

// useKV calls every operation on a page that VerifyKV accepted.
func useKV(p KV) {
	key := []byte("key5")
	hash := Hash64(key)
	scratch := make(KV, len(p))
	CheckKV(p)
	for range p.All() {
	}
	p.CompactionDue(DefaultCompactDeadFrac, 0)
	p.Room()
	p.CompactInto(scratch)
	if err := VerifyKV(scratch); err != nil {
		panic(err)
	}
	p.Get(hash, key)
	for range 3 {
		p.Delete(hash, key)
		p.Insert(hash, key, []byte("value"))
	}
	for i := range 40 {
		k := []byte{byte(i)}
		p.Insert(Hash64(k), k, k)
	}
	if err := VerifyKV(p); err != nil {
		panic(err)
	}
}

// TestVerifiedPagesNeverPanic changes every byte of a page and seals it again,
// so that only the structure tells: what passes must be safe to use.
func TestVerifiedPagesNeverPanic(t *testing.T) {
	p := newKV(PageSizeMin, 7)
	for i := range 60 {
		p.put(fmt.Sprint("key", i), fmt.Sprint("value", i))
	}
	for i := range 10 {
		p.drop(fmt.Sprint("key", i*3))
	}
	accepted := 0
	work := make(KV, len(p))
	for off := range p {
		if off >= p.DataStart() && off < len(p)-slotSize*p.Slots() {
			continue
		}
		for _, v := range []byte{0, 1, 2, 0x7F, 0xFE, 0xFF, p[off] + 1, p[off] - 1, p[off] ^ 0x80, p[off] ^ 0x10} {
			copy(work, p)
			work[off] = v
			SealPage(work, 1)
			if err := VerifyPage(work, 7); err != nil {
				requireOneKind(t, err)
				continue
			}
			accepted++
			useKV(work)
		}
	}
	require.NotZero(t, accepted)
}
