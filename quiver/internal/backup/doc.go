// Package backup reads and writes the folders that backups are kept in: pages.bin,
// dir.bin and manifest.json, as FORMAT.md has them. It knows frames and files, not
// what pages mean.
//
// The manifest is the last file to get its name, durably, and names length and
// checksum of the others: a folder without one, or with an empty one, is a backup
// that was interrupted.
package backup

import (
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// ErrIncomplete: the folder holds no manifest, or an empty one, so no complete backup.
var ErrIncomplete = errors.New("the backup is not complete")

// DamageError says that a file of a backup contradicts itself or the manifest.
type DamageError struct {
	Path   string
	Offset int64
	Page   uint64 // of the frame there; format.NoPage elsewhere
	Reason string
	Err    error // may be nil
}

// Error names the file, the offset and the reason.
func (e *DamageError) Error() string {
	text := fmt.Sprintf("%s is damaged at offset %d", e.Path, e.Offset)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the error of the decoder, if it was one.
func (e *DamageError) Unwrap() error { return e.Err }

func damaged(path string, off int64, reason string, args ...any) error {
	return &DamageError{Path: path, Offset: off, Page: format.NoPage, Reason: fmt.Sprintf(reason, args...)}
}
