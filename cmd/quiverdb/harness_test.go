package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// session runs commands in the test's process.
type session struct {
	t        *testing.T
	ctx      context.Context
	stdin    io.Reader
	env      map[string]string
	terminal bool   // standard output and error are one
	bars     bool   // also for what does not take long
	fs       vfs.FS // nil = the real disk
	path     string // of the database; stands in for DB in arguments
}

func newSession(t *testing.T) *session {
	t.Helper()
	return &session{t: t, ctx: t.Context(), stdin: strings.NewReader(""), env: map[string]string{}, path: filepath.Join(t.TempDir(), "db")}
}

// newDatabase is a session whose database is there.
func newDatabase(t *testing.T) *session {
	t.Helper()
	s := newSession(t)
	s.must("init --path DB --buckets 4")
	return s
}

type outcome struct {
	code     int
	out, err string
}

// run splits a command line at blanks; more arguments follow as they are.
func (s *session) run(line string, more ...string) outcome {
	s.t.Helper()
	var args []string
	for _, arg := range append(strings.Fields(line), more...) {
		if arg == "DB" {
			arg = s.path
		}
		args = append(args, arg)
	}
	var stdout, stderr bytes.Buffer
	a := &app{
		stdin: s.stdin, stdout: &stdout, stderr: &stderr, fs: s.fs,
		env:        func(name string) string { return s.env[name] },
		isTerminal: func(io.Writer) bool { return s.terminal },
	}
	if !s.bars {
		a.barDelay = time.Hour
	}
	code := a.run(s.ctx, args)
	return outcome{code, stdout.String(), stderr.String()}
}

// must is run for what has to go well without a word on standard error.
func (s *session) must(line string, more ...string) string {
	s.t.Helper()
	got := s.run(line, more...)
	require.Equal(s.t, exitDone, got.code, "%s %q: %s", line, more, got.err)
	require.Empty(s.t, got.err, "%s %q", line, more)
	return got.out
}

func (s *session) input(text string) *session {
	s.stdin = strings.NewReader(text)
	return s
}

// write makes a file below the test's folder and gives its path.
func (s *session) write(name, content string) string {
	s.t.Helper()
	file := filepath.Join(filepath.Dir(s.path), name)
	require.NoError(s.t, os.MkdirAll(filepath.Dir(file), 0o777))
	require.NoError(s.t, os.WriteFile(file, []byte(content), 0o666))
	return file
}

// fingerprint sums up the files of a folder, but for LOCK, which a reader may create.
func fingerprint(t *testing.T, folder string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "LOCK" {
			return err
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			sums[p] = "folder"
			return err
		}
		content, err := os.ReadFile(p)
		sums[p] = fmt.Sprintf("%x of %v", sha256.Sum256(content), info.ModTime())
		return err
	}))
	return sums
}

// hookedFS is the real disk with a say in what is written.
type hookedFS struct {
	vfs.FS
	// before is asked before each change of a file, with its size in bytes.
	before func(path, op string, n int64) error
}

func (h hookedFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	if flag&(vfs.Write|vfs.Create) != 0 {
		if err := h.before(path, "open", 0); err != nil {
			return nil, err
		}
	}
	f, err := h.FS.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return hookedFile{f, path, h.before}, nil
}

type hookedFile struct {
	vfs.File
	path   string
	before func(path, op string, n int64) error
}

func (f hookedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.before(f.path, "write", int64(len(p))); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f hookedFile) Allocate(off, length int64) error {
	if err := f.before(f.path, "allocate", length); err != nil {
		return err
	}
	return f.File.Allocate(off, length)
}
