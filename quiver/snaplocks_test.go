package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// lockScene is an open database with an ended snapshot and a live one, both with
// frozen pages, in files and in the SnapStore.
type lockScene struct {
	t     *testing.T
	disk  *gateFS
	o     quiver.Options
	db    *quiver.DB
	ended string
	live  string
	puts  int
}

// newLockScene is of a handle whose own snapshots are persisted or not.
func newLockScene(t *testing.T, persist bool) *lockScene {
	s := &lockScene{t: t, disk: &gateFS{FS: faultfs.New(faultfs.Options{NoReads: true})}}
	s.o = quiver.Options{FS: s.disk, Inline: true, SnapPersist: true, SnapDedup: true, LockWait: -1, NoRecount: true}
	s.db = openFresh(t, s.o, "/db", 4)
	must(t, s.put())
	for _, id := range []*string{&s.ended, &s.live} {
		sn, err := s.db.Snapshot()
		must(t, err)
		*id = sn.ID()
		must(t, s.put())
	}
	must(t, s.db.EndSnapshot(s.ended))
	must(t, s.db.Close())
	s.o.SnapPersist = persist
	s.db = mustOpen(t, "/db", s.o)
	must(t, s.put())
	return s
}

// frozen is where the ended snapshot has its pages: only who looks at the files of
// snapshots reads it, not a walk through what the live one leads to.
func (s *lockScene) frozen() string { return filepath.Join("/db/.snapshots", s.ended, "freeze.bin") }

// put changes a page of every bucket.
func (s *lockScene) put() error {
	s.puts++
	var all error
	for _, key := range keysOfBuckets(4) {
		all = errors.Join(all, s.db.Put(key, fmt.Append(nil, s.puts)))
	}
	return all
}

func (s *lockScene) check() error {
	r, err := s.db.Check(context.Background(), quiver.CheckOptions{Strict: true})
	if err == nil && len(r.Findings) > 0 {
		err = fmt.Errorf("check: %+v", r.Findings)
	}
	return err
}

func (s *lockScene) open() error {
	sn, err := s.db.OpenSnapshot(s.ended)
	if err == nil {
		err = sn.Close()
	}
	return err
}

func (s *lockScene) compact() error {
	_, err := s.db.CompactSnapStore()
	return err
}

// A snapshot begins, and writes go on, while another call stands still in a read
// of frozen pages.
func TestSnapshotBeginsBesideLongReads(t *testing.T) {
	for _, persist := range []bool{false, true} {
		for _, c := range []struct {
			name  string
			store bool // stands in store.bin, where a freeze wants to write
			call  func(*lockScene) error
		}{
			{"check", false, (*lockScene).check},
			{"check", true, (*lockScene).check},
			{"open", false, (*lockScene).open},
			{"compact", true, (*lockScene).compact},
		} {
			t.Run(fmt.Sprintf("%s store=%v persist=%v", c.name, c.store, persist), func(t *testing.T) {
				s := newLockScene(t, persist)
				file := s.frozen()
				if c.store {
					file = storeFile
				}
				still := s.disk.standIn(t, file, func() error { return c.call(s) })
				var sn *quiver.Snapshot
				still.mustNotWait("Snapshot", func() (err error) { sn, err = s.db.Snapshot(); return err })
				still.mustNotWait("OpenSnapshot of a live one", func() error {
					live, err := s.db.OpenSnapshot(s.live)
					return errors.Join(err, live.Close())
				})
				still.mustNotWait("Snapshots", func() error { _, err := s.db.Snapshots(); return err })
				if !c.store {
					still.mustNotWait("Put", s.put)
					still.mustNotWait("EndSnapshot", func() error { return s.db.EndSnapshot(s.live) })
				}
				still.mustNotWait("Close of a snapshot", sn.Close)
				still.end()
				must(t, s.check())
				must(t, s.db.Close())
			})
		}
	}
}

// The folder of a snapshot that is not persisted goes while a check stands
// between its list of folders and its reading of them: the check finds nothing.
func TestCloseOfASnapshotBesideACheck(t *testing.T) {
	s := newLockScene(t, false)
	sn, err := s.db.Snapshot()
	must(t, err)
	must(t, s.put())
	still := s.disk.standIn(t, storeFile, s.check)
	still.mustNotWait("Close of a snapshot", sn.Close)
	_, err = s.disk.Stat(filepath.Join("/db/.snapshots", sn.ID()))
	require.Error(t, err)
	still.end()
	must(t, s.db.Close())
}

// What removes or moves frozen pages waits for who reads them.
func TestRemovalsWaitForACheck(t *testing.T) {
	for name, call := range map[string]func(*lockScene) error{
		"remove":  func(s *lockScene) error { return s.db.RemoveSnapshot(s.ended) },
		"compact": (*lockScene).compact,
		"repair": func(s *lockScene) error {
			_, err := s.db.Repair(context.Background(), quiver.RepairOptions{})
			return err
		},
	} {
		for _, store := range []bool{false, true} {
			s := newLockScene(t, false)
			file := s.frozen()
			if store {
				file = storeFile
			}
			still := s.disk.standIn(t, file, s.check)
			done := make(chan error, 1)
			var begun sync.WaitGroup
			begun.Add(1)
			go func() { begun.Done(); done <- call(s) }()
			begun.Wait()
			select {
			case err := <-done:
				t.Errorf("%s was done under a check that reads %s: %v", name, file, err)
				done <- err
			case <-time.After(30 * time.Millisecond): // time to do it wrongly
			}
			still.end()
			must(t, <-done)
			must(t, s.check())
			must(t, s.db.Close())
		}
	}
}

// Beginning a snapshot copies nothing of the directory.
func TestBeginCopiesNoDirectory(t *testing.T) {
	const buckets = 1 << 16
	for _, readOnly := range []bool{false, true} {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		o := quiver.Options{FS: disk, Inline: true, LockWait: -1}
		db := openFresh(t, o, "/db", buckets)
		must(t, db.Put([]byte("key"), []byte("v")))
		if readOnly {
			must(t, db.Close())
			db = mustOpenReadOnly(t, "/db", o)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10 {
			sn, err := db.Snapshot()
			must(t, err)
			must(t, sn.Close())
		}
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*buckets), "that of one directory")
		must(t, db.Close())
	}
}

// A read-only handle persists no snapshot, whatever the options say.
func TestReadOnlySnapshotIsNotPersisted(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1, SnapPersist: true}
	db := openFresh(t, o, "/db", 4)
	must(t, db.Put([]byte("key"), []byte("v")))
	must(t, db.Close())
	db = mustOpenReadOnly(t, "/db", o)
	before := disk.Snapshot()
	sn, err := db.Snapshot()
	must(t, err)
	value, _, err := sn.Get([]byte("key"))
	must(t, err)
	require.Equal(t, "v", string(value))
	list, err := db.Snapshots()
	must(t, err)
	require.Empty(t, list)
	_, err = db.OpenSnapshot(sn.ID())
	require.ErrorIs(t, err, quiver.ErrNoSnapshot)
	must(t, sn.Close())
	sameBytes(t, before, disk)
	must(t, db.Close())
}
