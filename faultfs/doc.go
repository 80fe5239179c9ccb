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
// # Profiles
//
// What the section before says is the law Posix, the strictest. State.Under and
// Enum.Profile look at a state under others:
//
//	posix         any subset of the pending atoms
//	ext4ish       a sync of a file persists its creating entry; entries in order in each directory
//	ordered       also: bytes before the size that shows them; entries and sizes in order
//	prefix        only prefixes of the calls; every sync persists all before it
//	garbage       posix, with noise or old bytes where a write's size persists without its bytes
//	split-rename  posix, with renames in steps: both names, neither, the new one with the old target
//	nopsow        posix, and one sector in flight may lose all its bytes, durable ones included;
//	              of such a disk a program can promise no more than to notice
//	kill          the live view, with everything still pending
//
// From posix to prefix each law allows a part of what the one before allows. A
// sync binds atoms of other files only under the laws that say so; State.Lawful
// tells what of a selection a law lets persist, and Image and Crash go by it.
// For a power cut after a kill, open the disk of a kill image and enumerate the
// log of what the next process does. In flight under nopsow are the sectors of
// pending writes, and those in which a pending cut leaves zeros behind the end.
//
// # Crash points
//
// A run is made once. Its Log holds the disk at the beginning and everything
// that each call did, by reference, so that Log.Points rebuilds the disk after
// every call, and State.Images the disks that a power cut may leave there,
// without running the program again. States and images are immutable and
// share their sectors, and files of the images of a state that differ elsewhere
// only; each FS made from them is on its own.
//
//	for state := range f.Log().Points() {
//		for image := range state.Images(faultfs.Enum{}) {
//			check(image.FS())
//		}
//	}
//
// A Record says what was called, on what path and inode, where in the file, with
// which bytes, what came of it, who called (Options.Label: goroutine, operation)
// and from which line (Options.Callers). Log.Fingerprint is the same for two runs
// of a repeatable program.
//
// # Faults
//
// A Plan makes the n-th call of a kind on a class of paths fail: before it
// does anything, after some bytes, or after it has done everything; a sync in
// one of the ways that real systems fail one (F1 to F5):
//
//	F1  nothing persists, memory shows it, and the next sync returns nil
//	F2  nothing persists, and memory shows the old bytes again; of names F1
//	F3  everything persists
//	F4  everything persists, and the next sync tells the error in its place
//	F5  every second atom persists, the first one or (F5=aaaaaaaaaaaaaaaa) the second
//
// Calls can also answer wrongly and report nothing: short counts, early ends,
// stale bytes and sizes, flipped bits, listings out of order. A fault strikes
// once, a number of times, always, or always at the place that it struck first.
// Errors lists what each kind of call can suffer. A byte budget makes the disk
// full with real accounting by sectors, a handle limit leaves no descriptors,
// SetReadOnly makes a disk for reading, and Misuse counts calls on closed
// handles.
//
// # Mutants
//
// With Options.Callers the log knows which place in the code made each call.
// Log.Sites lists the places, and Log.Mutants makes two kinds of mutants of a
// program from them without building it again: each place that syncs lies, and
// each call of a place changes place with the next one that can change the
// disk. The late call is a call of its own in the log, so that a crash can
// strike between the two.
//
// # Silent damage
//
// A Damage is one change that no call reports: bits, bytes, sectors of zeros or
// noise, misdirected and lost writes, stale reads, sectors swapped between
// files, files cut, extended, missing or replaced by an older version. FS.Damage
// does it, FS.Damages lists those of a whole disk. Older bytes are what was
// durable after some call of a log. WriteFile and the like change files at will.
//
// # What is not modelled
//
// Permissions, links, times and attributes. A sync takes no time of its own:
// calls of other goroutines stand before or after it. Space for names, and what
// a file system needs for itself, is not counted; a file of more than 64 GiB is
// an error. After a failed sync that marked pages clean, a later write to the
// same sector does not carry the lost bytes along, although the system's cache
// might write them with it. A size that Truncate or Allocate made reads as
// zeros under every law. Creating calls do not change place with others. A sync
// of either directory covers all steps of a rename between two, also under
// split-rename.
package faultfs
