package snap

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"math"
	"path/filepath"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/stretchr/testify/require"
)

var (
	storePath      = filepath.Join(storeDir, format.StoreName)
	storeIndexPath = filepath.Join(storeDir, format.IndexName)
)

func add(t testing.TB, st *Store, p []byte) uint64 {
	t.Helper()
	h := format.Hash64(p)
	require.NoError(t, st.Add(h, p))
	return h
}

func requireImage(t testing.TB, st *Store, want []byte) {
	t.Helper()
	buf := make([]byte, pageSize)
	require.NoError(t, st.Read(format.Hash64(want), buf))
	require.Equal(t, want, buf)
}

// fullStore has images of pages 1 to n, each with one reference, on a disk that
// is durable.
func fullStore(t testing.TB, n uint64) *faultfs.FS {
	t.Helper()
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	for i := uint64(1); i <= n; i++ {
		add(t, st, page(i, i))
	}
	require.NoError(t, st.Close())
	d.SyncAll()
	d.ResetLog()
	return d
}

func TestStoreKeepsEachImageOnce(t *testing.T) {
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	a, b := page(1, 1), page(2, 2)
	ha := add(t, st, a)
	hb := add(t, st, b)
	add(t, st, a)
	require.NoError(t, st.Ref(ha))
	require.EqualValues(t, 3, st.Count(ha))
	require.Equal(t, 2, st.Images())
	require.EqualValues(t, 2*imageStride, st.Bytes())
	require.NoError(t, st.Unref(ha))
	for range 3 {
		require.NoError(t, st.Unref(hb))
	}
	require.NoError(t, st.Unref(12345))
	require.Error(t, st.Ref(12345))
	requireImage(t, st, b) // until Compact
	require.NoError(t, st.Close())
	require.ErrorIs(t, st.Close(), fs.ErrClosed)
	require.ErrorIs(t, st.Add(ha, a), fs.ErrClosed)
	require.Zero(t, d.Handles()+d.Locks())

	want := format.AppendStoreFrame(format.AppendStoreFrame(nil, ha, a), hb, b)
	require.Equal(t, want, readFile(t, d, storePath))
	index := format.EncodeStoreIndex([]format.StoreEntry{{Hash: ha, Refs: 2}, {Hash: hb, Offset: imageStride}})
	require.Equal(t, index, readFile(t, d, storeIndexPath))

	before := d.Digest()
	ro, err := OpenStore(d, storeDir, pageSize, true)
	require.NoError(t, err)
	requireImage(t, ro, a)
	require.ErrorIs(t, ro.Add(ha, a), fs.ErrPermission)
	require.ErrorIs(t, ro.Unref(ha), fs.ErrPermission)
	require.NoError(t, ro.Close())
	require.Equal(t, before, d.Digest())
	st = mustStore(t, d)
	require.EqualValues(t, 2, st.Count(ha))
	require.NoError(t, st.Damage())
	require.NoError(t, st.Close())
	require.Equal(t, before, d.Digest())
}

func TestStoreOfNothing(t *testing.T) {
	d := newDisk(faultfs.Options{})
	ro, err := OpenStore(d, storeDir, pageSize, true)
	require.NoError(t, err)
	require.True(t, isCorrupt(ro.Read(1, make([]byte, pageSize))))
	require.NoError(t, ro.Close())
	require.Empty(t, d.List())
	st := mustStore(t, d)
	require.NoError(t, st.Recount(nil))
	before, after, dropped, err := st.Compact()
	require.NoError(t, err)
	require.Zero(t, before+after+int64(dropped))
	require.NoError(t, st.Close())
}

func TestStoreServesOneHandle(t *testing.T) {
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	_, err := OpenStore(d, storeDir, pageSize, false)
	require.ErrorIs(t, err, vfs.ErrLocked)
	require.ErrorContains(t, err, storeDir)
	require.NoError(t, st.Close())
	require.NoError(t, mustStore(t, d).Close())
	require.Zero(t, d.Locks())
}

// collide changes two words of a page so that Hash64 stays as it is. XXH64 adds
// each word of a lane, times a constant, to what the words before it made of the
// lane; so the second change takes back what the first did.
func collide(p []byte) []byte {
	const p1, p2 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F
	rotl := func(x uint64) uint64 { return x<<31 | x>>33 }
	inverse := uint64(1) // of p2
	for range 6 {
		inverse *= 2 - inverse*p2
	}
	// Stripes have 32 bytes; the length takes the first 8, so the lane of
	// offset -8 goes on at 24, 56, 88, …
	acc := uint64(p1)
	acc += p2 // wraps
	round := func(acc, word uint64) uint64 { return rotl(acc+word*p2) * p1 }
	acc = round(acc, uint64(len(p)))
	const first, second = 24 + 32*90, 24 + 32*91 // in the gap of the page
	for off := 24; off < first; off += 32 {
		acc = round(acc, binary.LittleEndian.Uint64(p[off:]))
	}
	q := bytes.Clone(p)
	old := binary.LittleEndian.Uint64(p[first:])
	binary.LittleEndian.PutUint64(q[first:], old+1)
	diff := round(acc, old) - round(acc, old+1)
	binary.LittleEndian.PutUint64(q[second:], binary.LittleEndian.Uint64(p[second:])+diff*inverse)
	return q
}

// TestEqualHashIsNotEqualBytes: two images with one hash are kept apart, and the
// page that came second is kept by its snapshot alone.
func TestEqualHashIsNotEqualBytes(t *testing.T) {
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	f := pages(1, 1)[0]
	other := collide(f.Page)
	require.NotEqual(t, f.Page, other)
	require.Equal(t, format.Hash64(f.Page), format.Hash64(other))
	h := add(t, st, other)
	require.ErrorIs(t, st.Add(h, f.Page), ErrCollision)
	require.EqualValues(t, 1, st.Count(h))
	require.Error(t, st.Add(h+1, f.Page), "a hash of nothing")

	s, err := Create("a", 10, someHeads, durable(d, st))
	require.NoError(t, err)
	frames := append(pages(2, 2), f)
	require.NoError(t, s.Freeze(frames))
	requireHolds(t, s, frames...)
	require.NoError(t, s.Close())
	require.Len(t, readFile(t, d, inFolder("a", format.HashIndexName)), format.FrozenEntrySize)
	requireHolds(t, mustOpen(t, "a", 10, durable(d, st)), frames...)
	require.NoError(t, Remove("a", durable(d, st)))
	require.EqualValues(t, 1, st.Count(h))
	requireImage(t, st, other)
}

// TestOneReferencePerSnapshot, whatever it froze and however often it was opened.
func TestOneReferencePerSnapshot(t *testing.T) {
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	f := pages(1, 1)
	h := format.Hash64(f[0].Page)
	for _, id := range []string{"a", "b"} {
		s, err := Create(id, 10, someHeads, durable(d, st))
		require.NoError(t, err)
		require.NoError(t, s.Freeze(f))
		require.NoError(t, s.Close())
		s = mustOpen(t, id, 10, durable(d, st))
		require.NoError(t, s.Freeze(f))
		require.NoError(t, s.Close())
	}
	require.EqualValues(t, 2, st.Count(h))
	refs, err := References(d, root)
	require.NoError(t, err)
	require.Equal(t, map[uint64]uint32{h: 2}, refs)
	require.NoError(t, Remove("a", durable(d, st)))
	require.EqualValues(t, 1, countOf(t, d, f[0].Page))
	require.NoError(t, Remove("a", durable(d, st)))
	require.EqualValues(t, 1, countOf(t, d, f[0].Page))
}

// TestDamagedImageIsStoredAgain, with the references that it had.
func TestDamagedImageIsStoredAgain(t *testing.T) {
	d := fullStore(t, 2)
	must(d.FlipBit(storePath, 100, 1))
	st := mustStore(t, d)
	p := page(1, 1)
	corruptAt(t, st.Read(format.Hash64(p), make([]byte, pageSize)), format.StoreName, 0)
	h := add(t, st, p)
	require.EqualValues(t, 2, st.Count(h))
	requireImage(t, st, p)
	require.EqualValues(t, 3*imageStride, st.Bytes())
	require.NoError(t, st.Close())
}

func TestCountsDoNotWrap(t *testing.T) {
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	h := add(t, st, page(1, 1))
	require.NoError(t, st.Raise(map[uint64]uint32{h: math.MaxUint32}))
	require.NoError(t, st.Ref(h))
	require.NoError(t, st.Unref(h))
	require.EqualValues(t, uint32(math.MaxUint32), st.Count(h))
}

// TestUnnamedImageIsWrittenAgain: an image may be found in the page cache only,
// after its sync failed. Before a snapshot names it, it is on the disk.
func TestUnnamedImageIsWrittenAgain(t *testing.T) {
	for name, index := range map[string][]byte{"index lags": nil, "index torn": {1, 2, 3}} {
		d := fullStore(t, 1)
		if index != nil {
			require.NoError(t, d.WriteFile(storeIndexPath, index))
		}
		f := pages(2, 2)
		h, err := d.OpenFile(storePath, vfs.Write)
		require.NoError(t, err)
		_, err = h.WriteAt(format.AppendStoreFrame(nil, format.Hash64(f[0].Page), f[0].Page), imageStride)
		require.NoError(t, err)
		d.Inject(faultfs.Plan{{Kind: faultfs.KindSync, Effect: faultfs.EffectF1}})
		require.Error(t, h.Sync())
		d.Inject(nil)
		require.NoError(t, h.Close())

		d = d.State().Kill()
		st := mustStore(t, d)
		s, err := Create("a", 10, someHeads, durable(d, st))
		require.NoError(t, err)
		require.NoError(t, s.Freeze(f))
		require.EqualValues(t, 2*imageStride, st.Bytes(), name)
		require.NoError(t, entriesNameFrames(d.State().Crash(faultfs.None()), "a"), name)
	}
}
