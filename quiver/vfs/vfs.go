// Package vfs is the one seam between the engine and the operating system.
//
// Every byte that the engine reads or writes passes through FS and File, so
// that a test can record, delay, tear, fail or lose each operation. The
// interface is positional (no seek offset) and narrow on purpose: nothing in
// it hides a sync. The clock, the environment and the identity of the process
// come from this package too, and from nowhere else.
//
// # Durability contract
//
// A write is visible to every later read at once, through any handle. It
// survives a power cut only after a Sync or SyncData of that file which began
// after the write had returned. A new, removed or renamed name survives only
// after a SyncDir of its directory which began after the call had returned. A
// Sync of a file says nothing about its name. Close makes nothing durable.
//
// # Errors
//
// Errors are *fs.PathError (or wrap one) and match fs.ErrNotExist,
// fs.ErrExist, fs.ErrPermission, fs.ErrClosed and syscall.ENOSPC through
// errors.Is.
package vfs

import (
	"errors"
	"io"
)

// OpenFlag says how OpenFile opens a file. The zero value opens an existing
// file for reading.
type OpenFlag uint8

const (
	// Write opens for reading and writing.
	Write OpenFlag = 1 << iota
	// Create makes the file when it is absent; it implies nothing about its name's durability.
	Create
	// Exclusive, with Create, fails with fs.ErrExist when the file is there.
	Exclusive
	// Truncate, with Write, empties an existing file.
	Truncate
)

// Info is what Stat and ReadDir tell about a name.
type Info struct {
	Name string // last element of the path
	Size int64  // bytes; 0 for a directory
	Dir  bool
	Link bool // a symbolic link, of whose target Size and Dir tell; only ReadDir says so
}

// FS is a disk. Implementations are safe for concurrent use.
//
// Paths are in the form of path/filepath for the running system.
type FS interface {
	// OpenFile opens a file. The file is not locked.
	OpenFile(path string, flag OpenFlag) (File, error)
	// Mkdir makes one directory; its parent must exist. fs.ErrExist when the name is taken.
	Mkdir(path string) error
	// Remove removes a file or an empty directory.
	Remove(path string) error
	// Rename replaces newPath by oldPath atomically: at every moment, and after
	// a crash, the name newPath is bound to the old or to the new file.
	Rename(oldPath, newPath string) error
	// ReadDir lists a directory, sorted by name.
	ReadDir(path string) ([]Info, error)
	// Stat tells about a name.
	Stat(path string) (Info, error)
	// SyncDir makes the entries of a directory durable: names created,
	// removed or renamed before the call.
	SyncDir(path string) error
	// Lock takes an advisory lock on a whole file, shared or exclusive, without
	// waiting. The file is created when it is absent. A conflict, with another
	// process or with another Lock of this process, is a *LockedError. The lock
	// is released by Close and by the death of the process.
	Lock(path string, exclusive bool) (Lock, error)
}

// File is an open file. ReadAt, WriteAt and Sync may be called from many
// goroutines at once.
type File interface {
	// ReadAt reads len(p) bytes at off. It returns io.EOF (possibly with n > 0)
	// when the file ends before off+len(p).
	io.ReaderAt
	// WriteAt writes len(p) bytes at off and extends the file when needed; a
	// gap reads as zeros. n < len(p) comes with an error.
	io.WriterAt
	// Truncate sets the size; growth reads as zeros and reserves no space.
	Truncate(size int64) error
	// Allocate reserves real space for [off, off+length) and extends the file
	// to cover it, so that a later write there does not fail for want of space.
	// Bytes inside the old size are kept, new ones read as zeros. When it fails
	// the size is as before and syscall.ENOSPC is matched if space ran out.
	Allocate(off, length int64) error
	// Size is the current size in bytes.
	Size() (int64, error)
	// Sync makes data, size and attributes durable.
	Sync() error
	// SyncData makes data durable, and of the metadata what is needed to read
	// the data back (the size).
	SyncData() error
	// Close releases the handle; a second Close is an error.
	Close() error
}

// Lock is a held lock.
type Lock interface {
	// SetHolder replaces the content of the lock file by a text about the
	// holder, for other processes' error messages. The text decides nothing.
	SetHolder(text string) error
	// Close releases the lock.
	Close() error
}

// ErrLocked is matched by the error of a Lock that somebody else holds.
var ErrLocked = errors.New("locked")

// LockedError is the error of a Lock that somebody else holds.
type LockedError struct {
	Path   string
	Holder string // content of the lock file, at most 256 bytes; may be empty
}

func (e *LockedError) Error() string {
	if e.Holder == "" {
		return e.Path + ": locked by another handle"
	}
	return e.Path + ": locked by " + e.Holder
}

// Is reports that a LockedError is ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }
