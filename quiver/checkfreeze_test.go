package quiver_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// openHook calls a function before a file is opened.
type openHook struct {
	vfs.FS
	before func(path string)
}

func (h *openHook) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	if h.before != nil {
		h.before(path)
	}
	return h.FS.OpenFile(path, flag)
}

// A check that looks at the files of a snapshot while writes freeze more pages
// for it finds nothing wrong.
func TestCheckBesideAFreeze(t *testing.T) {
	for _, file := range []string{"index.bin", "freeze.bin"} {
		n := 1
		for checkBesideAFreeze(t, file, n) {
			n++
		}
		require.Greater(t, n, 1, file)
	}
}

// checkBesideAFreeze freezes at the n-th open of a file of the snapshot, and
// reports whether there was one.
func checkBesideAFreeze(t *testing.T, file string, n int) bool {
	hook := &openHook{FS: faultfs.New(faultfs.Options{NoReads: true})}
	db := openFresh(t, quiver.Options{FS: hook, Inline: true, SnapPersist: true, LockWait: -1}, "/db", 4)
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, key := range keys {
		must(t, db.Put([]byte(key), []byte(blob(key, 3000))))
	}
	_, err := db.Snapshot()
	must(t, err)
	must(t, db.Put([]byte("a"), []byte("frozen")))
	hook.before = func(path string) {
		if filepath.Base(path) != file || !strings.Contains(path, ".snapshots") {
			return
		}
		if n--; n == 0 {
			for _, key := range keys {
				must(t, db.Put([]byte(key), []byte("frozen meanwhile")))
			}
		}
	}
	report, err := db.Check(context.Background(), quiver.CheckOptions{Strict: true})
	must(t, err)
	require.Empty(t, report.Findings, "writes at an open of %s", file)
	must(t, db.Close())
	return n <= 0
}

// A folder with a file that only has the name of a manifest is somebody else's.
func TestBackupLeavesAStrangersManifest(t *testing.T) {
	s := newBackupScene(t)
	must(t, s.disk.Mkdir("/strange"))
	must(t, s.disk.WriteFile("/strange/manifest.json", []byte("{}\n")))
	db := mustOpen(t, "/db", s.o)
	_, err := db.Backup(t.Context(), "/strange", quiver.BackupOptions{})
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, "{}\n", string(must2(s.disk.ReadFile("/strange/manifest.json"))))
	must(t, db.Close())
}
