package snap

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/stretchr/testify/require"
)

// keptAfter names which of pages 1 to 6 have a reference left in halfUsed.
var keptAfter = []uint64{2, 5, 6}

// halfUsedBefore is a durable disk with the snapshots "gone" and "a", which name
// one image both.
func halfUsedBefore(t *testing.T) *faultfs.FS {
	t.Helper()
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	keep := func(id string, frames []Frame) {
		s, err := Create(id, 10, someHeads, durable(d, st))
		require.NoError(t, err)
		require.NoError(t, s.Freeze(frames))
		require.NoError(t, s.Close())
	}
	keep("gone", pages(1, 1, 2, 2, 3, 3, 4, 4))
	keep("a", pages(2, 2, 5, 5, 6, 6))
	require.NoError(t, st.Close())
	d.SyncAll()
	d.ResetLog()
	return d
}

// halfUsed is a durable SnapStore in which half of the images has no reference,
// as the removal of a snapshot leaves it.
func halfUsed(t *testing.T) *faultfs.FS {
	t.Helper()
	d := halfUsedBefore(t)
	st := mustStore(t, d)
	require.NoError(t, Remove("gone", durable(d, st)))
	require.NoError(t, st.Close())
	d.SyncAll()
	d.ResetLog()
	return d
}

func compact(d *faultfs.FS) (before, after int64, dropped int, err error) {
	st, err := OpenStore(d, storeDir, pageSize, false)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() {
		if e := st.Close(); err == nil {
			err = e
		}
	}()
	refs, err := References(d, root)
	if err != nil {
		return 0, 0, 0, err
	}
	if err := st.Raise(refs); err != nil {
		return 0, 0, 0, err
	}
	return st.Compact()
}

func TestCompactKeepsWhatIsNamed(t *testing.T) {
	d := halfUsed(t)
	before, after, dropped, err := compact(d)
	require.NoError(t, err)
	require.EqualValues(t, 6*imageStride, before)
	require.EqualValues(t, 3*imageStride, after)
	require.Equal(t, 3, dropped)
	require.Len(t, readFile(t, d, storePath), 3*imageStride)
	require.NoError(t, judgeCompacted(d))

	digest := d.Digest()
	before, after, dropped, err = compact(d)
	require.NoError(t, err)
	require.Equal(t, []int64{3 * imageStride, 3 * imageStride, 0}, []int64{before, after, int64(dropped)})
	require.Equal(t, digest, d.Digest())
}

// judgeCompacted checks the files as they lie there, then what a handle sees.
func judgeCompacted(d *faultfs.FS) error {
	if err := storeIndexNamesFrames(d); err != nil {
		return err
	}
	st, err := OpenStore(d, storeDir, pageSize, false)
	if err != nil {
		return err
	}
	if st.Damage() != nil {
		return st.Damage()
	}
	buf := make([]byte, pageSize)
	for _, id := range keptAfter {
		h := format.Hash64(page(id, id))
		if err := st.Read(h, buf); err != nil || format.PageID(buf) != id {
			return fmt.Errorf("page %d: %w", id, err)
		}
		if st.Count(h) != 1 {
			return fmt.Errorf("page %d has %d references", id, st.Count(h))
		}
	}
	return st.Close()
}

// TestCrashInCompact: at every moment index.bin on the disk names whole frames of
// all that a snapshot needs, so that the original could go on too; and the next
// Compact finishes.
func TestCrashInCompact(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		base := halfUsed(t)
		d := base.State().Crash(faultfs.None()) // for a log that begins here
		if sector == 512 {
			d = halfUsedIn(t, base, sector)
		}
		_, _, _, err := compact(d)
		require.NoError(t, err)
		e := faultfs.Enum{Fixed: faultfs.ClassLock, MaxSubset: 6}
		sweep(t, d.Log(), e, nil, func(d *faultfs.FS, _ map[string]acknowledged) error {
			if err := judgeCompacted(d); err != nil {
				return err
			}
			if _, after, _, err := compact(d); err != nil || after != 3*imageStride {
				return fmt.Errorf("%d bytes after another compaction: %w", after, err)
			}
			return judgeCompacted(d)
		})
	}
}

// halfUsedIn copies the files to a disk with other sectors.
func halfUsedIn(t *testing.T, from *faultfs.FS, sector int) *faultfs.FS {
	t.Helper()
	d := newDisk(faultfs.Options{Sector: sector})
	for _, path := range from.List() {
		require.NoError(t, d.WriteFile(path, readFile(t, from, path)))
	}
	d.ResetLog()
	return d
}

// TestCompactErrors: whatever call fails, nothing that is named is lost, in this
// handle and on the disk, and the next Compact finishes.
func TestCompactErrors(t *testing.T) {
	eachFault(t, halfUsed(t), func(d *faultfs.FS) error {
		st, err := OpenStore(d, storeDir, pageSize, false)
		if err != nil {
			return err
		}
		refs, err := References(d, root)
		if err == nil {
			err = st.Raise(refs)
		}
		if err == nil {
			_, _, _, err = st.Compact()
		}
		if err == nil {
			return st.Close()
		}
		for _, id := range keptAfter {
			requireImage(t, st, page(id, id))
		}
		if !isSyncError(err) {
			// The handle goes on: another image, and another attempt while the
			// disk may hold what the failed one left.
			add(t, st, page(9, 9))
			require.NoError(t, st.Flush())
			require.NoError(t, storeIndexNamesFrames(d))
			require.NoError(t, st.Unref(format.Hash64(page(9, 9))))
			raise(t, d, st)
			_, after, _, again := st.Compact()
			require.NoError(t, again)
			require.EqualValues(t, 3*imageStride, after)
		} else {
			require.True(t, isSyncError(st.Add(format.Hash64(page(9, 9)), page(9, 9))))
		}
		_ = st.Close() // tells a failed sync again
		return err
	}, func(d *faultfs.FS, at string, err error) {
		require.Error(t, err, at)
		require.Zero(t, d.Handles()+d.Locks(), at)
		for _, image := range []*faultfs.FS{d.State().Crash(faultfs.None()), d} {
			require.NoError(t, judgeCompacted(image), at)
			_, after, _, err := compact(image)
			require.NoError(t, err, at)
			require.EqualValues(t, 3*imageStride, after, at)
			require.NoError(t, judgeCompacted(image), at)
		}
	})
}

// TestFailedCompactIsNotForgotten: the rename of the last index.bin was done and
// yet told as an error. The disk then names the copies, in what the handle takes
// for gaps; the next attempt may crash.
func TestFailedCompactIsNotForgotten(t *testing.T) {
	d := halfUsed(t)
	st := mustStore(t, d)
	raise(t, d, st)
	d.Inject(faultfs.Plan{{Kind: faultfs.KindRename, N: 2, Effect: faultfs.EffectDone}})
	_, _, _, err := st.Compact()
	require.ErrorIs(t, err, syscall.EIO)
	d.Inject(nil)
	d.ResetLog()
	_, _, _, err = st.Compact()
	require.NoError(t, err)
	require.NoError(t, st.Close())
	for state := range d.Log().Points() {
		for im := range state.Images(faultfs.Enum{Fixed: faultfs.ClassLock}) {
			require.NoError(t, judgeCompacted(im.FS()), "%v after %v", im, state.Record())
		}
	}
}

// TestCompactNeedsWholeFiles: it moves nothing where index.bin and store.bin
// contradict each other.
func TestCompactNeedsWholeFiles(t *testing.T) {
	d := halfUsed(t)
	st := mustStore(t, d)
	raise(t, d, st)
	h := format.Hash64(page(5, 5))
	at := st.images[h].off
	must(d.FlipBit(storePath, at, 1))
	before := readFile(t, d, storePath)
	_, _, _, err := st.Compact()
	corruptAt(t, err, format.StoreName, at)
	require.Equal(t, before, readFile(t, d, storePath))

	// A Recount passes over the image that is gone.
	refs, err := References(d, root)
	require.NoError(t, err)
	require.NoError(t, st.Recount(refs))
	_, after, _, err := st.Compact()
	require.NoError(t, err)
	require.EqualValues(t, 2*imageStride, after)
	requireImage(t, st, page(2, 2))
	requireImage(t, st, page(6, 6))
	add(t, st, page(5, 5))
	require.EqualValues(t, 2, st.Count(h), "one that a lives on, one of this test")
	require.NoError(t, st.Close())
}

// TestMoveDown: no frame is copied onto one that stays, and none is left behind
// a gap that it fits in.
func TestMoveDown(t *testing.T) {
	for pattern := range 1 << 8 {
		var frames []frame
		for i := range 8 {
			if pattern&(1<<i) != 0 {
				frames = append(frames, frame{uint64(i), span{int64(i) * 10, int64(i)*10 + 10}})
			}
		}
		taken := map[int64]bool{}
		for _, f := range frames {
			taken[f.off] = true
		}
		for _, m := range moveDown(frames) {
			require.False(t, taken[m.to])
			taken[m.to] = true
		}
		for i, f := range frames {
			require.Less(t, f.off, int64(len(frames))*10)
			for _, g := range frames[:i] {
				require.NotEqual(t, f.off, g.off)
			}
		}
	}
	// A page of another size stays where no gap is large enough.
	frames := []frame{{1, span{10, 20}}, {2, span{20, 40}}, {3, span{50, 60}}}
	require.Equal(t, []move{{from: frame{3, span{50, 60}}, to: 0}}, moveDown(frames))
}

// TestCompactMovesWholeFramesOnly: the frame that is to be moved is rotten, or two
// images claim the same bytes.
func TestCompactMovesWholeFramesOnly(t *testing.T) {
	d := halfUsed(t)
	st := mustStore(t, d)
	raise(t, d, st)
	at := st.images[format.Hash64(page(6, 6))].off
	must(d.FlipBit(storePath, at+2000, 1))
	_, _, _, err := st.Compact()
	corruptAt(t, err, format.StoreName, at)
	requireImage(t, st, page(2, 2))
	requireImage(t, st, page(5, 5))
	require.NoError(t, st.Close())
	require.Contains(t, rawImages(d), format.Hash64(page(1, 1)), "nothing was put in its place")

	d = newDisk(faultfs.Options{})
	inner := format.AppendStoreFrame(nil, format.Hash64(page(7, 7)), page(7, 7))
	outer := page(1, 1)
	copy(outer[3000:], inner[:format.StoreFrameHeaderSize])
	st = mustStore(t, d)
	add(t, st, page(9, 9))
	add(t, st, outer)
	add(t, st, page(2, 2))
	require.NoError(t, st.Unref(format.Hash64(page(9, 9))))
	off := int64(imageStride + format.StoreFrameHeaderSize + 3000)
	st.images[format.Hash64(page(7, 7))] = image{off: off, refs: 1}
	st.counted = true
	before := readFile(t, d, storePath)
	_, _, _, err = st.Compact()
	corruptAt(t, err, format.StoreName, off)
	require.Equal(t, before, readFile(t, d, storePath))
}
