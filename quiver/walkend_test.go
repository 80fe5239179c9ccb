package quiver_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// walkScene is an open database with two snapshots of an earlier session. Both have
// frozen pages, and each alone leads to the pages of its long values.
type walkScene struct {
	t      *testing.T
	disk   *gateFS
	db     *quiver.DB
	first  string
	second string
	old    snapPairs // what the second one has
	now    pairs
}

const walkBuckets = 4

func newWalkScene(t *testing.T) *walkScene {
	s := &walkScene{t: t, disk: &gateFS{FS: faultfs.New(faultfs.Options{NoReads: true})}, old: snapPairs{}, now: pairs{}}
	o := quiver.Options{FS: s.disk, Inline: true, SnapPersist: true, LockWait: -1, NoRecount: true}
	s.db = openFresh(t, o, "/db", walkBuckets)
	for _, id := range []*string{&s.first, &s.second} {
		s.putLong(fmt.Sprint("of a snapshot ", len(s.old)))
		sn, err := s.db.Snapshot()
		must(t, err)
		*id = sn.ID()
		for k, v := range s.now {
			s.old[k] = v
		}
	}
	s.putShort("short")
	must(t, s.db.Close())
	s.db = mustOpen(t, "/db", o)
	_, err := s.db.Recount(t.Context(), nil)
	must(t, err)
	return s
}

func (s *walkScene) putLong(name string) {
	s.t.Helper()
	for _, key := range keysOfBuckets(walkBuckets) {
		mustPut(s.t, s.db, s.now, string(key), blob(name+string(key), 9000))
	}
}

func (s *walkScene) putShort(name string) {
	s.t.Helper()
	for _, key := range keysOfBuckets(walkBuckets) {
		mustPut(s.t, s.db, s.now, string(key), name+string(key))
	}
}

func (s *walkScene) check() error { return s.checked(quiver.CheckOptions{}) }

func (s *walkScene) checked(o quiver.CheckOptions) error {
	r, err := s.db.Check(s.t.Context(), o)
	if err == nil && len(r.Findings) > 0 {
		err = fmt.Errorf("check: %+v", r.Findings)
	}
	return err
}

// mustBeWhole wants what the database and the second snapshot have, while pages
// are given out.
func (s *walkScene) mustBeWhole() {
	s.t.Helper()
	for round := range 2 {
		s.putLong(fmt.Sprint("new ", round))
		mustHold(s.t, s.db, s.now)
		sn, err := s.db.OpenSnapshot(s.second)
		must(s.t, err)
		require.Equal(s.t, s.old, scanPairs(s.t, sn.Scan(quiver.ScanOptions{})))
		must(s.t, sn.Close())
	}
}

// heldWalk holds a call at a moment of its progress.
type heldWalk struct {
	held chan struct{}
	goOn chan struct{}
	done chan error
}

// holdAt runs a call until it tells of that much progress.
func holdAt(t *testing.T, done int64, call func(func(quiver.Progress)) error) *heldWalk {
	t.Helper()
	h := &heldWalk{make(chan struct{}), make(chan struct{}), make(chan error, 1)}
	go func() {
		h.done <- call(func(p quiver.Progress) {
			if p.Phase == "check" && p.Done == done && p.Total > done {
				close(h.held)
				<-h.goOn
			}
		})
	}()
	select {
	case <-h.held:
	case <-time.After(10 * time.Second):
		t.Fatalf("no progress of %d", done)
	}
	return h
}

func (h *heldWalk) end() error {
	close(h.goOn)
	return <-h.done
}

// A snapshot is ended while a walk through all pages stands in a read of a page
// that was frozen for it. The walk comes to its end, and takes no page for free
// that the database or another snapshot needs.
func TestEndBesideAWalk(t *testing.T) {
	for name, walk := range map[string]func(*walkScene) error{
		"check":   (*walkScene).check,
		"recount": func(s *walkScene) error { _, err := s.db.Recount(s.t.Context(), nil); return err },
		"repair":  func(s *walkScene) error { _, err := s.db.Repair(s.t.Context(), quiver.RepairOptions{}); return err },
	} {
		for how, end := range map[string]func(*quiver.DB, string) error{
			"end": (*quiver.DB).EndSnapshot, "remove": (*quiver.DB).RemoveSnapshot,
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				s := newWalkScene(t)
				still := s.disk.standIn(t, filepath.Join("/db/.snapshots", s.first, "freeze.bin"), func() error { return walk(s) })
				still.mustNotWait(how, func() error { return end(s.db, s.first) })
				s.putLong("meanwhile")
				still.end()
				must(t, s.check())
				s.mustBeWhole()
				_, err := s.db.Recount(t.Context(), nil)
				must(t, err)
				must(t, s.checked(quiver.CheckOptions{Strict: true}))
				s.mustBeWhole()
				must(t, s.db.Close())
			})
		}
	}
}

// What a snapshot led to is overwritten when it has been ended in the middle of
// the walk of a check through it.
func TestEndBesideACheckIsNoFinding(t *testing.T) {
	s := newWalkScene(t)
	sn, err := s.db.Snapshot()
	must(t, err)
	inThird := int64(walkBuckets*3 + 2) // the database and two snapshots come first
	h := holdAt(t, inThird, func(progress func(quiver.Progress)) error {
		return s.checked(quiver.CheckOptions{Progress: progress})
	})
	must(t, s.db.EndSnapshot(sn.ID()))
	s.putLong("meanwhile")
	must(t, h.end())
	s.mustBeWhole()
	must(t, s.db.Close())
}

// Pages that were free when a check began are given out, and a snapshot that
// begins after that needs them.
func TestCheckBesideASnapshotOfFreePages(t *testing.T) {
	s := newWalkScene(t)
	must(t, s.db.RemoveSnapshot(s.first))
	_, err := s.db.Recount(t.Context(), nil)
	must(t, err)
	r, err := s.db.Check(t.Context(), quiver.CheckOptions{})
	must(t, err)
	require.Positive(t, r.FreePages)
	h := holdAt(t, 0, func(progress func(quiver.Progress)) error {
		return s.checked(quiver.CheckOptions{Strict: true, Progress: progress})
	})
	s.putLong("where it was free")
	sn, err := s.db.Snapshot()
	must(t, err)
	s.putShort("short once more")
	must(t, h.end())
	s.mustBeWhole()
	must(t, s.db.RemoveSnapshot(sn.ID()))
	must(t, s.db.Close())
}

// What the recount has reached through a snapshot that was ended meanwhile is counted
// anew by the next recount, which is due.
func TestEndBesideARecountIsCountedAgain(t *testing.T) {
	s := newWalkScene(t)
	ended := false
	_, err := s.db.Recount(t.Context(), func(p quiver.Progress) {
		if !ended && p.Done > p.Total-walkBuckets && p.Done < p.Total {
			ended = true
			must(t, s.db.RemoveSnapshot(s.second))
		}
	})
	must(t, err)
	require.True(t, ended)
	require.True(t, stats(t, s.db).RecountDue)
	must(t, s.db.Close())
}
