// Package faultfs is a disk that crashes: a file system in memory that
// implements vfs.FS and knows which of its content would survive a power cut.
//
// # Two views
//
// An FS is inodes and directories, seen twice. The live view has every call
// applied; reads see it. The durable view is what a power cut leaves for sure.
// Between the two stand the pending persistence atoms, the smallest changes
// that survive or get lost on their own:
//
//	D   bytes within one sector (512 or 4096 bytes) of a file   each sector of a WriteAt
//	Z   the size of a file grows                                WriteAt past the end, Truncate, Allocate
//	T   a file is cut                                           Truncate
//	E+  a name is bound                                         creating OpenFile or Lock, Mkdir
//	E-  a name is unbound                                       Remove
//	N   a name moves, old and new one together                  Rename
//
// Sync and SyncData make the D, Z and T atoms of their file durable, SyncDir
// the E and N atoms of its directory; each covers the calls that had returned
// before it began. Nothing else makes anything durable: not Close, not Lock,
// and a Sync of a file not its name. A rename between two directories persists
// with a sync of either.
//
// # What a power cut leaves
//
// The durable view plus any subset of the pending atoms, applied in the order
// of issue: of two atoms for one place the last chosen one wins. So a size can
// persist without the bytes (they read as zeros), bytes without the size (they
// are not seen), an overwrite without the one before it, a rename without the
// creation before it, and a name without any byte of its file. A write in
// flight may tear between sectors, and inside one where an image is asked for
// it (Selection.Cut). This is stricter than any one file system: a program
// that is right here relies on nothing but its syncs.
//
// State.Kill is the end of a process without the end of the machine: the live
// view stays and pending atoms stay pending, so that a power cut can follow
// before anybody has synced them.
//
// # Crash points
//
// A run is made once. Its Log holds the disk at the beginning and everything
// that each call did, by reference, so that Log.Points rebuilds the disk after
// every call, and State.Images the disks that a power cut may leave there,
// without running the program again. States and images are immutable and
// share their sectors; each FS made from them is on its own.
//
//	for state := range f.Log().Points() {
//		for image := range state.Images(faultfs.Enum{}) {
//			check(image.FS())
//		}
//	}
//
// # Faults
//
// A Plan makes the n-th call of a kind on a class of paths fail: before it
// does anything, after some bytes, or after it has done everything; a sync in
// one of the ways that real systems fail one (F1 to F5). A byte budget makes
// the disk full with real accounting by sectors. WriteFile, FlipBit and the
// like change bytes silently.
//
// # What is not modelled
//
// Permissions, links, times and attributes. Sectors that a torn write destroys
// beyond the bytes it was writing. Garbage instead of zeros where a size
// persists alone. File systems that promise more than the above, or less (a
// rename in two steps). A sync takes no time of its own: calls of other
// goroutines stand before or after it. Space for names, and what a file system
// needs for itself, is not counted; a file of more than 64 GiB is an error.
// After a failed sync that marked pages clean, a later write to the same
// sector does not carry the lost bytes along, although the system's cache
// might write them with it.
package faultfs
