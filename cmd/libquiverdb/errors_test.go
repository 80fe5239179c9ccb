//go:build cgo

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// sentinels lists the exported errors that package quiver declares.
func sentinels(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "quiver", "*.go"))
	require.NoError(t, err)
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(id.Name, "Err") {
						names = append(names, id.Name)
					}
				}
			}
		}
	}
	require.Greater(t, len(names), 10)
	return names
}

// TestEverySentinelHasACode: one that the engine gains must be given one.
func TestEverySentinelHasACode(t *testing.T) {
	table, err := os.ReadFile("errors.go")
	require.NoError(t, err)
	for _, name := range sentinels(t) {
		assert.Contains(t, string(table), "{quiver."+name+",", "no row for %s", name)
	}
}

// TestKinds: name by name, and an error that is of two kinds.
func TestKinds(t *testing.T) {
	for want, err := range map[string]error{
		"internal":      newPanicError(quiver.ErrFull),
		"invalid":       quiver.ErrInvalid,
		"closed":        quiver.ErrClosed,
		"no_database":   quiver.ErrNoDatabase,
		"incomplete":    quiver.ErrIncomplete,
		"exists":        quiver.ErrExists,
		"locked":        &quiver.LockedError{Path: "LOCK", Holder: "pid 7"},
		"read_only":     quiver.ErrReadOnly,
		"corrupt":       &quiver.CorruptionError{Path: "x", Page: 3, Offset: 12, Err: fs.ErrNotExist},
		"incompatible":  quiver.ErrIncompatible,
		"full":          &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC},
		"too_large":     quiver.ErrTooLarge,
		"poisoned":      fmt.Errorf("%w: %w", quiver.ErrPoisoned, quiver.ErrFull),
		"snapshot_gone": quiver.ErrSnapshotGone,
		"no_snapshot":   quiver.ErrNoSnapshot,
		"canceled":      fmt.Errorf("restore: %w", context.Canceled),
		"busy":          quiver.ErrRecounting,
		"io":            errors.Join(syscall.EIO),
		"permission":    &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES},
		"not_found":     &fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT},
		"no_memory":     errNoMemory,
	} {
		assert.Equal(t, want, detailsOf(err).Kind, "%v", err)
	}
}

func TestDetails(t *testing.T) {
	text := func(err error) string {
		b, failed := json.Marshal(detailsOf(err))
		require.NoError(t, failed)
		return string(b)
	}
	assert.JSONEq(t, `{"code": 9, "kind": "corrupt", "message": "seg: corrupt, page 0, offset 0: bad", "path": "seg", "page": 0, "offset": 0, "reason": "bad"}`,
		text(&quiver.CorruptionError{Path: "seg", Reason: "bad"}))
	assert.JSONEq(t, `{"code": 9, "kind": "corrupt", "message": "meta: corrupt: why", "path": "meta", "reason": "why"}`,
		text(&quiver.CorruptionError{Path: "meta", Page: format.NoPage, Offset: -1, Err: errors.New("why")}))
	assert.JSONEq(t, `{"code": 7, "kind": "locked", "message": "LOCK: locked by pid 7", "path": "LOCK", "holder": "pid 7"}`,
		text(&quiver.LockedError{Path: "LOCK", Holder: "pid 7"}))
	assert.JSONEq(t, `{"code": 18, "kind": "io", "message": "read a\\0b\ufffd: input/output error", "path": "a\u0000b\ufffd", "errno": 5}`,
		text(&fs.PathError{Op: "read", Path: "a\x00b\xff", Err: syscall.EIO}))
}

// TestCallCatchesPanics: they must not reach C.
func TestCallCatchesPanics(t *testing.T) {
	for _, what := range []any{"a mistake", errors.New("a mistake"), nil} {
		assert.Equal(t, 7, call(7, func() (int, error) { panic(what) }))
	}
	assert.Equal(t, 7, call(7, func() (int, error) { return 0, quiver.ErrFull }))
	assert.Equal(t, 0, call(7, func() (int, error) { return 0, nil }))
	assert.Equal(t, -1, int(do(func() error { var p *int; *p = 1; return nil })))
}

// TestHeaderNames: the name that the header tells of a code is the one given.
func TestHeaderNames(t *testing.T) {
	header, err := os.ReadFile("quiverdb.h")
	require.NoError(t, err)
	names, err := os.ReadFile("errors.c")
	require.NoError(t, err)
	rows := regexp.MustCompile(`(?m)^\t(QDB_(?:OK|ERR_[A-Z_]+)) = \d+,? +/\* ("[a-z_]+"):?`).FindAllSubmatch(header, -1)
	require.Greater(t, len(rows), 20)
	for _, row := range rows {
		assert.Contains(t, string(names), fmt.Sprintf("[%s] = %s,", row[1], row[2]))
	}
	assert.Len(t, rows, strings.Count(string(names), "\t[QDB_"))
}

// TestErrorOfAHandleClosedMeanwhile: it is that the handle was closed, whatever
// the engine met, unless that says more.
func TestErrorOfAHandleClosedMeanwhile(t *testing.T) {
	tab := newTable()
	var log []string
	h, err := tab.add(&thing{name: "a", log: &log}, 0)
	require.NoError(t, err)
	assert.Same(t, quiver.ErrSnapshotGone, tab.late(h, quiver.ErrSnapshotGone))
	require.NoError(t, remove[*thing](tab, h))
	require.NoError(t, tab.late(h, nil))
	for was, is := range map[error]string{
		quiver.ErrSnapshotGone: "closed", quiver.ErrReadOnly: "closed", quiver.ErrTooLarge: "closed",
		quiver.ErrPoisoned: "poisoned", context.Canceled: "canceled",
	} {
		err := tab.late(h, was)
		require.ErrorIs(t, err, was)
		assert.Equal(t, is, detailsOf(err).Kind)
	}
}
