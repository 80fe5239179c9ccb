package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func TestExitCodes(t *testing.T) {
	refuse := func(err error) func(s *session) {
		return func(s *session) {
			s.fs = hookedFS{vfs.OS(), func(path, op string, _ int64) error {
				if filepath.Base(path) == "LOCK" {
					return nil
				}
				return &fs.PathError{Op: op, Path: path, Err: err}
			}}
		}
	}
	damaged := func(s *session) {
		require.NoError(s.t, os.WriteFile(filepath.Join(s.path, "meta"), []byte("not the magic of a database, but as long as one"), 0o666))
	}
	removed := func(s *session) { require.NoError(s.t, os.RemoveAll(s.path)) }
	cases := []struct {
		line  string
		state func(*session)
		code  int
		kind  string
	}{
		{"get --path DB k", nil, exitDone, ""},
		{"init --path DB --buckets 9", nil, exitFailed, "exists"},
		{"get --path DB k extra", nil, exitUsage, "usage"},
		{"get --path DB", nil, exitUsage, "usage"},
		{"get k", nil, exitUsage, "usage"},
		{"nothing", nil, exitUsage, "usage"},
		{"get --nothing", nil, exitUsage, "usage"},
		{"put --path DB hex:0 v", nil, exitUsage, "usage"},
		{"put --path DB k @/no/such/file", nil, exitUsage, "usage"},
		{"put --path DB - -", nil, exitUsage, "usage"},
		{"scan --path DB --format xml", nil, exitUsage, "usage"},
		{"scan --path DB --format hex --json", nil, exitUsage, "usage"},
		{"init --path DB --page-size 5000", removed, exitUsage, "invalid"},
		{"init --path DB --buckets 0", removed, exitUsage, "usage"},
		{"get --path DB k --lock-wait -1s", nil, exitUsage, "usage"},
		{"get --path DB k --cache-pages -1", nil, exitUsage, "usage"},
		{"status --path DB", func(s *session) { s.env["P1_STATUS_JSON"] = "maybe" }, exitUsage, "usage"},
		{"stats --path DB", func(s *session) { s.t.Setenv("P1_PAGE_CACHE_PAGES", "many") }, exitUsage, "usage"},
		{"get --path DB other", nil, exitKeyNotFound, "key_not_found"},
		{"get --path DB k", removed, exitNoDatabase, "no_database"},
		{"put --path DB k v", removed, exitNoDatabase, "no_database"},
		{"load --path DB", removed, exitNoDatabase, "no_database"},
		{"put --path DB k v --lock-wait 0", lock, exitLocked, "locked"},
		{"get --path DB k --lock-wait 1ms", lock, exitLocked, "locked"},
		{"get --path DB k", damaged, exitCorrupt, "corrupt"},
		{"put --path DB k v", damaged, exitCorrupt, "corrupt"},
		{"put --path DB k v", refuse(syscall.EACCES), exitReadOnly, "permission"},
		{"put --path DB k v", refuse(syscall.EROFS), exitReadOnly, "read_only"},
		{"put --path DB k v", refuse(syscall.ENOSPC), exitFull, "full"},
		{"scan --path DB", func(s *session) { s.cancel() }, exitInterrupted, "interrupted"},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d %s", c.code, c.line), func(t *testing.T) {
			s := newDatabase(t)
			s.must("put --path DB k v")
			if c.state != nil {
				c.state(s)
			}
			got := s.run(c.line)
			assert.Equal(t, c.code, got.code, got.err)
			if c.code == exitDone {
				return
			}
			assert.Empty(t, got.out)
			assert.NotEmpty(t, got.err)
			s.checkErrorLine(c.line+" --json", c.code, c.kind)
		})
	}
}

// checkErrorLine: with --json a failure is one line of JSON on standard error.
func (s *session) checkErrorLine(line string, code int, kind string) {
	s.t.Helper()
	got := s.run(line)
	assert.Equal(s.t, code, got.code, got.err)
	var e struct {
		Type, Kind, Message string
		Hint                *string
		Code                int
	}
	require.NoError(s.t, json.Unmarshal([]byte(got.err), &e), got.err)
	assert.Equal(s.t, "error", e.Type)
	assert.Equal(s.t, code, e.Code)
	assert.Equal(s.t, kind, e.Kind)
	assert.NotEmpty(s.t, e.Message)
	assert.NotNil(s.t, e.Hint)
}

func TestClassify(t *testing.T) {
	cases := []struct {
		err  error
		code int
		kind string
	}{
		{errors.New("x"), exitFailed, "failed"},
		{quiver.ErrUnclean, exitFailed, "unclean"},
		{quiver.ErrIncompatible, exitFailed, "incompatible"},
		{fmt.Errorf("%w: %w", quiver.ErrPoisoned, syscall.EIO), exitFailed, "poisoned"},
		{fmt.Errorf("%w: %w", quiver.ErrPoisoned, syscall.ENOSPC), exitFull, "full"},
		{usagef("x"), exitUsage, "usage"},
		{fmt.Errorf("y: %w", usagef("x")), exitUsage, "usage"},
		{quiver.ErrTooLarge, exitUsage, "too_large"},
		{errFindings, exitFindings, "findings"},
		{errors.Join(errKeyNotFound, nil), exitKeyNotFound, "key_not_found"},
		{quiver.ErrIncomplete, exitNoDatabase, "incomplete"},
		{&vfs.LockedError{Path: "p"}, exitLocked, "locked"},
		{quiver.ErrReadOnly, exitReadOnly, "read_only"},
		{quiver.ErrFull, exitFull, "full"},
		{fmt.Errorf("x: %w", context.Canceled), exitInterrupted, "interrupted"},
	}
	for _, c := range cases {
		f := classify(c.err)
		assert.Equal(t, c.code, f.code, c.err)
		assert.Equal(t, c.kind, f.kind, c.err)
	}
}

func TestHelpExitCodes(t *testing.T) {
	const golden = `Exit codes:

    0  done
    1  failed
    2  wrong use: an argument, a flag, a variable or the input
    3  done, with findings (check)
    4  key not found
   10  no database, or an unfinished one
   11  locked by another process
   12  corrupt
   13  read-only or no permission
   14  no space left
  130  interrupted

Any other code is a failure.
`
	assert.Equal(t, golden+"\n", newSession(t).must("help exit-codes"))
}

func TestHints(t *testing.T) {
	s := newSession(t)
	got := s.run("get --path DB k")
	assert.Contains(t, got.err, "Try: quiverdb init --path DIR")
	got = s.run("put --path DB")
	assert.Equal(t, "quiverdb: no key was given\nTry: quiverdb put --help\n", got.err)
}
