package format

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// fault is a change to a valid structure and the kind of error it must give.
type fault struct {
	name    string
	valid   []byte
	corrupt func(b []byte)
	decode  func(b []byte) error
	want    error
}

func set(off int, v byte) func(b []byte) { return func(b []byte) { b[off] = v } }

// resealed changes a page and makes the CRC right again.
func resealed(off int, v byte) func(b []byte) {
	return func(b []byte) {
		b[off] = v
		SealPage(b, PageLSN(b))
	}
}

func pageFaults() []fault {
	id := uint64(goldA)
	verify := func(b []byte) error { return VerifyPage(b, id) }
	return []fault{
		{"page: magic", goldKV(), resealed(0, 'Q'), verify, ErrMagic},
		{"page: version 1", goldKV(), resealed(pageVersionOff, 1), verify, ErrVersion},
		{"page: version 3", goldKV(), resealed(pageVersionOff, 3), verify, ErrVersion},
		{"page: type 1", goldKV(), resealed(pageTypeOff, 1), verify, ErrField},
		{"page: first reserved bytes", goldKV(), resealed(pageZero1Off+3, 1), verify, ErrField},
		{"page: last reserved bytes", goldKV(), resealed(pageZero2Off+7, 1), verify, ErrField},
		{"page: flags", goldKV(), resealed(pageFlagsOff, 1), verify, ErrField},
		{"page: another id", goldKV(), resealed(pageIDOff, 0x19), verify, ErrField},
		{"page: next is itself", goldKV(), func(b []byte) { SetNextPage(b, id); SealPage(b, 1) }, verify, ErrField},
		{"page: content", goldKV(), set(2000, 1), verify, ErrChecksum},
		{"page: stored CRC of zero", goldKV(), func(b []byte) { clear(b[pageCRCOff:PageHeaderSize]) }, verify, ErrChecksum},
		{"kv: data start in the header", goldKV(), resealed(pageDataStartOff, 63), verify, ErrField},
		{"kv: data start in the table", goldKV(), resealed(pageDataStartOff+1, 0x10), verify, ErrField},
		{"kv: more used than slots", goldKV(), resealed(pageUsedOff, 3), verify, ErrField},
		{"kv: used differs from occupied", goldKV(), resealed(pageUsedOff, 2), verify, ErrField},
		{"kv: record in the header", goldKV(), resealed(PageSizeMin-8, pageZero2Off), verify, ErrField},
		{"kv: record behind data start", goldKV(), resealed(PageSizeMin-7, 1), verify, ErrField},
		{"kv: key reaches behind data start", goldKV(), resealed(PageHeaderSize, 2), verify, ErrField},
		{"kv: value reaches behind data start", goldKV(), resealed(PageHeaderSize+2, 4), verify, ErrField},
		{"kv: record over a dead one's length behind data start", goldKV(), func(b []byte) {
			KV(b).put("k", "newer")
			b[KV(b).DataStart()-recordHeaderSize-len("knewer")+recordValLenOff]++
			SealPage(b, 1)
		}, verify, ErrField},
		{"kv: two slots on one record", goldKV(), func(b []byte) {
			copy(b[PageSizeMin-4:], b[PageSizeMin-8:PageSizeMin-4])
			KV(b).setUsed(2)
			SealPage(b, 1)
		}, verify, ErrField},
		{"overflow: chunk longer than the page", goldOverflow(), func(b []byte) {
			le.PutUint16(b[pageChunkLenOff:], uint16(ChunkSize(PageSizeMin)+1))
			SealPage(b, 1)
		}, verify, ErrField},
		{"overflow: type 1", goldOverflow(), resealed(pageTypeOff, 1), verify, ErrField},
		{"overflow: type 4", goldOverflow(), resealed(pageTypeOff, 4), verify, ErrField},
		{"overflow: slots", goldOverflow(), resealed(pageSlotsOff, 1), verify, ErrField},
		{"overflow: used", goldOverflow(), resealed(pageUsedOff, 1), verify, ErrField},
		{"overflow: seed", goldOverflow(), resealed(pageSeedOff, 1), verify, ErrField},
	}
}

func fileFaults() []fault {
	meta := Meta{PageSize: 4096}.Encode
	decodeMeta := func(b []byte) error { _, err := DecodeMeta(b); return err }
	dir := EncodeDir([]uint64{1, 2})
	decodeDir := func(b []byte) error { _, _, err := DecodeDir(b); return err }
	free := EncodeFree(nil, 0)
	decodeFree := func(b []byte) error { _, err := DecodeFree(b); return err }
	wal := EncodeWALHeader()
	return []fault{
		{"meta: magic", meta(), set(7, 'B'), decodeMeta, ErrMagic},
		{"meta: version 0", meta(), set(metaVersionOff, 0), decodeMeta, ErrVersion},
		{"meta: version 4", meta(), set(metaVersionOff, 4), decodeMeta, ErrVersion},
		{"meta: page size 65536", meta(), func(b []byte) { le.PutUint32(b[metaPageSizeOff:], 65536) }, decodeMeta, ErrField},
		{"meta: page size 2048", meta(), set(metaPageSizeOff+1, 8), decodeMeta, ErrField},
		{"meta: page size 5120", meta(), set(metaPageSizeOff+1, 20), decodeMeta, ErrField},
		{"meta: encryption", meta(), set(metaFlagsOff, 1), decodeMeta, ErrVersion},
		{"meta: hash kind", meta(), set(metaHashKindOff, 2), decodeMeta, ErrVersion},
		{"meta: no hash kind", meta(), set(metaHashKindOff, 0), decodeMeta, ErrField},
		{"meta: more pages than bytes", meta(), func(b []byte) { le.PutUint64(b[metaNextOff:], 1<<51) }, decodeMeta, ErrField},
		{"dir: magic", dir, set(0, 0), decodeDir, ErrMagic},
		{"dir: version", dir, set(dirVersionOff, 2), decodeDir, ErrVersion},
		{"dir: no buckets", dir, set(dirBucketsOff, 0), decodeDir, ErrField},
		{"dir: more buckets than heads", dir, set(dirBucketsOff, 3), decodeDir, ErrTruncated},
		{"dir: head", dir, set(dirHeadsOff, 9), decodeDir, ErrChecksum},
		{"dir: upper half of the sum", dir, set(dirSumOff+7, 1), decodeDir, ErrChecksum},
		{"free: magic", free, set(0, 0), decodeFree, ErrMagic},
		{"free: version", free, set(freeVersionOff, 0), decodeFree, ErrVersion},
		{"wal: magic", wal[:], set(7, '2'), CheckWALHeader, ErrMagic},
	}
}

// TestFaults: the faults that decoders must tell apart.
func TestFaults(t *testing.T) {
	for _, f := range append(pageFaults(), fileFaults()...) {
		b := append([]byte{}, f.valid...)
		require.NoError(t, f.decode(b), f.name)
		f.corrupt(b)
		err := f.decode(b)
		require.ErrorIs(t, err, f.want, f.name)
		requireOneKind(t, err)
	}
}

func TestVerifyPageSizes(t *testing.T) {
	for _, n := range []int{0, 63, 4095} {
		require.ErrorIs(t, VerifyPage(make([]byte, n), 0), ErrTruncated)
	}
	for _, n := range []int{4097, 5120, 65536} {
		require.ErrorIs(t, VerifyPage(make([]byte, n), 0), ErrField)
	}
	p := newKV(4096, NoPage)
	SetNextPage(p, 0)
	SealPage(p, 1)
	require.ErrorIs(t, VerifyPage(p, NoPage), ErrField)
	require.ErrorIs(t, VerifyKV(make([]byte, 10)), ErrField)
}

func TestIsZeroPage(t *testing.T) {
	for _, n := range []int{0, 1, 16, 28, 4096} {
		b := make([]byte, n)
		require.True(t, IsZeroPage(b))
		for i := range b {
			b[i] = 1
			require.False(t, IsZeroPage(b), "byte %d of %d", i, n)
			b[i] = 0
		}
	}
}

// TestVerifyPageHeader: a torn page still tells what it is.
func TestVerifyPageHeader(t *testing.T) {
	p := goldKV()
	p[2000]++
	require.NoError(t, VerifyPageHeader(p, goldA))
	require.ErrorIs(t, VerifyPageHeader(p, goldB), ErrField)
	require.ErrorIs(t, VerifyPage(p, goldA), ErrChecksum)
}

// TestPageWithCRCZero: a page whose CRC really is 0 is valid, the only one with
// a stored 0 that is.
func TestPageWithCRCZero(t *testing.T) {
	// The CRC register is linear: the four bytes that drive it to zero are
	// found by solving for them bit by bit.
	p := goldOverflow()
	const free = 3000 // four bytes behind the chunk
	crcWith := func(v uint32) uint32 {
		le.PutUint32(p[free:], v)
		return PageCRC(p)
	}
	base := crcWith(0)
	var rows [32]struct{ effect, bits uint32 }
	for i := range rows {
		rows[i].effect, rows[i].bits = crcWith(1<<i)^base, 1<<i
	}
	need, v := base, uint32(0)
	for bit := range 32 {
		pivot := -1
		for i := bit; i < 32; i++ {
			if rows[i].effect>>bit&1 == 1 {
				pivot = i
				break
			}
		}
		require.GreaterOrEqual(t, pivot, 0)
		rows[bit], rows[pivot] = rows[pivot], rows[bit]
		for i := range rows {
			if i != bit && rows[i].effect>>bit&1 == 1 {
				rows[i].effect ^= rows[bit].effect
				rows[i].bits ^= rows[bit].bits
			}
		}
	}
	for bit := range 32 {
		if need>>bit&1 == 1 {
			v ^= rows[bit].bits
		}
	}
	require.Zero(t, crcWith(v))
	SealPage(p, PageLSN(p))
	require.Zero(t, le.Uint32(p[pageCRCOff:]))
	require.NoError(t, VerifyPage(p, goldA))
	p[free+10]++
	require.ErrorIs(t, VerifyPage(p, goldA), ErrChecksum)
}

func TestMetaVersions(t *testing.T) {
	for version, size := range map[uint32]int{1: metaSizeV1, 2: metaSizeV2} {
		b := Meta{PageSize: 4096, NextPageID: 12, LastLSN: 99}.Encode()
		le.PutUint32(b[metaVersionOff:], version)
		for _, n := range []int{size, MetaSize} {
			m, err := DecodeMeta(b[:n])
			require.NoError(t, err)
			require.Equal(t, Meta{Version: version, PageSize: 4096, NextPageID: 12, HashKind: HashKindXXH, Clean: true}, m)
			require.Equal(t, uint32(MetaVersion), le.Uint32(m.Encode()[metaVersionOff:]))
		}
		_, err := DecodeMeta(b[:size-1])
		require.ErrorIs(t, err, ErrTruncated)
	}
	b := Meta{PageSize: 4096, LastLSN: 99}.Encode()
	b[metaCleanOff] = 2
	m, err := DecodeMeta(b)
	require.NoError(t, err)
	require.True(t, m.Clean)
	_, err = DecodeMeta(append(b, 0))
	require.ErrorIs(t, err, ErrField)
}

func TestDirSum(t *testing.T) {
	b := EncodeDir([]uint64{1, 2})
	heads, checked, err := DecodeDir(append(b, "ignored"...))
	require.NoError(t, err)
	require.True(t, checked)
	require.Equal(t, []uint64{1, 2}, heads)
	clear(b[dirSumOff:dirHeadsOff])
	heads, checked, err = DecodeDir(b)
	require.NoError(t, err)
	require.False(t, checked)
	require.Equal(t, []uint64{1, 2}, heads)
}

func TestFreeSum(t *testing.T) {
	ids := []uint64{5, 6}
	b := EncodeFree(ids, FreeSum(ids, 10, 20))
	f, err := DecodeFree(b)
	require.NoError(t, err)
	require.True(t, f.Vouched(10, 20))
	require.False(t, f.Vouched(11, 20))
	require.False(t, f.Vouched(10, 21))
	f, err = DecodeFree(b[:len(b)-8])
	require.NoError(t, err)
	require.False(t, f.Vouched(10, 20))
	f, err = DecodeFree(append(b, 1, 2, 3))
	require.NoError(t, err)
	require.Equal(t, 3, f.Rest)
	require.Equal(t, ids, f.IDs)
	require.False(t, f.Vouched(10, 20))
	f.Reserved, f.Rest = 0, 0
	require.False(t, f.Vouched(10, 20))
	require.NotZero(t, FreeSum(nil, 0, 0))
	f, err = DecodeFree(EncodeFree(ids, PartFreeSum(ids, 10, 20)))
	require.NoError(t, err)
	require.True(t, f.VouchedInPart(10, 20))
	require.False(t, f.VouchedInPart(11, 20))
	require.False(t, f.Vouched(10, 20))
}

func TestGroupFlags(t *testing.T) {
	for group := range uint64(200) {
		for _, last := range []bool{false, true} {
			r := Record{Flags: GroupFlags(group, last)}
			require.True(t, r.Marked())
			require.Equal(t, last, r.Last())
			require.EqualValues(t, group%64, r.Group())
		}
	}
	require.False(t, Record{Flags: 0x7F}.Marked())
}

func TestPayloadOfAnotherLength(t *testing.T) {
	var rec [RecordHeaderSize]byte
	PutRecordHeader(rec[:], Record{Type: RecordPageImage, Len: 1}, []byte("abc"))
	r, err := DecodeRecordHeader(rec[:])
	require.NoError(t, err)
	require.True(t, r.VerifyPayload(rec[:], []byte("abc")))
	require.False(t, r.VerifyPayload(rec[:], []byte("abd")))
	r.Len = 2
	require.False(t, r.VerifyPayload(rec[:], []byte("abc")))
}

func TestStoreFrameWithAnotherHash(t *testing.T) {
	_, _, err := DecodeStoreFrame(AppendStoreFrame(nil, 1, goldKV()))
	require.ErrorIs(t, err, ErrChecksum)
}

func TestRegistryFields(t *testing.T) {
	const entry = `{"id":"a","lsn":1,"ts_nanos":9007199254740993,"ended":false`
	got, err := DecodeRegistry([]byte(` {"more":[], "entries":[` + entry + `,"heads":[1,2]}]}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, []Snapshot{{ID: "a", LSN: 1, TSNanos: 9007199254740993}}, got)
	for _, text := range []string{
		`{}`, `null`, `[]`, `{"entries":null}`, `{"entries":[null]}`, `{"entries":[{"id":"a","lsn":1,"ended":false}]}`,
		`{"Entries":[]}`, `{"entries":[` + entry + `}]} x`, `{"entries":[{"id":"a","lsn":-1,"ts_nanos":1,"ended":false}]}`,
		`{"entries":[{"id":"../a","lsn":1,"ts_nanos":1,"ended":false}]}`, `{"entries":[{"id":"a","lsn":1.5,"ts_nanos":1,"ended":false}]}`,
	} {
		_, err := DecodeRegistry([]byte(text))
		require.ErrorIs(t, err, ErrField, text)
	}
	for _, text := range []string{"", " ", "{", `{"entries":[`} {
		_, err := DecodeRegistry([]byte(text))
		require.ErrorIs(t, err, ErrTruncated, text)
	}
	for _, id := range []string{"", ".", "..", "a/b", `a\b`, "a\x00", "C:", string(make([]byte, 300))} {
		require.False(t, ValidSnapshotID(id), "%q", id)
	}
}

func TestManifestFields(t *testing.T) {
	const head = `{"snapshot_lsn":9,"page_size":4096,"pages_emitted":1,"bytes_emitted":4120,"dir_present":false,"dir_bytes":0`
	m, err := DecodeManifest([]byte(head + `,"since_lsn":null,"other":{"page_size":1}}`))
	require.NoError(t, err)
	require.Equal(t, Manifest{SnapshotLSN: 9, PageSize: 4096, PagesEmitted: 1, BytesEmitted: 4120}, m)
	_, err = DecodeManifest([]byte(head + `,"quiver":{}}`))
	require.ErrorIs(t, err, ErrField)
	_, err = DecodeManifest([]byte(`{"page_size":4096}`))
	require.ErrorIs(t, err, ErrField)
	_, err = DecodeManifest([]byte(head[:len(head)-1] + `0,"page_size":4097}`))
	require.ErrorIs(t, err, ErrField)
}

func TestErrorText(t *testing.T) {
	err := VerifyPage(make([]byte, 4096), 1)
	require.EqualError(t, err, "page: wrong magic at offset 0: 00 00 00 00")
	var e *Error
	require.True(t, errors.As(err, &e))
}

func TestPlaceholderFields(t *testing.T) {
	v := placeholderBytes(70000, 12)
	total, head, ok := DecodePlaceholder(v)
	require.True(t, ok)
	require.EqualValues(t, 70000, total)
	require.EqualValues(t, 12, head)
	require.NoError(t, ValidatePlaceholder(v))
	v[1] = 1
	require.True(t, IsPlaceholder(v))
	require.ErrorIs(t, ValidatePlaceholder(v), ErrField)
	require.ErrorIs(t, ValidatePlaceholder(placeholderBytes(0, 1)), ErrField)
	require.ErrorIs(t, ValidatePlaceholder(placeholderBytes(1, NoPage)), ErrField)
	require.ErrorIs(t, ValidatePlaceholder([]byte("x")), ErrMagic)
}

func TestOverflowPage(t *testing.T) {
	for _, n := range []int{0, 1, ChunkSize(4096)} {
		p := make([]byte, 4096)
		chunk := make([]byte, n)
		InitOverflow(p, 3, NoPage, chunk)
		SealPage(p, 5)
		require.NoError(t, VerifyPage(p, 3))
		require.Equal(t, chunk, OverflowChunk(p))
	}
	require.Panics(t, func() { InitOverflow(make([]byte, 4096), 3, 4, make([]byte, ChunkSize(4096)+1)) })
}
