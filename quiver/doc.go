// Package quiver is an embedded key-value database: one folder, one writing
// process or many reading ones, keys and values are bytes.
//
//	err := quiver.Init("db", quiver.InitOptions{})
//	db, err := quiver.Open("db", nil)
//	err = db.Put([]byte("alpha"), []byte("1"))
//	value, found, err := db.Get([]byte("alpha"))
//	err = db.Close()
//
// # What survives
//
// When Put, Delete, Update, DeletePrefix, Write or Sync has returned nil, the
// change survives a crash of the process, of the system and a power loss. A call
// that had not returned is found wholly done or not at all. This holds on a disk
// that tells the truth when a sync returns, and that leaves every sector of a
// torn write either old or new. Readers see only what is durable, except for the
// batches of WriteNoSync.
//
// After a failed sync nothing is known about what the disk holds: the handle
// refuses writes (ErrPoisoned) until the database is opened again. A full disk only fails the
// call (ErrFull).
//
// Every page is checked when it is read: its CRC32, its own page id, its
// structure. Damage is a *CorruptionError, which is ErrCorrupt. Two kinds of
// damage no reader of these formats can see: in the last group of commits of a log
// after a crash, which looks like a torn write; and a well-formed older version
// of a page or file in place of the newer one, where the log does not prove it.
//
// # How it works
//
// Keys are spread over a fixed number of buckets by their hash; a bucket is a
// chain of pages with a Robin Hood hash table in each. A table in memory tells
// which page of a chain holds a key, so that a get or put touches one page
// however long the chain. A commit writes images of the changed pages to a log
// and syncs it; commits of concurrent goroutines share the sync. DESIGN.md beside
// this file has the argument why that survives a crash at any point, FORMAT.md
// the bytes, which are those of QuiverDB 1.x (meta v3, page v2, WAL v1):
// programs in other languages use the same files.
//
// # Snapshots and backups
//
// DB.Snapshot takes no page: it costs microseconds, and then, for each page that is
// overwritten for the first time while it lives, a copy of the old image in
// .snapshots; freed pages are not reused meanwhile. Close gives all of it back; with
// Options.SnapPersist the snapshot outlives the handle, and crashes, until
// RemoveSnapshot. Options.SnapDedup keeps equal images of several snapshots once
// in the SnapStore, whose space CompactSnapStore gives back. DB.Backup copies one
// moment while writes go on, Restore makes a database of it. RECOVERY.md beside
// this file says what to do when a file is lost, a page is corrupt, a restore was
// interrupted, or something is left over: Check, Repair, Restore.
//
// # Caveats
//
// A scan by prefix reads the whole database, for keys are spread by hash. The
// number of buckets is fixed when the database is made. Locks do not hold on
// every network file system. A long scan keeps older versions of the pages that are
// changed meanwhile in memory.
package quiver
