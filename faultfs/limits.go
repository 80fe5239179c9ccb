package faultfs

import "syscall"

// SetMaxHandles bounds the files and locks that may be open at once; 0 = no
// limit. Past it an OpenFile or Lock fails with EMFILE, and so do ReadDir and
// SyncDir, which need a handle for a moment. What is open stays open.
func (f *FS) SetMaxHandles(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.maxHandles = n
}

// spareHandle tells whether one more handle can be had.
func (f *FS) spareHandle() error {
	if f.maxHandles > 0 && f.open+f.held >= f.maxHandles {
		return syscall.EMFILE
	}
	return nil
}

// SetReadOnly makes every call that would change the disk fail with EROFS,
// opening for writing included. Files can be locked where they exist.
func (f *FS) SetReadOnly(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readOnly = on
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
