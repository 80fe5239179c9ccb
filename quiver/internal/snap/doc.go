// Package snap keeps the files of snapshots: the frozen pages of each one, the
// SnapStore that shares equal images between them, and the registry of those
// that outlive their process. Which page is frozen for whom, and when, is the
// pager's business.
//
// # What stands in the folder of a snapshot
//
//	freeze.bin     frames, all of one stride; appended, never changed
//	index.bin      entry i names frame i; appended after the frames are durable
//	hashindex.bin  with a SnapStore: the hash of each page, after its image is durable there
//	heads.bin      ours: the bucket heads as of the snapshot, and its LSN
//
// The frames are the truth about themselves (they have a CRC, an entry of
// index.bin has none). What index.bin adds is which frames were acknowledged:
// because an entry is written after the sync of its frame, a bad frame at or
// before the last one that it names is damage, and a bad frame behind that is
// the tail of a Freeze that never returned. The same frame may be read and found
// whole only because it is in the page cache of a machine whose sync of it
// failed: so what no entry names is written once more before it counts.
//
// A page whose frame is damaged does not count as frozen: if the live page is
// still the one of the snapshot it is frozen again, which mends the snapshot.
// Read tells the damage.
//
// # What stands in the SnapStore
//
//	store.bin    frames under the hash of their image
//	index.bin    offset and reference count of each, replaced as a whole
//	quiver-lock  ours: one open handle at a time
//
// Every page of hashindex.bin stands in freeze.bin too, as the original keeps
// it: the SnapStore is the second copy.
//
// A reference count is never below the number of snapshots that name the image:
//
//   - Freeze counts before it writes the entry of hashindex.bin, and takes the
//     count back only after that entry is durably cut off again;
//   - Remove makes the removal of hashindex.bin durable before it takes its
//     references, so that a second run finds none to take;
//   - index.bin lags behind the counts between two Flush, and a crash loses the
//     difference. Compact therefore refuses to drop anything before Raise or
//     Recount has compared the counts with the hashindex.bin of all snapshots.
//
// A count may be too high: after a crash in Remove, or in a Freeze, and for
// references that a backup of the original took. Recount makes it exact.
//
// # Failures
//
// An error of a write leaves everything as it was and can be tried again. An
// error of a sync (SyncError) says nothing about what is on the disk: the handle
// answers it to every further change until it is opened again. Reads go on.
package snap
