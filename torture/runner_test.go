package torture

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// An engine that does not make the same calls each time is caught by the tasks
// that run twice, although each of its runs keeps every promise.
func TestChanceIsAViolation(t *testing.T) {
	var sessions atomic.Int64
	changeable := func(fsys vfs.FS) vfs.FS {
		return syncingFS{fsys, sessions.Add(1)%2 == 0}
	}
	only := func(t Task) bool {
		return t.Workload.Start == "empty" && strings.HasPrefix(opsString(t.Workload.Ops), "batch(-")
	}
	c := Config{Tier: Exhaustive, Knobs: 1, Workers: 1, Only: only}
	require.Empty(t, Run(c).Violations)
	c.Mutate = changeable
	found := Run(c).Violations
	require.Len(t, found, 1)
	require.Equal(t, determinismRule, found[0].Rule)
	require.Contains(t, found[0].Text, "makes call")
	require.NotEmpty(t, found[0].Steps)
}

// TestEveryWorkloadRepeats: whatever the engine keeps in a map, and walks through
// in the order of chance, comes to the disk in an order of its own.
func TestEveryWorkloadRepeats(t *testing.T) {
	for _, tier := range []Tier{Exhaustive, Snapshots, Backups} {
		report := Run(Config{Tier: tier, Plain: true, Twice: true, NoRules: true, Knobs: 1})
		require.Empty(t, report.Violations, tier)
		require.Greater(t, report.Tasks, 50, tier)
	}
}

// syncingFS syncs the log again where it is synced, or does not.
type syncingFS struct {
	vfs.FS
	again bool
}

func (s syncingFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	f, err := s.FS.OpenFile(path, flag)
	if err != nil || !s.again || faultfs.ClassOf(path) != faultfs.ClassWAL {
		return f, err
	}
	return syncingFile{f}, nil
}

type syncingFile struct{ vfs.File }

func (s syncingFile) Sync() error {
	if err := s.File.Sync(); err != nil {
		return err
	}
	return s.File.Sync()
}

func (s syncingFile) SyncData() error {
	if err := s.File.SyncData(); err != nil {
		return err
	}
	return s.File.SyncData()
}
