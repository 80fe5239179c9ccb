//go:build cgo

package main

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runLimit ends a program that hangs, which is how a mistake about threads or
// forks shows.
const runLimit = 2 * time.Minute

func compiler(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s on this machine: the library is not tried from C", name)
	}
	return path
}

// run runs a command to its end and tells what it said if it failed.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	require.NoError(t, errors.Join(err, ctx.Err()), "%s %q said:\n%s", name, args, out)
	if len(out) > 0 {
		t.Logf("%s said:\n%s", filepath.Base(name), out)
	}
}

// buildLibrary gives the folder with the library and the library.
func buildLibrary(t *testing.T) (dir, library string) {
	t.Helper()
	dir = t.TempDir()
	library = filepath.Join(dir, "libquiverdb.so")
	run(t, "go", "build", "-buildmode=c-shared", "-o", library, ".")
	return dir, library
}

// TestFromC builds the library and runs the programs of testdata with it.
func TestFromC(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the flags of this test are those of Linux")
	}
	gcc := compiler(t, "gcc")
	dir, library := buildLibrary(t)

	t.Run("exports", func(t *testing.T) { checkExports(t, library) })
	programs := []struct {
		name string
		args []string
	}{
		{name: "original"}, {name: "kv"}, {name: "scans"}, {name: "errors"}, {name: "snapshots"}, {name: "backup"},
		{name: "threads"}, {name: "fork"}, {name: "leaks"}, {name: "late", args: []string{library}},
	}
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			link := []string{"-L" + dir, "-lquiverdb", "-Wl,-rpath," + dir}
			if p.name == "late" {
				link = []string{"-ldl"}
			}
			compileAndRun(t, gcc, p.name, link, p.args)
		})
	}
	t.Run("sanitized", func(t *testing.T) {
		probe := filepath.Join(t.TempDir(), "probe")
		if err := exec.Command(gcc, "-fsanitize=address", "-I.", "-include", "quiverdb.h", "-x", "c", os.DevNull, "-shared", "-o", probe).Run(); err != nil {
			t.Skipf("no address sanitizer in this %s: %v", gcc, err)
		}
		link := []string{"-fsanitize=address", "-L" + dir, "-lquiverdb", "-Wl,-rpath," + dir}
		for _, name := range []string{"kv", "scans", "errors", "snapshots"} {
			t.Run(name, func(t *testing.T) { compileAndRun(t, gcc, name, link, nil) })
		}
	})
}

func compileAndRun(t *testing.T, gcc, name string, link, args []string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	compile := []string{"-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I.", "-o", program, filepath.Join("testdata", name+".c"), "-pthread"}
	run(t, gcc, append(compile, link...)...)
	run(t, program, append([]string{t.TempDir()}, args...)...)
}

// declared lists the functions of the header.
func declared(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("quiverdb.h")
	require.NoError(t, err)
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^[a-z][a-z0-9_ ]*[ *](qdb_[a-z_]+)\(`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	require.Greater(t, len(names), 40)
	return names
}

// checkExports: what the header declares can be linked.
func checkExports(t *testing.T, library string) {
	f, err := elf.Open(library)
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	symbols, err := f.DynamicSymbols()
	require.NoError(t, err)
	exported := map[string]bool{}
	for _, s := range symbols {
		exported[s.Name] = s.Section != elf.SHN_UNDEF
	}
	for _, name := range declared(t) {
		assert.True(t, exported[name], "%s is in the header and not in the library", name)
	}
}

// TestHeader: it is good for old C and for C++, without a warning.
func TestHeader(t *testing.T) {
	t.Run("C", func(t *testing.T) {
		run(t, compiler(t, "gcc"), "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "quiverdb.h")
	})
	t.Run("C++", func(t *testing.T) {
		run(t, compiler(t, "g++"), "-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", "quiverdb.h")
	})
}
