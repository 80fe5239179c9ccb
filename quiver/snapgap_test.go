package quiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// gapScene is a database in the gap of a snapshot that begins: the pager protects
// it, the registry names it if it is persisted, and no list of the handle has it.
type gapScene struct {
	t     *testing.T
	db    *DB
	o     Options
	id    string
	puts  int
	begun func() *Snapshot // ends the gap
}

func newGapScene(t *testing.T, persist bool) *gapScene {
	s := &gapScene{t: t, o: Options{FS: faultfs.New(faultfs.Options{NoReads: true}), Inline: true, LockWait: -1, NoRecount: true, SnapPersist: persist}}
	require.NoError(t, Init("/db", InitOptions{FS: s.o.FS, Buckets: 2}))
	s.open()
	s.put()
	return s
}

func (s *gapScene) open() {
	db, err := Open("/db", &s.o)
	require.NoError(s.t, err)
	s.db = db
}

func (s *gapScene) begin(persist bool) {
	s.id = s.db.snaps.newID()
	sn, side, err := s.db.beginSnapshot(s.id, persist)
	require.NoError(s.t, err)
	s.begun = func() *Snapshot { return s.db.listSnapshot(s.id, sn, side, persist) }
}

// put overwrites the only page.
func (s *gapScene) put() {
	s.t.Helper()
	s.puts++
	require.NoError(s.t, s.db.Put([]byte("key"), fmt.Append(nil, s.puts)))
}

func (s *gapScene) mustRead(sn *Snapshot, want string) {
	s.t.Helper()
	value, _, err := sn.Get([]byte("key"))
	require.NoError(s.t, err)
	require.Equal(s.t, want, string(value))
}

func (s *gapScene) listed() []string {
	s.t.Helper()
	infos, err := s.db.Snapshots()
	require.NoError(s.t, err)
	ids := []string{}
	for _, in := range infos {
		if !in.Ended {
			ids = append(ids, in.ID)
		}
	}
	return ids
}

func (s *gapScene) mustCheck() {
	s.t.Helper()
	r, err := s.db.Check(context.Background(), CheckOptions{Strict: true})
	require.NoError(s.t, err)
	require.Empty(s.t, r.Findings)
}

// A persisted snapshot that Snapshot has not returned yet is not there for other
// calls: what they could do to it would leave one that the pager freezes for, and
// that has no files, or that nobody can end.
func TestSnapshotIsNotThereBeforeItIsBegun(t *testing.T) {
	for name, call := range map[string]func(*gapScene) error{
		"remove": func(s *gapScene) error { return s.db.RemoveSnapshot(s.id) },
		"end":    func(s *gapScene) error { return s.db.EndSnapshot(s.id) },
		"open":   func(s *gapScene) error { _, err := s.db.OpenSnapshot(s.id); return err },
		"list": func(s *gapScene) error {
			if slices.Contains(s.listed(), s.id) {
				return errors.New("listed")
			}
			return ErrNoSnapshot
		},
		"repair, which removes what no registry names": func(s *gapScene) error {
			_, err := s.db.Repair(context.Background(), RepairOptions{})
			return errors.Join(err, ErrNoSnapshot)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newGapScene(t, true)
			s.begin(true)
			require.ErrorIs(t, call(s), ErrNoSnapshot)
			s.put() // freezes
			s.mustCheck()
			sn := s.begun()
			s.put()
			s.mustRead(sn, "1")
			require.Equal(t, []string{s.id}, s.listed())
			require.NoError(t, s.db.RemoveSnapshot(s.id))
			s.put()
			require.Empty(t, s.listed())
			require.Empty(t, s.db.snaps.beginning)
			s.mustCheck()
			require.NoError(t, s.db.Close())
		})
	}
}

// Ending another snapshot meanwhile leaves the one that begins in the registry.
func TestEndKeepsASnapshotThatBegins(t *testing.T) {
	s := newGapScene(t, true)
	other, err := s.db.Snapshot()
	require.NoError(t, err)
	s.put()
	s.begin(true)
	require.NoError(t, s.db.RemoveSnapshot(other.ID()))
	s.begun()
	require.NoError(t, s.db.Close())
	s.open()
	require.Equal(t, []string{s.id}, s.listed())
	s.put()
	sn, err := s.db.OpenSnapshot(s.id)
	require.NoError(t, err)
	s.mustRead(sn, "2")
	require.NoError(t, sn.Close())
	require.NoError(t, s.db.Close())
}

// A freeze for a snapshot that is about to be returned makes its folder, which a
// check knows.
func TestCheckKnowsASnapshotThatBegins(t *testing.T) {
	s := newGapScene(t, false)
	s.begin(false)
	s.put() // freezes
	s.mustCheck()
	sn := s.begun()
	s.mustRead(sn, "1")
	require.NoError(t, sn.Close())
	s.mustCheck()
	require.NoError(t, s.db.Close())
}

// A snapshot that could not be begun is forgotten.
func TestFailedBeginIsNotBeginning(t *testing.T) {
	s := newGapScene(t, true)
	s.o.FS.(*faultfs.FS).Inject(faultfs.Plan{{Class: faultfs.ClassSnap, N: 1, Errno: syscall.EIO}})
	_, err := s.db.Snapshot()
	require.Error(t, err)
	require.Empty(t, s.db.snaps.beginning)
	require.NoError(t, s.db.Close())
}

// A repair leaves the folder of a snapshot whose entering has failed and that the
// pager protects all the same, before it is in any list.
func TestRepairKeepsASnapshotThatBegins(t *testing.T) {
	for n := 1; ; n++ {
		s := newGapScene(t, true)
		disk := s.o.FS.(*faultfs.FS)
		disk.Inject(faultfs.Plan{{Class: faultfs.ClassSnap, N: n, Errno: syscall.EIO, Sticky: true}})
		sn, side, err := s.db.beginSnapshot(s.db.snaps.newID(), true)
		disk.Inject(nil)
		if err == nil {
			t.Fatal("no failure leaves a snapshot that is protected and not entered")
		}
		entries, e := s.db.snaps.entries()
		require.NoError(t, e)
		if sn == nil || len(entries) > 0 {
			require.NoError(t, s.db.Close())
			continue
		}
		s.put() // freezes
		r, err := s.db.Repair(context.Background(), RepairOptions{})
		require.NoError(t, err)
		require.Zero(t, r.RemovedFolders)
		s.db.listSnapshot(side.ID(), sn, side, true)
		require.NoError(t, s.db.Close())
		return
	}
}
