package snap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

var (
	// ErrCollision: the SnapStore holds other bytes under this hash. The page
	// cannot be shared; a Freeze keeps it in freeze.bin only.
	ErrCollision = errors.New("another image has the same hash")
	// ErrUncounted: the references are not yet compared with what snapshots
	// name (Raise, Recount), so that nothing may be dropped.
	ErrUncounted = errors.New("references of the SnapStore are not counted")
)

// noOffset is the Offset of a CorruptError that concerns no single place.
const noOffset = -1

// CorruptError says which file contradicts itself, its checksums or another file.
type CorruptError struct {
	Path   string
	Offset int64 // byte offset in the file, or -1
	Reason string
	Err    error // cause, may be nil
}

func (e *CorruptError) Error() string {
	s := e.Path + ": corrupt"
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
func (e *CorruptError) Unwrap() error { return e.Err }

// SyncError is a sync that failed: nothing is known about what it covered. It
// is not tried again.
type SyncError struct {
	Path string // file or folder
	Err  error
}

func (e *SyncError) Error() string { return "sync " + e.Path + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *SyncError) Unwrap() error { return e.Err }

func isSyncError(err error) bool {
	var e *SyncError
	return errors.As(err, &e)
}

func isCorrupt(err error) bool {
	var e *CorruptError
	return errors.As(err, &e)
}

// undecodable reports a file that its decoder refused.
func undecodable(path string, err error) error {
	off := int64(noOffset)
	var fe *format.Error
	if errors.As(err, &fe) {
		off = fe.Offset
	}
	return &CorruptError{Path: path, Offset: off, Err: err}
}

// readError tells an end of file, which contradicts whoever named the place,
// from an error of the disk.
func readError(path string, off int64, err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &CorruptError{Path: path, Offset: off, Reason: "the file ends inside the frame"}
	}
	return fmt.Errorf("read %s at offset %d: %w", path, off, err)
}

func readOnlyError(path string) error {
	return &fs.PathError{Op: "write", Path: path, Err: fs.ErrPermission}
}

func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
