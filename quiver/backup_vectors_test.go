package quiver_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// Backups of the original restore to what it had, the incremental one over the
// full one, and can be written on; so do backups of ours of the same database.
func TestVectorsOfBackups(t *testing.T) {
	for _, name := range []string{"20-backup", "26-backup-sparse"} {
		t.Run(name, func(t *testing.T) {
			v := loadVector(t, name)
			dir := filepath.Join(vectorFolder(t), name)
			var expect struct {
				PairsFull [][2]string `json:"pairs_full"`
				FullLSN   uint64      `json:"full_lsn"`
			}
			text, err := os.ReadFile(filepath.Join(dir, "expect.json"))
			must(t, err)
			must(t, json.Unmarshal(text, &expect))
			full := pairs{}
			for _, row := range expect.PairsFull {
				full[unhex(t, row[0])] = unhex(t, row[1])
			}
			must(t, v.disk.Import(filepath.Join(dir, "full"), "/full"))
			must(t, v.disk.Import(filepath.Join(dir, "incr"), "/incr"))

			info, err := quiver.Restore(context.Background(), "/copy", "/full", quiver.RestoreOptions{FS: v.disk, Verify: true})
			must(t, err)
			require.Equal(t, expect.FullLSN, info.LSN)
			mustBeClean(t, v.disk, "/copy", full)
			info, err = quiver.Restore(context.Background(), "/copy", "/incr", quiver.RestoreOptions{FS: v.disk, Verify: true})
			must(t, err)
			require.Equal(t, v.LastLSN, info.LSN)
			mustBeClean(t, v.disk, "/copy", v.pairs)
			db := mustOpen(t, "/copy", quiver.Options{FS: v.disk, Inline: true})
			want := writeOn(t, db, v.pairs)
			must(t, db.Close())
			mustBeClean(t, v.disk, "/copy", want)

			db = mustOpen(t, "/db", quiver.Options{FS: v.disk, Inline: true})
			_, err = db.Backup(context.Background(), "/ours", quiver.BackupOptions{})
			must(t, err)
			_, err = db.Backup(context.Background(), "/our-incr", quiver.BackupOptions{Since: &expect.FullLSN})
			must(t, err)
			must(t, db.Close())
			must(t, restoreTo(v.disk, "/from-ours", "/ours"))
			mustBeClean(t, v.disk, "/from-ours", v.pairs)
			must(t, restoreTo(v.disk, "/mixed", "/full"))
			must(t, restoreTo(v.disk, "/mixed", "/our-incr"))
			mustBeClean(t, v.disk, "/mixed", v.pairs)
		})
	}
}
