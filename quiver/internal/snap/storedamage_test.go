package snap

import (
	"bytes"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/stretchr/testify/require"
)

// TestStoreIsFoundAgain: whatever became of index.bin, the images are found in
// store.bin, and Raise gives the counts that snapshots need.
func TestStoreIsFoundAgain(t *testing.T) {
	base := fullStore(t, 4)
	right := readFile(t, base, storeIndexPath)
	entries, err := format.DecodeStoreIndex(right)
	require.NoError(t, err)
	swapped := append([]format.StoreEntry{}, entries...)
	swapped[3].Offset, swapped[2].Offset = swapped[2].Offset, swapped[3].Offset
	far := append([]format.StoreEntry{}, entries...)
	far[1].Offset = 1 << 40
	refs := map[uint64]uint32{}
	for _, e := range entries {
		refs[e.Hash] = 1
	}
	for name, c := range map[string]struct {
		index  []byte
		damage bool
	}{
		"right":   {right, false},
		"gone":    {nil, false},
		"behind":  {right[:48], false},
		"torn":    {right[:50], true},
		"swapped": {format.EncodeStoreIndex(swapped), true},
		"far":     {format.EncodeStoreIndex(far), true},
	} {
		d := base.Snapshot()
		must(d.RemoveFile(storeIndexPath))
		if c.index != nil {
			require.NoError(t, d.WriteFile(storeIndexPath, c.index))
		}
		for _, readOnly := range []bool{true, false} {
			before := d.Digest()
			st, err := OpenStore(d, storeDir, pageSize, readOnly)
			require.NoError(t, err, name)
			require.Equal(t, c.damage, st.Damage() != nil, name)
			for i := range uint64(4) {
				requireImage(t, st, page(i+1, i+1))
			}
			if readOnly {
				require.NoError(t, st.Close())
				require.Equal(t, before, d.Digest(), name)
				continue
			}
			_, _, _, err = st.Compact()
			require.ErrorIs(t, err, ErrUncounted)
			require.NoError(t, st.Raise(refs))
			require.NoError(t, st.Close())
			require.Equal(t, right, readFile(t, d, storeIndexPath), name)
		}
	}
}

// TestWrongOffsetIsNoWrongPage: two images have each other's place, where opening
// does not look.
func TestWrongOffsetIsNoWrongPage(t *testing.T) {
	d := fullStore(t, 3)
	entries, err := format.DecodeStoreIndex(readFile(t, d, storeIndexPath))
	require.NoError(t, err)
	entries[0].Offset, entries[1].Offset = entries[1].Offset, entries[0].Offset
	require.NoError(t, d.WriteFile(storeIndexPath, format.EncodeStoreIndex(entries)))
	st := mustStore(t, d)
	h := format.Hash64(page(1, 1))
	corruptAt(t, st.Read(h, make([]byte, pageSize)), format.StoreName, imageStride)
	require.NoError(t, st.Recount(map[uint64]uint32{h: 1}))
	requireImage(t, st, page(1, 1))
	requireImage(t, st, page(2, 2))
	require.NoError(t, st.Close())
}

// TestImagesInTheMiddleAreFound: the original may have rewritten index.bin
// without what a crash of ours had left behind it, and appended more.
func TestImagesInTheMiddleAreFound(t *testing.T) {
	d := fullStore(t, 3)
	entries, err := format.DecodeStoreIndex(readFile(t, d, storeIndexPath))
	require.NoError(t, err)
	require.NoError(t, d.WriteFile(storeIndexPath, format.EncodeStoreIndex(entries[2:])))
	st := mustStore(t, d)
	require.Equal(t, 1, st.Images())
	h := format.Hash64(page(2, 2))
	require.NoError(t, st.Raise(map[uint64]uint32{h: 2, 77: 3}))
	require.NoError(t, st.Raise(map[uint64]uint32{h: 1}))
	require.EqualValues(t, 2, st.Count(h), "a backup of the original may have its own")
	requireImage(t, st, page(2, 2))
	_, after, dropped, err := st.Compact()
	require.NoError(t, err)
	require.Equal(t, 1, dropped)
	require.EqualValues(t, 2*imageStride, after)
	requireImage(t, st, page(2, 2))
	requireImage(t, st, page(3, 3))
	require.EqualValues(t, 3, st.Count(77), "counted for when it is added again")
	require.NoError(t, st.Recount(map[uint64]uint32{h: 1}))
	require.Zero(t, st.Count(format.Hash64(page(3, 3))))
	require.NoError(t, st.Close())
}

// TestTornStore: a torn frame is cut off, and what follows it is found or cut.
func TestTornStore(t *testing.T) {
	frame := format.AppendStoreFrame(nil, format.Hash64(page(9, 9)), page(9, 9))
	torn := append(bytes.Clone(frame[:2000]), make([]byte, imageStride-2000)...)
	for name, c := range map[string]struct {
		tail []byte
		size int64
	}{
		"torn":            {frame[:1000], 0},
		"zeros":           {make([]byte, 2*imageStride+9), 0},
		"whole":           {frame, imageStride},
		"whole, torn":     {append(bytes.Clone(frame), torn...), imageStride},
		"torn, whole":     {append(bytes.Clone(torn), frame...), 2 * imageStride},
		"known, repeated": {format.AppendStoreFrame(nil, format.Hash64(page(1, 1)), page(1, 1)), imageStride},
	} {
		d := fullStore(t, 2)
		b := readFile(t, d, storePath)
		require.NoError(t, d.WriteFile(storePath, append(b, c.tail...)))
		st := mustStore(t, d)
		require.EqualValues(t, 2*imageStride+c.size, st.Bytes(), name)
		require.Len(t, readFile(t, d, storePath), int(st.Bytes()), name)
		add(t, st, page(9, 9))
		for _, p := range [][]byte{page(1, 1), page(2, 2), page(9, 9)} {
			requireImage(t, st, p)
		}
		require.NoError(t, st.Close())
		require.NoError(t, storeIndexNamesFrames(d), name)
	}
}

// TestFramesOfAnotherSizeAreKept: two databases may have used the folder in turn.
// What index.bin names is looked for behind a damaged frame of any size.
func TestFramesOfAnotherSizeAreKept(t *testing.T) {
	large := bytes.Repeat([]byte("quiver__"), 1024)
	other := bytes.Repeat([]byte("__quiver"), 1024)
	var b []byte
	var entries []format.StoreEntry
	for _, p := range [][]byte{page(1, 1), large, other, page(2, 2)} {
		entries = append(entries, format.StoreEntry{Hash: format.Hash64(p), Offset: uint64(len(b)), Refs: 1})
		b = format.AppendStoreFrame(b, format.Hash64(p), p)
	}
	entries[0].Refs = 0
	b[entries[1].Offset+3000] ^= 1
	d := newDisk(faultfs.Options{})
	require.NoError(t, d.WriteFile(storePath, b))
	require.NoError(t, d.WriteFile(storeIndexPath, format.EncodeStoreIndex(entries)))
	st := mustStore(t, d)
	require.NoError(t, st.Damage())
	requireImage(t, st, page(2, 2))
	require.True(t, isCorrupt(st.Read(entries[2].Hash, make([]byte, pageSize))))
	refs := map[uint64]uint32{}
	for _, e := range entries[1:] {
		refs[e.Hash] = 1
	}
	require.NoError(t, st.Recount(refs))
	require.Equal(t, 3, st.Images())
	_, _, dropped, err := st.Compact()
	require.NoError(t, err)
	require.Equal(t, 1, dropped)
	require.NoError(t, st.Close())
	require.NoError(t, storeIndexNamesFrames(d))
	st, err = OpenStore(d, storeDir, 8192, false)
	require.NoError(t, err)
	buf := make([]byte, 8192)
	require.NoError(t, st.Read(entries[2].Hash, buf))
	require.Equal(t, other, buf)
	require.NoError(t, st.Close())
}

// TestImagesBehindJunk are found as long as index.bin cannot be trusted.
func TestImagesBehindJunk(t *testing.T) {
	d := fullStore(t, 1)
	b := readFile(t, d, storePath)
	require.NoError(t, d.WriteFile(storePath, append(b, "junk"...)))
	require.NoError(t, d.WriteFile(storeIndexPath, []byte("torn")))
	st := mustStore(t, d)
	require.Error(t, st.Damage())
	add(t, st, page(2, 2))
	require.NoError(t, st.sync())
	d = d.State().Crash(faultfs.None())
	st = mustStore(t, d)
	requireImage(t, st, page(1, 1))
	requireImage(t, st, page(2, 2))
}

// TestStoreWithoutFile: index.bin alone is all that was restored.
func TestStoreWithoutFile(t *testing.T) {
	d := fullStore(t, 2)
	must(d.RemoveFile(storePath))
	for _, readOnly := range []bool{true, false} {
		st, err := OpenStore(d, storeDir, pageSize, readOnly)
		require.NoError(t, err)
		require.Error(t, st.Damage())
		require.Zero(t, st.Images())
		require.True(t, isCorrupt(st.Read(format.Hash64(page(1, 1)), make([]byte, pageSize))))
		if !readOnly {
			require.EqualValues(t, 2, st.Count(add(t, st, page(1, 1))), "the one that it had, and this")
			requireImage(t, st, page(1, 1))
		}
		require.NoError(t, st.Close())
	}
}

// TestStoreAfterFailedSync: the SnapStore answers the error until it is opened
// again, also when it is closed, and writes nothing.
func TestStoreAfterFailedSync(t *testing.T) {
	d := fullStore(t, 1)
	st := mustStore(t, d)
	add(t, st, page(2, 2))
	d.Inject(faultfs.Plan{{Kind: faultfs.KindSyncData, Effect: faultfs.EffectF1}})
	require.True(t, isSyncError(st.Flush()))
	before := d.Digest()
	require.True(t, isSyncError(st.Flush()))
	require.True(t, isSyncError(st.Unref(1)))
	require.True(t, isSyncError(st.Recount(nil)))
	requireImage(t, st, page(1, 1))
	require.True(t, isSyncError(st.Close()))
	require.Equal(t, before, d.Digest())
	require.Zero(t, d.Handles()+d.Locks())
}

// TestStoreReadErrors: an error of the disk is no damage, which would be repaired.
func TestStoreReadErrors(t *testing.T) {
	d := fullStore(t, 3)
	entries, err := format.DecodeStoreIndex(readFile(t, d, storeIndexPath))
	require.NoError(t, err)
	require.NoError(t, d.WriteFile(storeIndexPath, format.EncodeStoreIndex(entries[:2])))
	before := d.Digest()
	for n := 1; ; n++ {
		d.Inject(faultfs.Plan{{Kind: faultfs.KindRead | faultfs.KindOpen | faultfs.KindSize | faultfs.KindStat, N: n, Errno: syscall.EIO}})
		st, err := OpenStore(d, storeDir, pageSize, false)
		if d.Fired()[0] == 0 {
			require.NoError(t, err)
			require.Greater(t, n, 6)
			d.Inject(faultfs.Plan{{Kind: faultfs.KindRead, Sticky: true, Errno: syscall.EIO}})
			p := page(1, 1)
			for _, err := range []error{
				st.Add(format.Hash64(p), p), st.Read(format.Hash64(p), make([]byte, pageSize)), st.Recount(nil),
			} {
				require.ErrorIs(t, err, syscall.EIO)
				require.False(t, isCorrupt(err))
			}
			d.Inject(nil)
			requireImage(t, st, p)
			require.NoError(t, st.Close())
			break
		}
		require.ErrorIs(t, err, syscall.EIO)
		require.False(t, isCorrupt(err))
		require.Equal(t, before, d.Digest())
		require.Zero(t, d.Handles()+d.Locks())
	}
}
