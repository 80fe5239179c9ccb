package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Snapshots are begun, opened, ended and removed while the handle is closed:
// each call is done wholly or answers ErrClosed, and no file or lock stays open.
func TestCloseBesideSnapshots(t *testing.T) {
	for _, persist := range []bool{false, true} {
		for round := range rounds(8) {
			disk := faultfs.New(faultfs.Options{NoReads: true})
			o := quiver.Options{FS: disk, SnapPersist: persist, SnapDedup: persist, LockWait: -1, NoDataFsync: true}
			db := openFresh(t, o, "/db", 2)
			must(t, db.Put([]byte("k"), []byte("v")))
			first, err := db.Snapshot()
			must(t, err)
			must(t, db.Put([]byte("k"), []byte("w")))
			var busy sync.WaitGroup
			for worker := range 4 {
				busy.Go(func() {
					for i := 0; ; i++ {
						if err := besideClose(db, first.ID(), worker, i); err != nil {
							if !errors.Is(err, quiver.ErrClosed) || errors.Is(err, fs.ErrClosed) {
								t.Errorf("worker %d: %v", worker, err)
							}
							return
						}
					}
				})
			}
			for i := range round % 7 {
				must(t, db.Put([]byte("k"), fmt.Append(nil, i)))
			}
			must(t, db.Close())
			busy.Wait()
			require.Zero(t, disk.Handles()+disk.Locks(), "persist %t: files or locks stay open", persist)
			if !persist {
				for _, name := range disk.List() {
					require.NotContains(t, name, "freeze.bin")
				}
			}
		}
	}
}

func besideClose(db *quiver.DB, first string, worker, i int) error {
	switch worker {
	case 0:
		if _, err := db.CompactSnapStore(); err != nil {
			return err
		}
		return db.Put([]byte("k"), fmt.Append(nil, "worker", i))
	case 1:
		if sn, err := db.OpenSnapshot(first); err == nil {
			return sn.Close()
		}
		_, err := db.Snapshots()
		return err
	}
	sn, err := db.Snapshot()
	if err != nil {
		return err
	}
	if _, _, err = sn.Get([]byte("k")); err == nil && worker == 2 {
		err = sn.Close()
	}
	if err == nil && i%2 == 0 {
		if err = db.RemoveSnapshot(sn.ID()); errors.Is(err, quiver.ErrNoSnapshot) {
			err = nil // it was not persisted
		}
	}
	return err
}

// A handle of a snapshot that was ended through another one gives what is still
// there, or says that it is gone; a closed database says that.
func TestHandleOfAnEndedSnapshot(t *testing.T) {
	for _, remove := range []bool{false, true} {
		w := newEndWorld(t, faultfs.New(faultfs.Options{NoReads: true}), remove, false)
		handles := make([]*quiver.Snapshot, 2)
		for i := range handles {
			var err error
			handles[i], err = w.db.OpenSnapshot(w.id)
			must(t, err)
		}
		must(t, w.overwrite())
		must(t, w.end())
		for _, sn := range handles {
			for key := range w.old {
				_, _, err := sn.Get([]byte(key))
				require.ErrorIs(t, err, quiver.ErrSnapshotGone)
				require.NotErrorIs(t, err, fs.ErrClosed)
				_, err = sn.Has([]byte(key))
				require.ErrorIs(t, err, quiver.ErrSnapshotGone)
			}
			for _, err := range sn.Scan(quiver.ScanOptions{}) {
				require.ErrorIs(t, err, quiver.ErrSnapshotGone)
			}
		}
		must(t, handles[0].Close())
		must(t, w.db.Close())
		_, _, err := handles[1].Get([]byte("key"))
		require.ErrorIs(t, err, quiver.ErrClosed)
	}
}

// A backup whose handle is closed meanwhile says so.
func TestCloseInABackup(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	db := openFresh(t, quiver.Options{FS: disk, LockWait: -1, NoDataFsync: true}, "/db", 4)
	for i := range 100 {
		must(t, db.Put(fmt.Appendf(nil, "key %d", i), []byte(blob("x", 3000))))
	}
	var once sync.Once
	_, err := db.Backup(context.Background(), "/backup", quiver.BackupOptions{Progress: func(quiver.Progress) {
		once.Do(func() {
			must(t, db.Put([]byte("key 1"), []byte("frozen")))
			must(t, db.Close())
		})
	}})
	require.ErrorIs(t, err, quiver.ErrClosed)
	require.NotErrorIs(t, err, fs.ErrClosed)
	require.Zero(t, disk.Handles()+disk.Locks())
}

// A frame of a live snapshot is damaged: what was read from it is an error that
// names the file and the offset, also after the database was opened again.
func TestDamagedFrameOfALiveSnapshot(t *testing.T) {
	for _, reopen := range []bool{false, true} {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		w := newEndWorld(t, disk, false, false)
		must(t, w.overwrite())
		freeze := "/db/.snapshots/" + w.id + "/freeze.bin"
		if reopen {
			must(t, w.db.Close())
		}
		b, err := disk.ReadFile(freeze)
		must(t, err)
		stride := 24 + 4096
		for at := 100; at < len(b); at += stride {
			b[at] ^= 1
		}
		overwriteFile(t, disk, freeze, b)
		if reopen {
			w.db = mustOpen(t, "/db", w.o)
		}
		sn, err := w.db.OpenSnapshot(w.id)
		must(t, err)
		for key := range w.old {
			_, _, err := sn.Get([]byte(key))
			ce := corruption(t, err)
			require.Equal(t, freeze, ce.Path)
			require.Zero(t, ce.Offset%int64(stride))
			require.Less(t, ce.Page, uint64(100))
		}
		report, err := w.db.Check(t.Context(), quiver.CheckOptions{})
		must(t, err)
		require.NotEmpty(t, report.Findings)
		require.Equal(t, freeze, report.Findings[0].File)
		_, err = w.db.Recount(t.Context(), nil)
		require.ErrorIs(t, err, quiver.ErrCorrupt, "pages were freed that the snapshot may need")
		must(t, w.db.Close())
	}
}

// overwriteFile changes the bytes of a file in place, so that open handles see it.
func overwriteFile(t *testing.T, disk *faultfs.FS, path string, b []byte) {
	t.Helper()
	f, err := disk.OpenFile(path, vfs.Write)
	must(t, err)
	_, err = f.WriteAt(b, 0)
	must(t, err)
	must(t, f.Close())
}
