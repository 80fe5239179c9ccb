package snap

import (
	"bytes"
	"os"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/stretchr/testify/require"
)

// frozenDisk has the durable snapshot "a" of LSN 10 with these pages.
func frozenDisk(t *testing.T, dedup bool, frames ...Frame) *faultfs.FS {
	t.Helper()
	d := newDisk(faultfs.Options{})
	var st *Store
	if dedup {
		st = mustStore(t, d)
	}
	s, err := Create("a", 10, someHeads, durable(d, st))
	require.NoError(t, err)
	for _, f := range frames {
		require.NoError(t, s.Freeze([]Frame{f}))
	}
	require.NoError(t, s.Close())
	if dedup {
		require.NoError(t, st.Close())
	}
	d.SyncAll()
	return d
}

// TestDamagedFrame: a flipped bit anywhere in a frame that was acknowledged is
// told with its place, costs no other page, and is mended by another Freeze.
func TestDamagedFrame(t *testing.T) {
	frames := pages(1, 1, 2, 2, 3, 3)
	base := frozenDisk(t, false, frames...)
	for i, f := range frames {
		for _, in := range []int64{0, 8, 16, 20, 24, 24 + 12, 24 + 36, 24 + 60, 24 + 3000, 24 + 4095} {
			off := int64(i) * frameStride
			d := base.Snapshot()
			require.NoError(t, d.FlipBit(inFolder("a", format.FreezeName), off+in, 3))
			for _, readOnly := range []bool{true, false} {
				s, err := Open("a", 10, durable(d, nil), readOnly)
				require.NoError(t, err)
				require.Equal(t, 2, s.Pages())
				require.False(t, s.Has(f.PageID))
				ok, err := s.Read(f.PageID, make([]byte, pageSize))
				require.False(t, ok)
				corruptAt(t, err, format.FreezeName, off)
				for j, other := range frames {
					if j != i {
						requireHolds(t, s, other)
					}
				}
				if !readOnly {
					require.EqualValues(t, 3*frameStride, s.Bytes(), "what was acknowledged is not cut off")
					require.NoError(t, s.Freeze([]Frame{f}))
					requireHolds(t, s, frames...)
				}
				require.NoError(t, s.Close())
			}
			s := mustOpen(t, "a", 10, durable(d, nil))
			requireHolds(t, s, frames...)
			require.NoError(t, s.Close())
		}
	}
}

// TestDamageUnderAnOpenSnapshot: what rots after the frame was checked is found
// by the Read.
func TestDamageUnderAnOpenSnapshot(t *testing.T) {
	frames := pages(1, 1, 2, 2)
	for _, in := range []int64{0, 8, 16, 20, 24 + 12, 24 + 36, 24 + 3000} {
		d := frozenDisk(t, false, frames...)
		s := mustOpen(t, "a", 10, durable(d, nil))
		require.NoError(t, d.FlipBit(inFolder("a", format.FreezeName), frameStride+in, 0))
		requireHolds(t, s, frames[0])
		ok, err := s.Read(2, make([]byte, pageSize))
		require.False(t, ok)
		corruptAt(t, err, format.FreezeName, frameStride)
	}
	// A whole frame of another page, or a file that got shorter.
	d := frozenDisk(t, false, frames...)
	s := mustOpen(t, "a", 10, durable(d, nil))
	path := inFolder("a", format.FreezeName)
	b := readFile(t, d, path)
	for _, f := range []Frame{pages(3, 2)[0], pages(2, 3)[0], pages(2, 11)[0]} {
		swapped := format.AppendFrame(bytes.Clone(b[:frameStride]), f.PageID, f.LSN, f.Page)
		require.NoError(t, d.WriteFile(path, swapped))
		_, err := s.Read(2, make([]byte, pageSize))
		corruptAt(t, err, format.FreezeName, frameStride)
	}
	require.NoError(t, d.TruncateFile(path, frameStride+100))
	_, err := s.Read(2, make([]byte, pageSize))
	corruptAt(t, err, format.FreezeName, frameStride)
}

// TestDamageIsReadFromTheSnapStore where the page has a second copy.
func TestDamageIsReadFromTheSnapStore(t *testing.T) {
	frames := pages(1, 1, 2, 2, 3, 3)
	base := frozenDisk(t, true, frames...)
	damage := map[string]func(d *faultfs.FS){
		"gone":    func(d *faultfs.FS) { must(d.RemoveFile(inFolder("a", format.FreezeName))) },
		"shorter": func(d *faultfs.FS) { must(d.TruncateFile(inFolder("a", format.FreezeName), frameStride+7)) },
		"rotten":  func(d *faultfs.FS) { must(d.FlipBit(inFolder("a", format.FreezeName), frameStride+99, 1)) },
	}
	for name, do := range damage {
		d := base.Snapshot()
		do(d)
		st := mustStore(t, d)
		s := mustOpen(t, "a", 10, durable(d, st))
		requireHolds(t, s, frames...)
		more := pages(4, 4)
		require.NoError(t, s.Freeze(more), name)
		require.NoError(t, s.Close())
		s = mustOpen(t, "a", 10, durable(d, st))
		requireHolds(t, s, append(more, frames...)...)
		if name != "rotten" { // where the entry keeps naming the damaged frame
			require.NoError(t, entriesNameFrames(d, "a"), name)
		}

		// Rot of both copies while they are open: freeze.bin is named first.
		must(d.FlipBit("/db/.snapstore/"+format.StoreName, imageStride+50, 1))
		_, err := s.Read(2, make([]byte, pageSize))
		require.True(t, isCorrupt(err), name)
		requireHolds(t, s, frames[0], frames[2])
		require.NoError(t, s.Close())

		// Found so by the next Open, both copies are mended by another Freeze,
		// under the one reference that the snapshot has.
		healed := d.State().Kill()
		again := mustStore(t, healed)
		s = mustOpen(t, "a", 10, durable(healed, again))
		require.False(t, s.Has(2), name)
		_, err = s.Read(2, make([]byte, pageSize))
		require.True(t, isCorrupt(err), name)
		require.NoError(t, s.Freeze(frames), name)
		requireHolds(t, s, frames...)
		requireImage(t, again, frames[1].Page)
		require.EqualValues(t, 1, again.Count(format.Hash64(frames[1].Page)), name)
		require.NoError(t, s.Close())
		require.NoError(t, st.Close())

		// Without the SnapStore it is told what is missing.
		s = mustOpen(t, "a", 10, durable(d, nil))
		ok, err := s.Read(2, make([]byte, pageSize))
		require.False(t, ok, name)
		require.True(t, isCorrupt(err), name)
	}
}

// TestLastHashWins: the SnapStore may be all that is left, and then the last
// entry of a page counts.
func TestLastHashWins(t *testing.T) {
	frames := pages(1, 1)
	d := frozenDisk(t, true, frames...)
	other := page(1, 2)
	st := mustStore(t, d)
	require.NoError(t, st.Add(format.Hash64(other), other))
	path := inFolder("a", format.HashIndexName)
	b := format.AppendFrozenEntry(readFile(t, d, path), format.FrozenEntry{PageID: 1, Where: format.Hash64(other), LSN: 2})
	require.NoError(t, d.WriteFile(path, b))
	requireHolds(t, mustOpen(t, "a", 10, durable(d, st)), frames...) // freeze.bin comes first
	must(d.RemoveFile(inFolder("a", format.FreezeName)))
	requireHolds(t, mustOpen(t, "a", 10, durable(d, st)), Frame{PageID: 1, LSN: 2, Page: other})
	// Entries of zeros and a part of an entry are no entries.
	require.NoError(t, d.WriteFile(path, append(b, make([]byte, 30)...)))
	s := mustOpen(t, "a", 10, durable(d, st))
	requireHolds(t, s, Frame{PageID: 1, LSN: 2, Page: other})
	ok, err := s.Read(0, make([]byte, pageSize))
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, b, readFile(t, d, path))
}

// TestTornTail: behind the last frame that index.bin names anything may stand.
func TestTornTail(t *testing.T) {
	frames := pages(1, 1, 2, 2)
	base := frozenDisk(t, false, frames...)
	path := inFolder("a", format.FreezeName)
	whole := readFile(t, base, path)
	next := format.AppendFrame(nil, 3, 3, page(3, 3))
	rotten := page(3, 3)
	rotten[3000] ^= 1
	for name, tail := range map[string][]byte{
		"a byte":              {1},
		"a part":              next[:2000],
		"zeros":               make([]byte, 3*frameStride),
		"torn, then whole":    append(append(bytes.Clone(next[:3000]), make([]byte, frameStride-3000)...), next...),
		"of a later snapshot": format.AppendFrame(nil, 3, 11, page(3, 11)),
		"no page":             format.AppendFrame(nil, 3, 3, make([]byte, pageSize)),
		"of a damaged page":   format.AppendFrame(nil, 3, 3, rotten),
		"of another LSN":      format.AppendFrame(nil, 3, 4, page(3, 3)),
	} {
		d := base.Snapshot()
		require.NoError(t, d.WriteFile(path, append(bytes.Clone(whole), tail...)))
		before := d.Digest()
		s, err := Open("a", 10, durable(d, nil), true)
		require.NoError(t, err, name)
		require.Equal(t, 2, s.Pages(), name)
		requireHolds(t, s, frames...)
		require.Equal(t, before, d.Digest(), name)
		s = mustOpen(t, "a", 10, durable(d, nil))
		requireHolds(t, s, frames...)
		require.Equal(t, whole, readFile(t, d, path), name)
		require.NoError(t, s.Freeze(pages(5, 5)), name)
		require.NoError(t, entriesNameFrames(d, "a"), name)
	}
}

// TestUnnamedFrameIsWrittenAgain: a frame may be found in the page cache only,
// after its sync failed. Before it counts it is on the disk.
func TestUnnamedFrameIsWrittenAgain(t *testing.T) {
	d := frozenDisk(t, false, pages(1, 1)...)
	path := inFolder("a", format.FreezeName)
	h, err := d.OpenFile(path, vfs.Write)
	require.NoError(t, err)
	_, err = h.WriteAt(format.AppendFrame(nil, 3, 3, page(3, 3)), frameStride)
	require.NoError(t, err)
	d.Inject(faultfs.Plan{{Kind: faultfs.KindSync, Effect: faultfs.EffectF1}})
	require.Error(t, h.Sync())
	d.Inject(nil)
	require.NoError(t, h.Close())
	after := d.State().Kill()
	s := mustOpen(t, "a", 10, durable(after, nil))
	requireHolds(t, s, pages(1, 1, 3, 3)...)
	require.NoError(t, entriesNameFrames(after, "a"))
	power := after.State().Crash(faultfs.None())
	requireHolds(t, mustOpen(t, "a", 10, durable(power, nil)), pages(1, 1, 3, 3)...)
}

// TestIndexIsMadeFromTheFrames, whatever became of it.
func TestIndexIsMadeFromTheFrames(t *testing.T) {
	frames := pages(1, 1, 2, 2, 3, 3)
	base := frozenDisk(t, false, frames...)
	path := inFolder("a", format.IndexName)
	right := readFile(t, base, path)
	wrong := bytes.Clone(right)
	wrong[24] ^= 4 // another page
	far := bytes.Clone(right)
	far[24+8+4] = 1 // behind the end
	for name, b := range map[string][]byte{
		"gone": nil, "empty": {}, "shorter": right[:24], "torn": right[:30],
		"zeros": append(bytes.Clone(right), make([]byte, 48)...), "wrong page": wrong, "behind the end": far,
	} {
		d := base.Snapshot()
		if b == nil {
			must(d.RemoveFile(path))
		} else {
			require.NoError(t, d.WriteFile(path, b))
		}
		s := mustOpen(t, "a", 10, durable(d, nil))
		requireHolds(t, s, frames...)
		require.Equal(t, right, readFile(t, d, path), name)
	}
}

func TestDamagedHeads(t *testing.T) {
	base := frozenDisk(t, false)
	path := inFolder("a", headsName)
	b := readFile(t, base, path)
	for i := range int64(len(b)) * 8 {
		d := base.Snapshot()
		require.NoError(t, d.FlipBit(path, i/8, uint(i%8)))
		_, err := Open("a", 10, durable(d, nil), true)
		require.True(t, isCorrupt(err), "bit %d: %v", i, err)
	}
	for n := range len(b) {
		d := base.Snapshot()
		require.NoError(t, d.WriteFile(path, b[:n]))
		_, err := Open("a", 10, durable(d, nil), true)
		require.True(t, isCorrupt(err), "%d bytes: %v", n, err)
	}
	d := base.Snapshot()
	must(d.RemoveFile(path)) // a snapshot of the original has none
	s := mustOpen(t, "a", 10, durable(d, nil))
	require.Nil(t, s.Heads())
	_, err := d.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}
