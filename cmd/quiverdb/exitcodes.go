package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// Exit codes are part of the interface: scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitFindings    = 3
	exitKeyNotFound = 4
	exitNoDatabase  = 10
	exitLocked      = 11
	exitCorrupt     = 12
	exitReadOnly    = 13
	exitFull        = 14
	exitInterrupted = 130
)

func exitCodeMeanings() []struct {
	code    int
	meaning string
} {
	return []struct {
		code    int
		meaning string
	}{
		{exitDone, "done"},
		{exitFailed, "failed"},
		{exitUsage, "wrong use: an argument, a flag, a variable or the input"},
		{exitFindings, "done, with findings (check)"},
		{exitKeyNotFound, "key not found"},
		{exitNoDatabase, "no database, or an unfinished one"},
		{exitLocked, "locked by another process"},
		{exitCorrupt, "corrupt"},
		{exitReadOnly, "read-only or no permission"},
		{exitFull, "no space left"},
		{exitInterrupted, "interrupted"},
	}
}

func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("Exit codes:\n\n")
	for _, row := range exitCodeMeanings() {
		fmt.Fprintf(&b, "  %3d  %s\n", row.code, row.meaning)
	}
	b.WriteString("\nAny other code is a failure.")
	return &cobra.Command{Use: "exit-codes", Short: "what the exit codes mean", Long: b.String()}
}

var (
	errKeyNotFound = errors.New("key not found")
	// errFindings ends a command that was done and said what it found.
	errFindings = errors.New("findings")
)

// usageError is a mistake in what the user gave: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return usageError{err: fmt.Errorf(format, args...)}
}

// failure is how a command's error is told.
type failure struct {
	code    int
	kind    string
	hint    string
	message string
}

// classify finds the first of the kinds that an error is. An error can be of
// two kinds (a handle that a full disk poisoned): the more telling one comes first.
func classify(err error) failure {
	f := failure{code: exitFailed, kind: "failed", message: err.Error()}
	var usage usageError
	switch is := func(target error) bool { return errors.Is(err, target) }; {
	case is(errFindings):
		f.code, f.kind = exitFindings, "findings"
	case is(context.Canceled):
		f.code, f.kind, f.message = exitInterrupted, "interrupted", "interrupted"
	case errors.As(err, &usage):
		f.code, f.kind = exitUsage, "usage"
	case is(errKeyNotFound):
		f.code, f.kind = exitKeyNotFound, "key_not_found"
	case is(quiver.ErrNoDatabase):
		f.code, f.kind, f.hint = exitNoDatabase, "no_database", "quiverdb init --path DIR makes a database"
	case is(quiver.ErrIncomplete):
		f.code, f.kind, f.hint = exitNoDatabase, "incomplete", "the same init, backup or restore again: it was interrupted"
	case is(quiver.ErrLocked):
		f.code, f.kind, f.hint = exitLocked, "locked", "--lock-wait 60s waits longer"
	case is(quiver.ErrCorrupt):
		f.code, f.kind = exitCorrupt, "corrupt"
		f.hint = "quiverdb check lists the damage; --salvage opens a damaged log without what stands behind the damage"
	case is(quiver.ErrFull) || is(syscall.ENOSPC) || is(syscall.EDQUOT):
		f.code, f.kind, f.hint = exitFull, "full", "make room; deletes work on a full disk too"
	case is(quiver.ErrReadOnly) || is(syscall.EROFS):
		f.code, f.kind = exitReadOnly, "read_only"
	case is(fs.ErrPermission):
		f.code, f.kind = exitReadOnly, "permission"
	case is(quiver.ErrTooLarge):
		f.code, f.kind = exitUsage, "too_large"
	case is(quiver.ErrInvalid):
		f.code, f.kind = exitUsage, "invalid"
	default:
		f.kind = otherKind(err)
	}
	return f
}

// otherKind names what has no exit code of its own.
func otherKind(err error) string {
	switch {
	case errors.Is(err, quiver.ErrExists):
		return "exists"
	case errors.Is(err, quiver.ErrIncompatible):
		return "incompatible"
	case errors.Is(err, quiver.ErrUnclean):
		return "unclean"
	case errors.Is(err, quiver.ErrPoisoned):
		return "poisoned"
	}
	return "failed"
}

// report tells a failure: to people in two lines, to machines in one. Where
// standard error itself cannot be written, the exit code has to do.
func (f failure) report(w io.Writer, asJSON bool) {
	if f.code == exitFindings {
		return
	}
	if !asJSON {
		fmt.Fprintf(w, "quiverdb: %s\n", f.message)
		if f.hint != "" {
			fmt.Fprintf(w, "Try: %s\n", f.hint)
		}
		return
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(struct {
		Type    string `json:"type"`
		Code    int    `json:"code"`
		Kind    string `json:"kind"`
		Message string `json:"message"`
		Hint    string `json:"hint"`
	}{"error", f.code, f.kind, f.message, f.hint})
}
