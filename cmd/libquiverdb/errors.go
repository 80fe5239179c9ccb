//go:build cgo

package main

/*
#include "internal.h"
*/
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

type kind struct {
	is   error
	code C.int32_t
}

// kinds is the one place that says which error of the engine or the system has
// which code. An error can be of several kinds; the first one counts, so the more
// telling ones come first: that a handle is poisoned before why it is.
func kinds() []kind {
	return []kind{
		{context.Canceled, C.QDB_ERR_CANCELED},
		{errNoMemory, C.QDB_ERR_NO_MEMORY},
		{quiver.ErrPoisoned, C.QDB_ERR_POISONED},
		{quiver.ErrClosed, C.QDB_ERR_CLOSED},
		{errStale, C.QDB_ERR_CLOSED},
		{quiver.ErrReadOnly, C.QDB_ERR_READ_ONLY},
		{quiver.ErrTooLarge, C.QDB_ERR_TOO_LARGE},
		{quiver.ErrNoDatabase, C.QDB_ERR_NO_DATABASE},
		{quiver.ErrIncomplete, C.QDB_ERR_INCOMPLETE},
		{quiver.ErrExists, C.QDB_ERR_EXISTS},
		{quiver.ErrLocked, C.QDB_ERR_LOCKED},
		{quiver.ErrSnapshotGone, C.QDB_ERR_SNAPSHOT_GONE},
		{quiver.ErrNoSnapshot, C.QDB_ERR_NO_SNAPSHOT},
		{quiver.ErrIncompatible, C.QDB_ERR_INCOMPATIBLE},
		{quiver.ErrCorrupt, C.QDB_ERR_CORRUPT},
		{quiver.ErrUnclean, C.QDB_ERR_CORRUPT},
		{quiver.ErrFull, C.QDB_ERR_FULL},
		{quiver.ErrRecounting, C.QDB_ERR_BUSY},
		{quiver.ErrInvalid, C.QDB_ERR_INVALID},
		{syscall.ENOSPC, C.QDB_ERR_FULL},
		{syscall.EDQUOT, C.QDB_ERR_FULL},
		{syscall.EROFS, C.QDB_ERR_READ_ONLY},
		{fs.ErrPermission, C.QDB_ERR_PERMISSION},
		{fs.ErrExist, C.QDB_ERR_EXISTS},
		{fs.ErrNotExist, C.QDB_ERR_NOT_FOUND},
		// A file that was closed under a call by closing its database.
		{fs.ErrClosed, C.QDB_ERR_CLOSED},
	}
}

func codeOf(err error) C.int32_t {
	if e := (*panicError)(nil); errors.As(err, &e) {
		return C.QDB_ERR_INTERNAL
	}
	for _, k := range kinds() {
		if errors.Is(err, k.is) {
			return k.code
		}
	}
	return C.QDB_ERR_IO
}

// details is the JSON of qdb_last_error_json.
type details struct {
	Code    int32   `json:"code"`
	Kind    string  `json:"kind"`
	Message string  `json:"message"`
	Path    string  `json:"path,omitempty"`
	Page    *uint64 `json:"page,omitempty"`
	Offset  *int64  `json:"offset,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Holder  string  `json:"holder,omitempty"`
	Errno   int     `json:"errno,omitempty"`
}

func detailsOf(err error) details {
	code := codeOf(err)
	d := details{
		Code: int32(code),
		Kind: C.GoString(C.qdb_error_name(code)),
		// A C string ends at the first NUL, and paths may hold any bytes.
		Message: strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", "\\0"), "\uFFFD"),
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		d.Path = e.Path
	}
	if e := (*quiver.LockedError)(nil); errors.As(err, &e) {
		d.Path, d.Holder = e.Path, e.Holder
	}
	if e := (*quiver.CorruptionError)(nil); errors.As(err, &e) {
		d.Path, d.Reason = e.Path, e.Reason
		if d.Reason == "" && e.Err != nil {
			d.Reason = e.Err.Error()
		}
		if e.Page != format.NoPage {
			d.Page = &e.Page
		}
		if e.Offset >= 0 {
			d.Offset = &e.Offset
		}
	}
	if no := syscall.Errno(0); errors.As(err, &no) {
		d.Errno = int(no)
	}
	return d
}

// fail makes err the error of the calling thread: during a call from C a
// goroutine stays on the thread that called.
func fail(err error) {
	d := detailsOf(err)
	// The struct holds nothing that cannot be JSON.
	text, _ := json.Marshal(d)
	message, _ := textOut(d.Message)
	object, _ := textOut(string(text))
	C.qdb_internal_fail(C.int32_t(d.Code), message, object)
}
