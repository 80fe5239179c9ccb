package faultfs

import (
	"math"
	"syscall"
)

// What Record.Fault says of a call that was refused for want of a handle, or
// because the disk is for reading.
const (
	NoHandles = "no handles"
	ReadOnly  = "read-only"
)

// noHandles is the limit when not even one handle may be open; 0 means none.
const noHandles = -1

// SetMaxHandles bounds the files and locks that may be open at once; 0 = no
// limit, negative = none may be opened. Past it an OpenFile or Lock fails with
// EMFILE, and so do ReadDir and SyncDir, which need a handle for a moment. What
// is open stays open.
func (f *FS) SetMaxHandles(n int) { f.MaxHandlesAfter(0, n) }

// MaxHandlesAfter is SetMaxHandles for the calls with a number above seq.
func (f *FS) MaxHandlesAfter(seq, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.maxHandles, f.handlesAfter = max(n, noHandles), int64(seq)
}

// spareHandle tells whether the call can have one more handle.
func (o *op) spareHandle() error {
	f := o.f
	if f.maxHandles == 0 || f.seq.Load() <= f.handlesAfter || f.open+f.held < f.maxHandles {
		return nil
	}
	o.rec.Fault = NoHandles
	return syscall.EMFILE
}

// SetReadOnly makes every call that would change the disk fail with EROFS,
// opening for writing included. Files can be locked where they exist.
func (f *FS) SetReadOnly(on bool) {
	after := math.MaxInt
	if on {
		after = 0
	}
	f.ReadOnlyAfter(after)
}

// ReadOnlyAfter is SetReadOnly(true) for the calls with a number above seq.
func (f *FS) ReadOnlyAfter(seq int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readOnlyAfter = int64(seq)
}

// writable tells whether the call may change the disk.
func (o *op) writable() error {
	if o.f.seq.Load() <= o.f.readOnlyAfter {
		return nil
	}
	o.rec.Fault = ReadOnly
	return syscall.EROFS
}

// kindModifying are the calls that a disk for reading refuses.
const kindModifying = KindCreate | KindMkdir | KindRemove | KindRename | KindWrite | KindTruncate | KindAllocate | KindHolder

// misuse counts calls on what was closed before.
type misuse struct{ closes, uses int }

// Misuse counts the bugs of the caller that an FS can see: second closes of
// files and locks, and other calls on closed ones.
func (f *FS) Misuse() (secondCloses, usesAfterClose int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.misuse.closes, f.misuse.uses
}
