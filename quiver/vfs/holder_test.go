package vfs_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func TestHolderText(t *testing.T) {
	args := os.Args
	defer func() { os.Args = args }()
	start := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	for _, program := range []string{"/usr/bin/program", strings.Repeat("ä", 500), "a\nb\x00c\xff", ""} {
		os.Args = []string{program}
		text := vfs.HolderText(start)
		require.Less(t, len(text), 200)
		require.Contains(t, text, fmt.Sprintf("pid %d on ", os.Getpid()))
		require.Contains(t, text, "since 2026-01-02T02:04:05Z")
		require.NotContains(t, text, "\uFFFD")
		for _, r := range text {
			require.True(t, unicode.IsPrint(r), "%q", text)
		}
	}
	os.Args = []string{"/usr/bin/program"}
	require.True(t, strings.HasSuffix(vfs.HolderText(start), " (program)"))
	os.Args = nil
	require.True(t, strings.HasSuffix(vfs.HolderText(start), " (unknown program)"))
}

func TestLockedError(t *testing.T) {
	require.ErrorIs(t, vfs.NewLockedError("LOCK", nil), vfs.ErrLocked)
	for content, want := range map[string]string{
		"":                             "",
		" holder \n":                   "holder",
		"a\tb\x1b[0m\u2028":            "ab[0m",
		"größer":                       "größer",
		"\xff\xfe":                     "",
		strings.Repeat("ä", 200):       strings.Repeat("ä", 128),
		"x" + strings.Repeat("ä", 200): "x" + strings.Repeat("ä", 127),
	} {
		err := vfs.NewLockedError("LOCK", []byte(content))
		require.Equal(t, want, err.Holder, "%q", content)
		require.Equal(t, "LOCK", err.Path)
	}
}

func TestSystem(t *testing.T) {
	clock := vfs.SystemClock()
	before := time.Now()
	clock.Sleep(time.Millisecond)
	clock.Sleep(-time.Hour)
	require.WithinRange(t, clock.Now(), before.Add(time.Millisecond), time.Now())

	t.Setenv("QUIVER_VFS_EMPTY", "")
	value, found := vfs.LookupEnv("QUIVER_VFS_EMPTY")
	require.True(t, found)
	require.Empty(t, value)
	_, found = vfs.LookupEnv("QUIVER_VFS_ABSENT")
	require.False(t, found)
}
