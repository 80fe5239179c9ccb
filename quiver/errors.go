package quiver

import (
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Errors, for errors.Is. Errors of the operating system stay reachable too:
// an ErrFull also matches syscall.ENOSPC, a folder without permission matches
// fs.ErrPermission.
var (
	// Opening.

	// ErrNoDatabase: the folder holds no database.
	ErrNoDatabase = pager.ErrNoDatabase
	// ErrExists: Init found a database that is complete.
	ErrExists = pager.ErrExists
	// ErrIncomplete: an Init, a backup or a restore was interrupted; the same one
	// again finishes it.
	ErrIncomplete = pager.ErrIncomplete
	// ErrLocked: another handle, of this or another process, holds the lock.
	// The error is a *LockedError.
	ErrLocked = vfs.ErrLocked
	// ErrIncompatible: a version or feature of the format that is unknown here.
	ErrIncompatible = pager.ErrIncompatible
	// ErrUnclean: the log of a database that says it was closed cleanly changes
	// pages, and Options.RefuseFlagLies was set.
	ErrUnclean = pager.ErrUnclean
	// ErrInvalid: an option or argument that has no meaning.
	ErrInvalid = errInvalid

	// Using a handle.

	// ErrClosed: the handle was closed.
	ErrClosed = pager.ErrClosed
	// ErrReadOnly: a write through a read-only handle.
	ErrReadOnly = pager.ErrReadOnly
	// ErrTooLarge: a key, value or batch above its limit. Nothing was written.
	ErrTooLarge = pager.ErrTooLarge
	// ErrFull: the disk has no space. Nothing of the operation happened, the
	// handle goes on working, deletes included, and writes work again once there
	// is space.
	ErrFull = pager.ErrFull
	// ErrPoisoned: a write or sync failed, and what the disk holds is not known.
	// Every later write of this handle gives the same error with the first
	// cause; reads go on. Reopening decides: the operations that had returned
	// nil are there, those that failed are there wholly or not at all.
	ErrPoisoned = pager.ErrPoisoned
	// ErrSnapshotGone: a page that the snapshot had is not to be had any more.
	ErrSnapshotGone = pager.ErrSnapshotGone
	// ErrRecounting: a recount runs already.
	ErrRecounting = pager.ErrRecounting

	// Any time.

	// ErrCorrupt: files contradict their checksums or each other. The error is
	// a *CorruptionError, which says where.
	ErrCorrupt = pager.ErrCorrupt
)

// CorruptionError is every error that is ErrCorrupt. Page is format.NoPage and
// Offset -1 where the damage has no such place.
type CorruptionError = pager.CorruptionError

// LockedError is every error that is ErrLocked; Holder tells who has the lock.
type LockedError = vfs.LockedError
