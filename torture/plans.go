package torture

import (
	"iter"
	"syscall"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

const (
	// fullSectors is how many amounts of space are tried by a full disk.
	fullSectors = 24
	// mostHandles is the largest limit of handles that is tried, and
	// readOnlyTimes at how many moments a disk becomes read-only.
	mostHandles   = 8
	readOnlyTimes = 12
)

// errorCases are the workload with each single fault: every sync fails in every
// way, every other call with every error, once and from then on. clean is the
// run without faults, which tells how many calls there are.
func errorCases(w Workload, clean *run) iter.Seq[Case] {
	return func(yield func(Case) bool) {
		one := func(f faultfs.Fault) bool {
			c := Case{Workload: w, Faults: faultfs.Plan{f}}
			if !yield(c) {
				return false
			}
			if !f.Sticky {
				return true
			}
			c.Late = true
			return yield(c)
		}
		if !syncFaults(clean, one) || !changeFaults(clean, one) || !readFaults(clean, one) {
			return
		}
		if !limitCases(w, clean, yield) {
			return
		}
		if startOf(w.Start, w.Knobs).fresh {
			return
		}
		for n := range fullSectors {
			if !yield(Case{Workload: w, Full: n + 1}) {
				return
			}
		}
	}
}

// limitCases are a few handles from the first crash point on, and disks that
// become read-only in the midst.
func limitCases(w Workload, clean *run, yield func(Case) bool) bool {
	for n := range mostHandles + 1 {
		if !yield(Case{Workload: w, Handles: n + 1, Late: n%3 == 0}) {
			return false
		}
	}
	calls := clean.disk.Seq() - clean.first
	for n := range readOnlyTimes {
		if !yield(Case{Workload: w, ReadOnly: true, From: n * calls / readOnlyTimes, Late: n%3 == 0}) {
			return false
		}
	}
	return true
}

// calls counts the calls of a kind since the first crash point of a run.
func (r *run) calls(k faultfs.Kind) int { return r.disk.Count(k, 0) - r.before[k] }

func syncFaults(clean *run, yield func(faultfs.Fault) bool) bool {
	for n := range clean.calls(faultfs.KindFsync) {
		for _, e := range []faultfs.Effect{faultfs.EffectF1, faultfs.EffectF2, faultfs.EffectF3, faultfs.EffectF4, faultfs.EffectF5, faultfs.EffectBefore} {
			for _, no := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
				if no == syscall.ENOSPC && e != faultfs.EffectF1 && e != faultfs.EffectF3 {
					continue
				}
				if !yield(faultfs.Fault{Kind: faultfs.KindFsync, N: n + 1, Effect: e, Errno: no}) {
					return false
				}
			}
		}
		// The other half than the one that F5 keeps by itself.
		if !yield(faultfs.Fault{Kind: faultfs.KindFsync, N: n + 1, Effect: faultfs.EffectF5, Keep: faultfs.OtherHalf}) {
			return false
		}
		if !yield(faultfs.Fault{Kind: faultfs.KindFsync, N: n + 1, Effect: faultfs.EffectF1, Sticky: true}) {
			return false
		}
	}
	return true
}

// changing are the kinds of calls that change the disk, syncs apart.
var changing = []faultfs.Kind{faultfs.KindCreate, faultfs.KindMkdir, faultfs.KindRemove, faultfs.KindRename,
	faultfs.KindWrite, faultfs.KindTruncate, faultfs.KindAllocate}

func changeFaults(clean *run, yield func(faultfs.Fault) bool) bool {
	for _, k := range changing {
		for n := range clean.calls(k) {
			for _, f := range []faultfs.Fault{
				{Errno: syscall.EIO},
				{Errno: syscall.EIO, Sticky: true},
				{Errno: syscall.ENOSPC},
				{Errno: syscall.ENOSPC, Sticky: true},
				{Errno: syscall.EIO, Effect: faultfs.EffectDone},
				{Errno: syscall.ENOSPC, Effect: faultfs.EffectDone},
			} {
				f.Kind, f.N = k, n+1
				if !yield(f) {
					return false
				}
			}
			if k == faultfs.KindWrite && !shortWrites(n+1, yield) {
				return false
			}
		}
	}
	return true
}

func shortWrites(n int, yield func(faultfs.Fault) bool) bool {
	for _, bytes := range []int64{1, 27, 4095, 4096, 4100, 6000} {
		for _, no := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
			if !yield(faultfs.Fault{Kind: faultfs.KindWrite, N: n, Errno: no, Effect: faultfs.EffectAfter, Bytes: bytes}) {
				return false
			}
		}
	}
	return true
}

// reading are the kinds of calls that change nothing.
var reading = []faultfs.Kind{faultfs.KindOpen, faultfs.KindReadDir, faultfs.KindStat, faultfs.KindSize, faultfs.KindRead,
	faultfs.KindLock, faultfs.KindUnlock, faultfs.KindClose}

func readFaults(clean *run, yield func(faultfs.Fault) bool) bool {
	for _, k := range reading {
		for n := range clean.calls(k) {
			for _, f := range []faultfs.Fault{{}, {Sticky: true}, {Times: 2}, {Here: true}} {
				f.Kind, f.N = k, n+1
				if again := f.Times > 0 || f.Here; again && k != faultfs.KindRead || (again || f.Sticky) && k == faultfs.KindRead && n%8 != 0 {
					continue
				}
				if !yield(f) {
					return false
				}
			}
		}
	}
	return true
}
