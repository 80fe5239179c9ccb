package quiver

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
	"github.com/quiverdb/quiverdb-go/quiver/internal/snap"
)

// Snapshot begins a snapshot of this moment, and makes batches without a sync
// durable first, so that it has them. With Options.SnapPersist it is entered in
// the registry and survives crashes when Snapshot has returned. Writes wait
// while it begins; reads do not.
func (db *DB) Snapshot() (*Snapshot, error) { return db.snapshot(db.snaps.persist) }

// snapshot begins one; persist says that it is to outlive the handle.
func (db *DB) snapshot(persist bool) (*Snapshot, error) {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.open(); err != nil {
		return nil, err
	}
	if db.o.ReadOnly {
		// Nothing changes while the handle holds its lock.
		sn := db.pg.FixedSnapshot(db.pg.LastLSN(), db.pg.Heads(), nil)
		return db.newSnapshot("read-only", sn, func() error { return nil }), nil
	}
	if err := db.knowLSNs(); err != nil {
		return nil, err
	}
	id := db.snaps.newID()
	var side *snap.Sidecar
	var entering error
	sn, err := db.pg.BeginSnapshot(persist, func(lsn uint64, heads []uint64) (pager.Keeper, error) {
		side, entering = db.snaps.begin(id, lsn, heads, persist)
		if side == nil {
			return nil, entering
		}
		return keeper{side}, nil
	})
	if err != nil {
		return nil, err
	}
	if persist {
		db.snaps.mu.Lock()
		db.snaps.kept[id] = &keptSnapshot{sn, side}
		db.snaps.mu.Unlock()
		if entering != nil {
			return nil, entering
		}
		return db.newSnapshot(id, sn, func() error { return nil }), nil
	}
	s := db.newSnapshot(id, sn, nil)
	s.end = func() error { return db.snaps.drop(s, side) }
	db.snaps.mu.Lock()
	db.snaps.opened[s] = struct{}{}
	db.snaps.mu.Unlock()
	return s, nil
}

// drop ends a snapshot that is not persisted and removes its files.
func (s *snapshots) drop(sn *Snapshot, side *snap.Sidecar) error {
	sn.sn.End()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.opened, sn)
	o, err := s.options(false)
	return snapError(errors.Join(side.Close(), err, snap.Remove(sn.id, o)))
}

// knowLSNs waits, after an unclean start on a folder that the original wrote,
// until every page's LSN is known: one may be above the counter, and a snapshot
// would take its page for newer than itself (R6).
func (db *DB) knowLSNs() error {
	for db.pg.LSNsUnknown() {
		_, err := db.Recount(db.alive, nil)
		if errors.Is(err, ErrRecounting) {
			// The one that runs in the background is as good.
			err = db.pg.AwaitAccount(db.alive)
		}
		if db.open() != nil {
			return ErrClosed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Snapshots lists the persisted snapshots, also those that have ended, in the
// order in which they were begun.
func (db *DB) Snapshots() ([]SnapshotInfo, error) {
	if err := db.open(); err != nil {
		return nil, err
	}
	db.snaps.mu.Lock()
	defer db.snaps.mu.Unlock()
	entries, err := db.snaps.entries()
	if err != nil {
		return nil, err
	}
	list := make([]SnapshotInfo, len(entries))
	for i, e := range entries {
		list[i] = SnapshotInfo{e.ID, e.LSN, e.TSNanos, e.Ended}
	}
	return list, nil
}

// CompactInfo tells what CompactSnapStore did, in bytes of store.bin.
type CompactInfo struct {
	Before  int64 `json:"before_bytes"`
	After   int64 `json:"after_bytes"`
	Dropped int   `json:"dropped_pages"`
}

// CompactSnapStore gives the space of pages back that no snapshot refers to any
// more. A crash in it loses nothing. Without a SnapStore nothing happens.
func (db *DB) CompactSnapStore() (CompactInfo, error) {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.Writable(); err != nil {
		return CompactInfo{}, err
	}
	s := db.snaps
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.openStore(); err != nil || s.store == nil {
		return CompactInfo{}, snapError(err)
	}
	before, after, dropped, err := s.store.Compact()
	return CompactInfo{before, after, dropped}, snapError(err)
}

// ErrNoSnapshot: there is no snapshot with that ID.
var ErrNoSnapshot = errors.New("no such snapshot")

// entries reads the registry. A reader makes it durable first, so that it shows
// nothing that can vanish; a writer has done so when it opened.
func (s *snapshots) entries() ([]format.Snapshot, error) {
	if s.o.ReadOnly && !s.settled {
		if err := snap.SyncRegistry(s.o.FS, s.root); err != nil {
			return nil, snapError(err)
		}
		s.settled = true
	}
	entries, err := snap.LoadRegistry(s.o.FS, s.root)
	return entries, snapError(err)
}

func noSnapshot(id string) error { return fmt.Errorf("%w: %s", ErrNoSnapshot, id) }

func (s *snapshots) entry(id string) (format.Snapshot, error) {
	entries, err := s.entries()
	if err != nil {
		return format.Snapshot{}, err
	}
	i := slices.IndexFunc(entries, func(e format.Snapshot) bool { return e.ID == id })
	if i < 0 {
		return format.Snapshot{}, noSnapshot(id)
	}
	return entries[i], nil
}

// OpenSnapshot reads a persisted snapshot. Where it has ended, or was begun by
// the original program, which keeps too little, what can no longer be read is
// ErrSnapshotGone, never other data.
func (db *DB) OpenSnapshot(id string) (*Snapshot, error) {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.open(); err != nil {
		return nil, err
	}
	s := db.snaps
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[id]; k != nil && k.sn != nil {
		return db.newSnapshot(id, k.sn, func() error { return nil }), nil
	}
	e, err := s.entry(id)
	if err != nil {
		return nil, err
	}
	o, err := s.options(true)
	if err != nil {
		return nil, snapError(err)
	}
	side, err := snap.Open(e.ID, e.LSN, o, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("snapshot %s: %w: it has no files", id, ErrSnapshotGone)
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", id, snapError(err))
	}
	if side.Heads() == nil || len(side.Heads()) != int(db.pg.Buckets()) {
		return nil, errors.Join(fmt.Errorf("snapshot %s: %w: its bucket heads were not kept", id, ErrSnapshotGone), side.Close())
	}
	sn := db.newSnapshot(id, db.pg.FixedSnapshot(e.LSN, side.Heads(), keeper{side}), nil)
	sn.end = func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.opened, sn)
		return snapError(side.Close())
	}
	s.opened[sn] = struct{}{}
	return sn, nil
}

// EndSnapshot takes the protection of a persisted snapshot away and keeps its
// files: what was frozen stays readable.
func (db *DB) EndSnapshot(id string) error { return db.endSnapshot(id, false) }

// RemoveSnapshot ends a persisted snapshot and removes its files.
func (db *DB) RemoveSnapshot(id string) error { return db.endSnapshot(id, true) }

func (db *DB) endSnapshot(id string, remove bool) error {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.Writable(); err != nil {
		return err
	}
	s := db.snaps
	k, err := s.strike(id, remove)
	if err != nil {
		return err
	}
	if k != nil && k.sn != nil {
		k.sn.End()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k != nil {
		err = snapError(k.side.Close())
	}
	if err != nil || !remove {
		return err
	}
	o, err := s.options(true)
	if err == nil {
		err = snap.Remove(id, o)
	}
	return snapError(err)
}

// strike makes the registry say that a snapshot has ended, before anything of it
// is given up: should that fail it is as live as before.
func (s *snapshots) strike(id string, remove bool) (*keptSnapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := s.entries()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(e format.Snapshot) bool { return e.ID == id })
	switch {
	case i < 0:
		return nil, noSnapshot(id)
	case remove:
		entries = slices.Delete(entries, i, i+1)
	default:
		entries[i].Ended = true
	}
	if err := snap.SaveRegistry(s.o.FS, s.root, entries); err != nil {
		return nil, snapError(err)
	}
	k := s.kept[id]
	delete(s.kept, id)
	return k, nil
}
