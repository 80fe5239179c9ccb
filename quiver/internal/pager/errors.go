package pager

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// The sentinels of the engine; package quiver documents and exports them.
var (
	ErrNoDatabase   = errors.New("no database")
	ErrExists       = errors.New("database exists")
	ErrIncomplete   = errors.New("database is incomplete")
	ErrReadOnly     = errors.New("read-only handle")
	ErrClosed       = errors.New("database is closed")
	ErrCorrupt      = errors.New("database is corrupt")
	ErrIncompatible = errors.New("incompatible database")
	ErrFull         = errors.New("no space left")
	ErrTooLarge     = errors.New("too large")
	ErrPoisoned     = errors.New("handle refuses writes after a failure, reopen the database")
	ErrRecounting   = errors.New("a recount is running already")
	ErrSnapshotGone = errors.New("snapshot can no longer be read")
	ErrUnclean      = errors.New("log under a clean flag changes pages")
)

// NoOffset is the Offset of a CorruptionError that concerns no single place.
const NoOffset = -1

// CorruptionError says where the files contradict themselves or their
// checksums. It is ErrCorrupt for errors.Is.
type CorruptionError struct {
	Path   string // file
	Page   uint64 // page id, or format.NoPage
	Offset int64  // byte offset in the file, or -1
	Reason string
	Err    error // cause, may be nil
}

func (e *CorruptionError) Error() string {
	s := e.Path + ": corrupt"
	if e.Page != format.NoPage {
		s += fmt.Sprintf(", page %d", e.Page)
	}
	if e.Offset >= 0 {
		s += fmt.Sprintf(", offset %d", e.Offset)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *CorruptionError) Unwrap() error { return e.Err }

// Is makes every CorruptionError match ErrCorrupt.
func (e *CorruptionError) Is(target error) bool { return target == ErrCorrupt }

// fileCorrupt reports a file that its decoder refused. A version or feature of
// the format that is unknown here is no damage.
func fileCorrupt(path string, err error) error {
	if errors.Is(err, format.ErrVersion) {
		return fmt.Errorf("%s: %w: %w", path, ErrIncompatible, err)
	}
	off := int64(NoOffset)
	var fe *format.Error
	if errors.As(err, &fe) {
		off = fe.Offset
	}
	return &CorruptionError{Path: path, Page: format.NoPage, Offset: off, Err: err}
}

// isFull reports whether err says that the disk, or the user's share of it, is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrFull)
}

// Full wraps an error for want of space so that it is ErrFull; others pass.
func Full(err error) error { return full(err) }

// full wraps an error for want of space so that it is ErrFull; others pass.
func full(err error) error {
	if err == nil || !isFull(err) || errors.Is(err, ErrFull) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFull, err)
}

// syncError is a sync that failed: nothing is known about what it covered, so
// it poisons the handle whatever its cause was, a full disk included.
type syncError struct{ err error }

// SyncFailed marks an error of a Keeper as a failed sync.
func SyncFailed(err error) error { return &syncError{err} }

func (e *syncError) Error() string { return "sync: " + e.err.Error() }
func (e *syncError) Unwrap() error { return e.err }

// harmless reports whether an operation that failed with err may be given up
// with nothing changed on the disk that matters: want of space, before a sync.
func harmless(err error) bool {
	var se *syncError
	return isFull(err) && !errors.As(err, &se)
}
