package vfs

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHolderText(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	long := strings.Repeat("ä", 500)
	for _, test := range []struct{ host, program, want string }{
		{"host", "program", "pid 4711 on host since 2026-01-02T02:04:05Z (program)"},
		{"h\no\x1bst\xff", "p\x00rogram ", "pid 4711 on host since 2026-01-02T02:04:05Z (program)"},
		{long, long, "pid 4711 on " + long[:64] + " since 2026-01-02T02:04:05Z (" + long[:64] + ")"},
	} {
		require.Equal(t, test.want, holderText(start, 4711, test.host, test.program))
	}
	require.Less(t, len(holderText(start, math.MaxInt, long, long)), 200)

	host, err := os.Hostname()
	require.NoError(t, err)
	program := filepath.Base(os.Args[0])
	require.Equal(t, holderText(start, os.Getpid(), host, program), HolderText(start))
}

func TestLockedError(t *testing.T) {
	require.ErrorIs(t, NewLockedError("LOCK", nil), ErrLocked)
	for content, want := range map[string]string{
		"":                             "",
		" holder \n":                   "holder",
		"a\tb\x1b[0m\u2028":            "ab[0m",
		"größer":                       "größer",
		"\xff\xfe":                     "",
		strings.Repeat("ä", 200):       strings.Repeat("ä", 128),
		"x" + strings.Repeat("ä", 200): "x" + strings.Repeat("ä", 127),
	} {
		err := NewLockedError("LOCK", []byte(content))
		require.Equal(t, want, err.Holder, "%q", content)
		require.Equal(t, "LOCK", err.Path)
	}
}

func TestSystem(t *testing.T) {
	clock := SystemClock()
	before := time.Now()
	clock.Sleep(time.Millisecond)
	clock.Sleep(-time.Hour)
	require.WithinRange(t, clock.Now(), before.Add(time.Millisecond), time.Now())

	t.Setenv("QUIVER_VFS_EMPTY", "")
	value, found := LookupEnv("QUIVER_VFS_EMPTY")
	require.True(t, found)
	require.Empty(t, value)
	_, found = LookupEnv("QUIVER_VFS_ABSENT")
	require.False(t, found)
}
