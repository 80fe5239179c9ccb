package quiver

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sync/atomic"

	"github.com/quiverdb/quiverdb-go/quiver/internal/bucket"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// Snapshot is the database as of one LSN, whatever is written, deleted or
// checkpointed meanwhile. It may be used by many goroutines.
//
// What it costs: beginning one copies no page. The first time that a page is
// overwritten while the snapshot lives, its old image goes to a file in
// .snapshots, and pages that are freed meanwhile are not reused. Close gives
// both back, unless the snapshot was begun with Options.SnapPersist: then it
// outlives the handle, and crashes, until EndSnapshot or RemoveSnapshot.
type Snapshot struct {
	db     *DB
	id     string
	sn     *pager.Snapshot
	view   *bucket.Snapshot
	end    func() error
	closed atomic.Bool
}

func (db *DB) newSnapshot(id string, sn *pager.Snapshot, end func() error) *Snapshot {
	return &Snapshot{db: db, id: id, sn: sn, view: db.store.Snapshot(sn), end: end}
}

// ID names the snapshot.
func (s *Snapshot) ID() string { return s.id }

// LSN is the last change that the snapshot has.
func (s *Snapshot) LSN() uint64 { return s.sn.LSN() }

func (s *Snapshot) usable() error {
	if s.closed.Load() {
		return fmt.Errorf("snapshot %s: %w", s.id, ErrClosed)
	}
	return s.db.open()
}

// Get returns the value that a key had; see DB.Get.
func (s *Snapshot) Get(key []byte) (value []byte, found bool, err error) {
	if err := s.usable(); err != nil {
		return nil, false, err
	}
	value, found, err = s.view.Get(nil, key)
	return value, found, s.told(err)
}

// Has reports whether a key was there.
func (s *Snapshot) Has(key []byte) (bool, error) {
	if err := s.usable(); err != nil {
		return false, err
	}
	found, err := s.view.Has(key)
	return found, s.told(err)
}

// Scan visits all pairs of the snapshot; see DB.Scan.
func (s *Snapshot) Scan(o ScanOptions) iter.Seq2[Item, error] {
	return scanning(o, s.usable, func(o bucket.ScanOptions, visit func(bucket.Pair) bool) error {
		return s.told(s.view.Scan(o, visit))
	})
}

// told says why files were closed under a read: with the database, or because
// the snapshot was ended through another handle.
func (s *Snapshot) told(err error) error {
	if !errors.Is(err, fs.ErrClosed) {
		return err
	}
	if err := s.usable(); err != nil {
		return err
	}
	return fmt.Errorf("snapshot %s: %w: it was ended", s.id, ErrSnapshotGone)
}

// Close ends the use of the snapshot. One that is not persisted loses its
// protection and its files; a persisted one keeps both. A second Close is
// ErrClosed.
func (s *Snapshot) Close() error {
	s.db.files.RLock()
	defer s.db.files.RUnlock()
	if s.closed.Swap(true) {
		return fmt.Errorf("snapshot %s: %w", s.id, ErrClosed)
	}
	return s.end()
}
