package format

import (
	"errors"
	"fmt"
)

// The ways in which bytes can fail to be a structure of this package. Every
// error of a decoder is an [*Error] that matches exactly one of them with
// [errors.Is].
var (
	// ErrMagic: the bytes do not begin with the magic of the structure.
	ErrMagic = errors.New("wrong magic")
	// ErrVersion: the magic is right, but the version, or a feature that a field
	// tells of, is not one this package reads.
	ErrVersion = errors.New("unsupported version or feature")
	// ErrChecksum: a stored checksum differs from the one of the bytes.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrTruncated: the bytes end before the structure does.
	ErrTruncated = errors.New("truncated")
	// ErrField: a field has a value that the format does not allow.
	ErrField = errors.New("invalid field")
)

// Error says why bytes are not a valid structure.
type Error struct {
	Structure string // name of the structure, such as "page" or "meta"
	Offset    int64  // where in the decoded bytes the fault stands
	Reason    string // what is wrong there
	Kind      error  // one of the Err variables of this package
}

// Error names the structure, the offset and the reason.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %v at offset %d: %s", e.Structure, e.Kind, e.Offset, e.Reason)
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

func faultf(kind error, structure string, offset int, reason string, args ...any) *Error {
	if len(args) > 0 {
		reason = fmt.Sprintf(reason, args...)
	}
	return &Error{Structure: structure, Offset: int64(offset), Reason: reason, Kind: kind}
}
