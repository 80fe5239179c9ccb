package snap

import (
	"io/fs"
	"sync"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/stretchr/testify/require"
)

var someHeads = []uint64{3, format.NoPage, 1}

func TestSnapshotKeepsPagesAndHeads(t *testing.T) {
	d := newDisk(faultfs.Options{})
	s, err := Create("p-1-1", 10, someHeads, durable(d, nil))
	require.NoError(t, err)
	first, second := pages(1, 5, 2, 10), pages(7, 1)
	require.NoError(t, s.Freeze(first))
	require.False(t, s.Has(7))
	require.NoError(t, s.Freeze(second))
	all := append(first, second...)
	requireHolds(t, s, all...)
	ok, err := s.Read(99, make([]byte, pageSize))
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, 3, s.Pages())
	require.EqualValues(t, 3*frameStride, s.Bytes())
	require.NoError(t, s.Close())

	for _, readOnly := range []bool{true, false} {
		before := d.Digest()
		s, err = Open("p-1-1", 10, durable(d, nil), readOnly)
		require.NoError(t, err)
		require.Equal(t, before, d.Digest(), "a whole snapshot needs no repair")
		require.Equal(t, someHeads, s.Heads())
		require.Equal(t, "p-1-1", s.ID())
		require.EqualValues(t, 10, s.LSN())
		requireHolds(t, s, all...)
		if !readOnly {
			more := pages(8, 2)
			require.NoError(t, s.Freeze(more))
			requireHolds(t, s, append(all, more...)...)
			require.Len(t, readFile(t, d, inFolder("p-1-1", format.IndexName)), 4*format.FrozenEntrySize)
		} else {
			require.ErrorIs(t, s.Freeze(pages(8, 2)), fs.ErrPermission)
			require.Equal(t, before, d.Digest())
		}
		require.NoError(t, s.Close())
	}
	require.Zero(t, d.Handles())
}

func TestFreezeIsOncePerPage(t *testing.T) {
	d := newDisk(faultfs.Options{})
	s, err := Create("a", 10, nil, fleeting(d, nil))
	require.NoError(t, err)
	require.NoError(t, s.Freeze(append(pages(1, 5, 2, 6), pages(1, 5)...)))
	require.NoError(t, s.Freeze(pages(2, 6)))
	require.EqualValues(t, 2*frameStride, s.Bytes())
	require.Len(t, readFile(t, d, inFolder("a", format.FreezeName)), 2*frameStride)
}

func TestFreezeRefusesWhatIsNoPageOfTheSnapshot(t *testing.T) {
	d := newDisk(faultfs.Options{})
	s, err := Create("a", 10, nil, fleeting(d, nil))
	require.NoError(t, err)
	good := page(1, 5)
	for name, f := range map[string]Frame{
		"newer than the snapshot": {PageID: 1, LSN: 11, Page: page(1, 11)},
		"another page":            {PageID: 2, LSN: 5, Page: good},
		"another LSN":             {PageID: 1, LSN: 6, Page: good},
		"short":                   {PageID: 1, LSN: 5, Page: good[:512]},
		"zeros":                   {Page: make([]byte, pageSize)},
	} {
		require.Error(t, s.Freeze([]Frame{{PageID: 3, LSN: 3, Page: page(3, 3)}, f}), name)
		require.False(t, s.Has(3), name)
	}
	require.Empty(t, d.List())
}

// TestFleetingSnapshotMakesNoFileBeforeItFreezes: most live shorter than the
// next overwrite.
func TestFleetingSnapshotMakesNoFileBeforeItFreezes(t *testing.T) {
	d := newDisk(faultfs.Options{})
	s, err := Create("a", 10, someHeads, fleeting(d, nil))
	require.NoError(t, err)
	require.Equal(t, someHeads, s.Heads())
	require.NoError(t, Remove("a", fleeting(d, nil)))
	ids, err := List(d, root)
	require.NoError(t, err)
	require.Empty(t, ids)
	frames := pages(1, 1, 2, 2)
	require.NoError(t, s.Freeze(frames))
	requireHolds(t, s, frames...)
	require.Zero(t, d.Count(faultfs.KindFsync, 0), "nothing here outlives the process")
	require.NoError(t, s.Close())
	require.NoError(t, Remove("a", fleeting(d, nil)))
	require.Empty(t, d.List())
	ids, err = List(d, root)
	require.NoError(t, err)
	require.Empty(t, ids)
}

// TestCreateTakesNoFolderOver: what a dead process left is another snapshot.
func TestCreateTakesNoFolderOver(t *testing.T) {
	for _, opt := range []func(*faultfs.FS, *Store) Options{durable, fleeting} {
		d := newDisk(faultfs.Options{})
		s, err := Create("a", 10, someHeads, durable(d, nil))
		require.NoError(t, err)
		require.NoError(t, s.Freeze(pages(1, 1)))
		before := d.Digest()
		_, err = Create("a", 20, someHeads, opt(d, nil))
		require.ErrorIs(t, err, fs.ErrExist)
		require.Equal(t, before, d.Digest())
		_, err = Open("a", 20, opt(d, nil), false)
		corruptAt(t, err, headsName, format.DirSize(len(someHeads)))
	}
}

func TestIDsAreNoPaths(t *testing.T) {
	d := newDisk(faultfs.Options{})
	for _, id := range []string{"", ".", "..", "../x", "a/b"} {
		_, err := Create(id, 1, nil, durable(d, nil))
		require.Error(t, err)
		_, err = Open(id, 1, durable(d, nil), true)
		require.Error(t, err)
		require.Error(t, Remove(id, durable(d, nil)))
		require.Error(t, SaveRegistry(d, root, []format.Snapshot{{ID: id}}))
	}
	_, err := Open("none", 1, durable(d, nil), false)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestClosedSnapshot(t *testing.T) {
	d := newDisk(faultfs.Options{})
	s, err := Create("a", 10, nil, fleeting(d, nil))
	require.NoError(t, err)
	require.NoError(t, s.Freeze(pages(1, 1)))
	require.NoError(t, s.Close())
	_, err = s.Read(1, make([]byte, pageSize))
	require.ErrorIs(t, err, fs.ErrClosed)
	require.ErrorIs(t, s.Freeze(pages(2, 1)), fs.ErrClosed)
	require.Zero(t, d.Handles())
}

// TestLargeFreeze takes more than one write, and more than one read to open.
func TestLargeFreeze(t *testing.T) {
	d := newDisk(faultfs.Options{})
	s, err := Create("a", 1000, someHeads, durable(d, nil))
	require.NoError(t, err)
	var frames []Frame
	for i := range uint64(600) {
		frames = append(frames, pages(i, i+1)...)
	}
	require.NoError(t, s.Freeze(frames[:1]))
	require.NoError(t, s.Freeze(frames[1:]))
	requireHolds(t, s, frames...)
	require.NoError(t, s.Close())
	s = mustOpen(t, "a", 1000, durable(d, nil))
	requireHolds(t, s, frames...)
}

// TestReadersBesideFreeze is for the race detector.
func TestReadersBesideFreeze(t *testing.T) {
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	s, err := Create("a", 1000, nil, fleeting(d, st))
	require.NoError(t, err)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			buf := make([]byte, pageSize)
			for id := uint64(0); id < 40; {
				if !s.Has(id) {
					s.Pages()
					s.Bytes()
					continue
				}
				if ok, err := s.Read(id, buf); err != nil || !ok || format.PageID(buf) != id {
					t.Errorf("page %d: %v %v", id, ok, err)
				}
				id++
			}
		})
	}
	for i := range uint64(40) {
		require.NoError(t, s.Freeze(pages(i, i+1)))
	}
	readers.Wait()
	require.NoError(t, s.Close())
	require.NoError(t, st.Close())
}
