package snap

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/stretchr/testify/require"
)

// eachFault runs work on copies of a disk and lets each of its changing calls
// fail in turn, in several ways. Judge sees the disk without faults afterwards,
// and the error of work.
func eachFault(t *testing.T, base *faultfs.FS, work func(*faultfs.FS) error, judge func(d *faultfs.FS, at string, err error)) {
	t.Helper()
	const changing = faultfs.KindOpen | faultfs.KindCreate | faultfs.KindMkdir | faultfs.KindRemove | faultfs.KindRename |
		faultfs.KindSyncDir | faultfs.KindWrite | faultfs.KindTruncate | faultfs.KindSync | faultfs.KindSyncData
	dry := base.Snapshot()
	require.NoError(t, work(dry))
	tried := 0
	seen := map[faultfs.Kind]int{}
	for _, r := range dry.Log().Records() {
		seen[r.Kind]++
		if r.Kind&changing == 0 || r.Err != nil {
			continue // or the name was there already, or not there: nothing was asked of it
		}
		for _, f := range faultsFor(r.Kind) {
			f.Kind, f.N = r.Kind, seen[r.Kind]
			d := base.Snapshot()
			d.Inject(faultfs.Plan{f})
			err := work(d)
			require.Equal(t, 1, d.Fired()[0])
			d.Inject(nil)
			judge(d, fmt.Sprintf("%v %v", faultfs.Plan{f}, r), err)
			tried++
		}
	}
	require.Greater(t, tried, 10)
}

func faultsFor(k faultfs.Kind) []faultfs.Fault {
	faults := []faultfs.Fault{
		{Errno: syscall.EIO},
		{Errno: syscall.ENOSPC},
		{Errno: syscall.EIO, Effect: faultfs.EffectDone},
	}
	switch {
	case k&faultfs.KindFsync != 0:
		faults = append(faults, faultfs.Fault{Effect: faultfs.EffectF1}, faultfs.Fault{Effect: faultfs.EffectF5},
			faultfs.Fault{Effect: faultfs.EffectF5, Keep: 0xAAAAAAAAAAAAAAAA})
	case k == faultfs.KindWrite:
		faults = append(faults, faultfs.Fault{Errno: syscall.ENOSPC, Effect: faultfs.EffectAfter, Bytes: 700})
	}
	return faults
}

// TestFreezeErrors: whatever call fails, the Freeze tells it and nothing of it
// counts, in this handle; what was frozen before stays; unless a sync failed the
// Freeze can be repeated; and the next process finds all that was acknowledged.
func TestFreezeErrors(t *testing.T) {
	base := newDisk(faultfs.Options{})
	st := mustStore(t, base)
	s, err := Create("a", 10, someHeads, durable(base, st))
	require.NoError(t, err)
	before, failing := pages(1, 1, 2, 2), pages(3, 3, 4, 4, 5, 5)
	require.NoError(t, s.Freeze(before))
	require.NoError(t, s.Close())
	require.NoError(t, st.Close())

	var run struct {
		st     *Store
		s      *Sidecar
		opened int // calls before the Freeze
	}
	work := func(d *faultfs.FS) error {
		var err error
		run.s = nil
		if run.st, err = OpenStore(d, storeDir, pageSize, false); err != nil {
			return err
		}
		if run.s, err = Open("a", 10, durable(d, run.st), false); err != nil {
			return errors.Join(err, run.st.Close())
		}
		return run.s.Freeze(failing)
	}
	eachFault(t, base, work, func(d *faultfs.FS, at string, err error) {
		require.Error(t, err, at)
		if run.s == nil {
			require.Zero(t, d.Handles(), at)
			reopenAfterFault(t, d, at, before, nil)
			return
		}
		for _, f := range failing {
			require.False(t, run.s.Has(f.PageID), at)
			ok, err := run.s.Read(f.PageID, make([]byte, pageSize))
			require.NoError(t, err, at)
			require.False(t, ok, at)
		}
		requireHolds(t, run.s, before...)
		after := failing[2:] // fewer than before, so that old frames lie behind them
		err = run.s.Freeze(after)
		if isSyncError(err) {
			require.True(t, isSyncError(run.s.err), at)
			after = nil
		} else {
			require.NoError(t, err, at)
			requireHolds(t, run.s, after...)
			require.NoError(t, entriesNameFrames(d, "a"), at)
			for _, f := range failing[:2] {
				require.Zero(t, run.st.Count(format.Hash64(f.Page)), at)
			}
		}
		require.NoError(t, run.s.Close(), at)
		_ = run.st.Close() // tells the failed sync again
		require.Zero(t, d.Handles()+d.Locks(), at)
		reopenAfterFault(t, d, at, before, after)
	})
}

// reopenAfterFault: the power fails after the error, with everything lost that
// may be, and the next process opens what is left.
func reopenAfterFault(t *testing.T, d *faultfs.FS, at string, acked ...[]Frame) {
	t.Helper()
	for _, image := range []*faultfs.FS{d, d.State().Crash(faultfs.None())} {
		require.NoError(t, entriesNameFrames(image, "a"), at)
		st := mustStore(t, image)
		s := mustOpen(t, "a", 10, durable(image, st))
		for _, frames := range acked {
			requireHolds(t, s, frames...)
		}
		all := pages(1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6)
		require.NoError(t, s.Freeze(all), at)
		requireHolds(t, s, all...)
		require.NoError(t, s.Close())
		require.NoError(t, st.Close())
	}
}

// TestFailedSyncIsNotTriedAgain: the disk works again, and yet the handle does
// not, because nothing is known about what the sync covered.
func TestFailedSyncIsNotTriedAgain(t *testing.T) {
	for _, class := range []faultfs.Kind{faultfs.KindSyncData, faultfs.KindSyncDir} {
		d := newDisk(faultfs.Options{})
		s, err := Create("a", 10, someHeads, durable(d, nil))
		require.NoError(t, err)
		d.Inject(faultfs.Plan{{Kind: class, Errno: syscall.EIO}})
		first := s.Freeze(pages(1, 1))
		require.True(t, isSyncError(first))
		require.ErrorIs(t, first, syscall.EIO)
		again := s.Freeze(pages(2, 2))
		require.True(t, isSyncError(again))
		require.Equal(t, 1, d.Fired()[0])
		require.Zero(t, s.Pages())
	}
}

// TestFullDisk: a Freeze that does not fit gives its room back.
func TestFullDisk(t *testing.T) {
	for _, dedup := range []bool{false, true} {
		d := newDisk(faultfs.Options{})
		var st *Store
		if dedup {
			st = mustStore(t, d)
		}
		s, err := Create("a", 100, someHeads, durable(d, st))
		require.NoError(t, err)
		require.NoError(t, s.Freeze(pages(1, 1, 2, 2)))
		used := d.Used()
		d.SetBudget(used + 5*4096)
		var many []Frame
		for i := range uint64(20) {
			many = append(many, pages(10+i, i+1)...)
		}
		err = s.Freeze(many)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.False(t, isSyncError(err))
		if !dedup {
			require.Equal(t, used, d.Used())
		}
		requireHolds(t, s, pages(1, 1, 2, 2)...)
		d.SetBudget(0)
		require.NoError(t, s.Freeze(many))
		requireHolds(t, s, many...)
		require.NoError(t, entriesNameFrames(d, "a"))
		if dedup {
			require.EqualValues(t, 1, st.Count(format.Hash64(many[0].Page)))
		}
	}
}

// TestCreateErrors: a Create that failed leaves nothing in the way of another.
func TestCreateErrors(t *testing.T) {
	eachFault(t, newDisk(faultfs.Options{}), func(d *faultfs.FS) error {
		s, err := Create("a", 10, someHeads, durable(d, nil))
		if err != nil {
			return err
		}
		return s.Close()
	}, func(d *faultfs.FS, at string, err error) {
		require.Error(t, err, at)
		ids, err := List(d, root)
		require.NoError(t, err, at)
		if !strings.HasPrefix(at, "mkdir") { // which may have been done
			require.Empty(t, ids, at)
		}
		require.NoError(t, Remove("a", durable(d, nil)), at)
		s, err := Create("a", 11, someHeads, durable(d, nil))
		require.NoError(t, err, at)
		require.NoError(t, s.Freeze(pages(1, 1)), at)
		require.NoError(t, s.Close(), at)
		require.Zero(t, d.Handles(), at)
	})
}

// TestReadErrors: an error of the disk is told as such, not as damage.
func TestReadErrors(t *testing.T) {
	d := newDisk(faultfs.Options{})
	s, err := Create("a", 10, someHeads, durable(d, nil))
	require.NoError(t, err)
	require.NoError(t, s.Freeze(pages(1, 1)))
	for n := 1; n <= 2; n++ {
		d.Inject(faultfs.Plan{{Kind: faultfs.KindRead, N: n, Errno: syscall.EIO}})
		ok, err := s.Read(1, make([]byte, pageSize))
		require.False(t, ok)
		require.ErrorIs(t, err, syscall.EIO)
		require.False(t, isCorrupt(err))
	}
	require.NoError(t, s.Close())
	for n := 1; ; n++ {
		d.Inject(faultfs.Plan{{Kind: faultfs.KindRead | faultfs.KindOpen | faultfs.KindSize | faultfs.KindStat, N: n, Errno: syscall.EIO}})
		s, err := Open("a", 10, durable(d, nil), true)
		if d.Fired()[0] == 0 {
			require.NoError(t, err)
			require.Greater(t, n, 6)
			break
		}
		require.ErrorIs(t, err, syscall.EIO)
		require.NotErrorIs(t, err, fs.ErrNotExist)
		require.Nil(t, s)
		require.Zero(t, d.Handles())
	}
}

// TestReferencesStayWithTheirEntry: the entry of hashindex.bin was written, yet
// told as an error, and could not be cut off again: its image must stay.
func TestReferencesStayWithTheirEntry(t *testing.T) {
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	s, err := Create("a", 10, someHeads, durable(d, st))
	require.NoError(t, err)
	f := pages(1, 1)
	h := format.Hash64(f[0].Page)
	d.Inject(faultfs.Plan{
		{Kind: faultfs.KindWrite, N: 4, Effect: faultfs.EffectDone}, // behind store.bin, freeze.bin and index.bin
		{Kind: faultfs.KindTruncate, Sticky: true},
	})
	require.ErrorIs(t, s.Freeze(f), syscall.EIO)
	d.Inject(nil)
	refs, err := References(d, root)
	require.NoError(t, err)
	require.EqualValues(t, 1, refs[h])
	require.EqualValues(t, 1, st.Count(h))
	require.NoError(t, s.Freeze(pages(2, 2)))
	require.NoError(t, entriesNameFrames(d, "a"))
	refs, err = References(d, root)
	require.NoError(t, err)
	require.Zero(t, refs[h])
}

// TestCrashAfterAFailedFreeze: the place of frames whose index entry was written
// and cut off again is used for other frames. No crash brings the entry back.
func TestCrashAfterAFailedFreeze(t *testing.T) {
	d := newDisk(faultfs.Options{})
	st := mustStore(t, d)
	s, err := Create("a", 10, someHeads, durable(d, st))
	require.NoError(t, err)
	require.NoError(t, s.Freeze(pages(1, 1)))
	acks := []acknowledged{{seq: d.Seq(), id: "a", lsn: 10, frames: pages(1, 1)}}
	d.Inject(faultfs.Plan{{Kind: faultfs.KindWrite, N: 4, Errno: syscall.ENOSPC}}) // in hashindex.bin
	require.ErrorIs(t, s.Freeze(pages(2, 2)), syscall.ENOSPC)
	d.Inject(nil)
	require.NoError(t, s.Freeze(pages(3, 3)))
	acks = append(acks, acknowledged{seq: d.Seq(), id: "a", lsn: 10, frames: pages(3, 3)})
	require.NoError(t, s.Close())
	require.NoError(t, st.Close())
	sweep(t, d.Log(), faultfs.Enum{Fixed: faultfs.ClassLock}, acks, func(d *faultfs.FS, p map[string]acknowledged) error {
		return judgeCrash(d, p, true)
	})
}

// TestRepairErrors: whatever call of an Open fails that has something to repair,
// the next one repairs it.
func TestRepairErrors(t *testing.T) {
	frames := pages(1, 1, 2, 2, 3, 3)
	base := frozenDisk(t, true, frames...)
	grow := func(file string, tail []byte) {
		path := inFolder("a", file)
		must(base.WriteFile(path, append(readFile(t, base, path), tail...)))
	}
	grow(format.FreezeName, make([]byte, 100))
	must(base.TruncateFile(inFolder("a", format.IndexName), format.FrozenEntrySize+5))
	grow(format.HashIndexName, make([]byte, 7))
	eachFault(t, base, func(d *faultfs.FS) error {
		s, err := Open("a", 10, durable(d, nil), false)
		if err != nil {
			return err
		}
		return s.Close()
	}, func(d *faultfs.FS, at string, err error) {
		require.Error(t, err, at)
		require.Zero(t, d.Handles(), at)
		reopenAfterFault(t, d, at, frames)
	})
}

// TestRemoveErrors: whatever call of a Remove fails, it can be run again, and no
// reference that another snapshot needs is taken.
func TestRemoveErrors(t *testing.T) {
	eachFault(t, halfUsedBefore(t), func(d *faultfs.FS) error {
		st, err := OpenStore(d, storeDir, pageSize, false)
		if err != nil {
			return err
		}
		err = Remove("gone", durable(d, st))
		_ = st.Close() // tells a failed sync again
		return err
	}, func(d *faultfs.FS, at string, _ error) {
		require.Zero(t, d.Handles()+d.Locks(), at)
		st := mustStore(t, d)
		require.NoError(t, Remove("gone", durable(d, st)), at)
		ids, err := List(d, root)
		require.NoError(t, err, at)
		require.Equal(t, []string{"a"}, ids, at)
		require.NotZero(t, st.Count(format.Hash64(page(2, 2))), at)
		raise(t, d, st)
		_, _, _, err = st.Compact()
		require.NoError(t, err, at)
		require.NoError(t, readableFromStore(d, st), at)
		require.NoError(t, st.Close(), at)
	})
}
