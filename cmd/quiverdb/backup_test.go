package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBackupAndRestoreCommands(t *testing.T) {
	s := newDatabase(t)
	dir := filepath.Dir(s.path)
	full, incr, twin := filepath.Join(dir, "full"), filepath.Join(dir, "incr"), filepath.Join(dir, "twin")
	s.must("put --path DB greeting hello")
	require.Contains(t, s.must("backup --path DB --out", full), "backed up lsn")
	s.must("put --path DB greeting", "good bye")
	var info struct {
		LSN   uint64
		Since *uint64
		Pages int
		Bytes int64
	}
	require.NoError(t, json.Unmarshal([]byte(s.must("backup --path DB --since-lsn 2 --json --out", incr)), &info))
	require.NotNil(t, info.Since)
	require.Equal(t, 1, info.Pages)
	require.Equal(t, int64(4120), info.Bytes)

	require.Contains(t, s.must("restore --verify --from", full, "--path", twin), "restored lsn 2")
	require.Equal(t, "hello", s.must("get --raw greeting --path", twin))
	s.must("restore --from", incr, "--path", twin)
	require.Equal(t, "good bye", s.must("get --raw greeting --path", twin))

	before := fingerprint(t, twin)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--from", full, "--path", twin}, exitFailed, "database exists"},
		{[]string{"--from", incr, "--path", twin}, exitFailed, "goes over LSN 2"},
		{[]string{"--from", dir, "--path", twin}, exitNoDatabase, "not complete"},
		{[]string{"--path", twin}, exitUsage, "from"},
	} {
		got := s.run("restore", c.args...)
		require.Equal(t, c.code, got.code, "%v: %s", c.args, got.err)
		require.Contains(t, got.err, c.says)
	}
	require.Equal(t, before, fingerprint(t, twin))
	require.Equal(t, exitFailed, s.run("backup --path DB --out", full).code, "a backup is there")
	require.Equal(t, exitUsage, s.run("backup --path DB --since-lsn 99 --out", filepath.Join(dir, "future")).code)
}

func TestSnapshotCommands(t *testing.T) {
	s := newDatabase(t)
	require.Empty(t, s.must("snapshots --path DB"))
	require.JSONEq(t, "[]", s.must("snapshots --path DB --json"))
	require.Equal(t, exitFailed, s.run("snaprm --path DB --id nothing").code)
	require.Contains(t, s.must("snap-compact --path DB --json"), `"dropped_pages": 0`)
}
