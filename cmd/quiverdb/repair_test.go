package main

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// persistSnapshot takes a snapshot that outlives its process, and overwrites what
// it holds.
func persistSnapshot(t *testing.T, path string) string {
	t.Helper()
	db, err := quiver.Open(path, &quiver.Options{SnapPersist: true, SnapDedup: true})
	require.NoError(t, err)
	require.NoError(t, db.Put([]byte("key"), []byte("old")))
	sn, err := db.Snapshot()
	require.NoError(t, err)
	require.NoError(t, db.Put([]byte("key"), []byte("new")))
	require.NoError(t, db.Close())
	return sn.ID()
}

func TestRepairCommand(t *testing.T) {
	s := newDatabase(t)
	id := persistSnapshot(t, s.path)
	index := filepath.Join(s.path, ".snapstore", "index.bin")
	b, err := os.ReadFile(index)
	require.NoError(t, err)
	binary.LittleEndian.PutUint32(b[16:], 7)
	require.NoError(t, os.WriteFile(index, b, 0o600))

	s.must("check --path DB")
	got := s.run("check --path DB --strict")
	require.Equal(t, exitFindings, got.code)
	require.Contains(t, got.out, "more references")
	var r quiver.RepairReport
	require.NoError(t, json.Unmarshal([]byte(s.must("repair --path DB --json")), &r))
	require.Equal(t, 1, r.LoweredCounts)
	require.Contains(t, s.must("repair --path DB"), "0 counts lowered")
	s.must("check --path DB --strict")
	s.must("snaprm --path DB --id " + id)
	require.Contains(t, s.must("snapcompact --path DB --json"), `"after_bytes": 0`)
}

// Values near the limit, between small ones, fit all the same.
func TestLoadOfTheLargestValue(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	require.NoError(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
	db, err := quiver.Open("/db", &quiver.Options{FS: disk, Inline: true, MaxBatchBytes: 12 << 20})
	require.NoError(t, err)
	l := &loader{db: db, most: 1000}
	largest := make([]byte, db.MaxValueLen())
	for _, name := range []string{"a", "b"} {
		require.NoError(t, l.put([]byte("small "+name), make([]byte, 7<<20)))
		require.NoError(t, l.put([]byte("large "+name), largest))
	}
	require.NoError(t, l.finish())
	for _, name := range []string{"a", "b"} {
		value, found, err := db.Get([]byte("large " + name))
		require.True(t, err == nil && found && len(value) == len(largest))
	}
	require.NoError(t, db.Close())
}

// Backup and restore show bytes of the total, the rate and the time left; each
// phase has a bar of its own; nothing is shown where there is no terminal.
func TestBarsOfBackupAndRestore(t *testing.T) {
	var out strings.Builder
	b := &bar{w: &out, from: time.Now().Add(-time.Second), what: "backup", total: unknownTotal}
	const total = 300 << 20
	for i := int64(1); i <= 4; i++ {
		time.Sleep(120 * time.Millisecond) // the bar is drawn ten times a second at most
		b.phase(quiver.Progress{Phase: "restore", Done: i * total / 5, Total: total})
	}
	require.Regexp(t, `restore +80% .*\(240/300 MiB, [0-9.]+ [MG]iB/s\) \[[0-9]+s:[0-9]+s\]`, out.String())
	out.Reset()
	b.phase(quiver.Progress{Phase: "recount", Done: 1, Total: 4})
	b.phase(quiver.Progress{Phase: "recount", Done: 4, Total: 4})
	require.Contains(t, out.String(), "recount")
	require.NotContains(t, out.String(), "iB")
	b.done()

	s := newDatabase(t)
	s.bars = true
	dir := filepath.Dir(s.path)
	s.must("put --path DB greeting hello")
	s.must("backup --path DB --out", filepath.Join(dir, "quiet"))
	s.must("restore --from", filepath.Join(dir, "quiet"), "--path", filepath.Join(dir, "twin"))
	s.terminal = true
	got := s.run("backup --path DB --out", filepath.Join(dir, "shown"))
	require.Equal(t, exitDone, got.code)
	require.Contains(t, got.err, "backup")
}
