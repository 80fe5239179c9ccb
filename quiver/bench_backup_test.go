package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// backupBench is a database of a million keys and the folder of one backup.
type backupBench struct {
	db   *quiver.DB
	dir  string
	info quiver.BackupInfo
}

func newBackupBench(b *testing.B) *backupBench {
	b.Helper()
	db, _ := benchDB(b, 1024, 1000000, quiver.Options{NoDataFsync: true})
	if err := db.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	w := &backupBench{db: db, dir: filepath.Join(b.TempDir(), "backup")}
	var err error
	if w.info, err = db.Backup(context.Background(), w.dir, quiver.BackupOptions{}); err != nil {
		b.Fatal(err)
	}
	return w
}

// eachFolder runs do with the name of a folder that is not there, and tells rate
// and median.
func (w *backupBench) eachFolder(b *testing.B, do func(dir string) error) {
	parent := b.TempDir()
	b.SetBytes(int64(w.info.Bytes))
	var took []time.Duration
	n := 0
	for b.Loop() {
		n++
		dir := filepath.Join(parent, fmt.Sprint(n))
		begun := time.Now()
		err := do(dir)
		took = append(took, time.Since(begun))
		b.StopTimer()
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	reportMedian(b, took, "median-ns")
}

// BenchmarkBackup is a full backup, a restore of it, and, to compare with, a copy
// of the same bytes with a sync.
func BenchmarkBackup(b *testing.B) {
	w := newBackupBench(b)
	defer closeDB(b, w.db)
	b.Run("backup", func(b *testing.B) {
		w.eachFolder(b, func(dir string) error {
			_, err := w.db.Backup(context.Background(), dir, quiver.BackupOptions{})
			return err
		})
	})
	b.Run("restore", func(b *testing.B) {
		w.eachFolder(b, func(dir string) error {
			_, err := quiver.Restore(context.Background(), dir, w.dir, quiver.RestoreOptions{})
			return err
		})
	})
	b.Run("copy-fsync", func(b *testing.B) {
		w.eachFolder(b, func(dir string) error { return copySynced(dir, filepath.Join(w.dir, "pages.bin")) })
	})
}

// copySynced copies a file into a new folder, a MiB at a time, and syncs it.
func copySynced(dir, from string) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, "copy"))
	if err != nil {
		return err
	}
	// Without their other methods, which would let the system copy in its own way.
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 1<<20))
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
