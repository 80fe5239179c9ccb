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
// the registry and survives crashes when Snapshot has returned; that of a read-only
// handle never is, and its ID is not one for OpenSnapshot. Writes wait while it
// begins; reads do not.
//
// It waits for the group that is on its way to the disk, for a Repair, and, with a
// SnapStore, while a Check reads the lists of references (24 bytes for each frozen
// page); not for the rest of a Check, nor for OpenSnapshot and CompactSnapStore,
// unless a write waits for that one. The first one of a handle waits until a
// recount has read the whole database where the LSNs of pages are not known: with
// RecoveryInfo.RecountDue, no record of this program in the log, and no clean close
// by it.
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
	sn, side, err := db.beginSnapshot(id, persist)
	s := db.listSnapshot(id, sn, side, persist)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// beginSnapshot makes the pager protect a new snapshot; nil if it does not. With
// an error too it is one that could not be entered as it should (begin).
func (db *DB) beginSnapshot(id string, persist bool) (sn *pager.Snapshot, side *snap.Sidecar, err error) {
	var entering error
	sn, err = db.pg.BeginSnapshot(persist, func(lsn uint64, heads []uint64) (pager.Keeper, error) {
		side, entering = db.snaps.begin(id, lsn, heads, persist)
		if side == nil {
			return nil, entering
		}
		return keeper{side}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return sn, side, entering
}

// listSnapshot ends a beginning: from here on the snapshot, if there is one, can
// be found, ended and closed.
func (db *DB) listSnapshot(id string, sn *pager.Snapshot, side *snap.Sidecar, persist bool) *Snapshot {
	db.snaps.mu.Lock()
	defer db.snaps.mu.Unlock()
	delete(db.snaps.beginning, id)
	if sn == nil {
		return nil
	}
	s := db.newSnapshot(id, sn, func() error { return nil })
	if persist {
		db.snaps.kept[id] = &keptSnapshot{sn, side}
		return s
	}
	s.end = func() error { return db.snaps.drop(s, side) }
	db.snaps.opened = append(db.snaps.opened, s)
	return s
}

// drop ends a snapshot that is not persisted and removes its files. A check that
// runs reads none of them, and as long as the folder is there it is known.
func (s *snapshots) drop(sn *Snapshot, side *snap.Sidecar) error {
	sn.sn.End()
	s.mu.Lock()
	o, err := s.options(false)
	s.mu.Unlock()
	err = snapError(errors.Join(side.Close(), err, snap.Remove(sn.id, o)))
	s.mu.Lock()
	s.forget(sn)
	s.mu.Unlock()
	return err
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
	entries, err := db.snaps.listed()
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
// more. A crash in it loses nothing. Without a SnapStore nothing happens. It waits
// for Check and OpenSnapshot; writes that must keep a page in the SnapStore wait
// for it.
func (db *DB) CompactSnapStore() (CompactInfo, error) {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.Writable(); err != nil {
		return CompactInfo{}, err
	}
	s := db.snaps
	s.folders.Lock()
	defer s.folders.Unlock()
	s.mu.Lock()
	err := s.openStore()
	store := s.store
	s.mu.Unlock()
	if err != nil || store == nil {
		return CompactInfo{}, snapError(err)
	}
	before, after, dropped, err := store.Compact()
	return CompactInfo{before, after, dropped}, snapError(err)
}

// ErrNoSnapshot: there is no snapshot with that ID.
var ErrNoSnapshot = errors.New("no such snapshot")

// entries reads the registry. A reader makes it durable first, so that it shows
// nothing that can vanish; a writer has done so when it opened. mu is held.
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

// listed are the entries but for those of snapshots that are beginning: they are
// not there for other calls. mu is held.
func (s *snapshots) listed() ([]format.Snapshot, error) {
	entries, err := s.entries()
	return slices.DeleteFunc(entries, func(e format.Snapshot) bool { return s.isBeginning(e.ID) }), err
}

func (s *snapshots) isBeginning(id string) bool {
	_, ok := s.beginning[id]
	return ok
}

func noSnapshot(id string) error { return fmt.Errorf("%w: %s", ErrNoSnapshot, id) }

// entry is what the registry says of a snapshot, and the options of its files.
func (s *snapshots) entry(id string) (format.Snapshot, snap.Options, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := s.listed()
	if err != nil {
		return format.Snapshot{}, snap.Options{}, err
	}
	i := slices.IndexFunc(entries, func(e format.Snapshot) bool { return e.ID == id })
	if i < 0 {
		return format.Snapshot{}, snap.Options{}, noSnapshot(id)
	}
	o, err := s.options(true)
	return entries[i], o, snapError(err)
}

// protected is a persisted snapshot that lives in this handle, nil if there is none.
func (s *snapshots) protected(id string) *keptSnapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[id]; k != nil && k.sn != nil {
		return k
	}
	return nil
}

// OpenSnapshot reads a persisted snapshot. Where it has ended, or was begun by
// the original program, which keeps too little, what can no longer be read is
// ErrSnapshotGone, never other data. One that is not live in this handle is read
// from end to end, and waits for RemoveSnapshot, CompactSnapStore and Repair.
func (db *DB) OpenSnapshot(id string) (*Snapshot, error) {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.open(); err != nil {
		return nil, err
	}
	s := db.snaps
	if k := s.protected(id); k != nil {
		return db.newSnapshot(id, k.sn, func() error { return nil }), nil
	}
	s.folders.RLock()
	defer s.folders.RUnlock()
	e, o, err := s.entry(id)
	if err != nil {
		return nil, err
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
		s.forget(sn)
		return snapError(side.Close())
	}
	s.mu.Lock()
	s.opened = append(s.opened, sn)
	s.mu.Unlock()
	return sn, nil
}

// EndSnapshot takes the protection of a persisted snapshot away and keeps its
// files: what was frozen stays readable.
func (db *DB) EndSnapshot(id string) error { return db.endSnapshot(id, false) }

// RemoveSnapshot ends a persisted snapshot and removes its files. It waits for who
// reads files of snapshots: Check and OpenSnapshot.
func (db *DB) RemoveSnapshot(id string) error { return db.endSnapshot(id, true) }

func (db *DB) endSnapshot(id string, remove bool) error {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.Writable(); err != nil {
		return err
	}
	s := db.snaps
	if remove {
		s.folders.Lock()
		defer s.folders.Unlock()
	} else {
		// Not while another call removes it.
		s.folders.RLock()
		defer s.folders.RUnlock()
	}
	k, err := s.strike(id, remove)
	if err != nil {
		return err
	}
	if k != nil && k.sn != nil {
		k.sn.End()
	}
	if k != nil {
		err = snapError(k.side.Close())
	}
	if err != nil || !remove {
		return err
	}
	s.mu.Lock()
	o, err := s.options(true)
	s.mu.Unlock()
	if err == nil {
		err = snap.Remove(id, o)
	}
	return snapError(err)
}

// strike makes the registry say that a snapshot has ended, before anything of it
// is given up: should that fail it is as live as before, also where the registry that
// a removal did not make durable does not name it any more: the next removal does.
func (s *snapshots) strike(id string, remove bool) (*keptSnapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := s.entries()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(e format.Snapshot) bool { return e.ID == id })
	switch {
	case s.isBeginning(id), i < 0 && (!remove || entries == nil || s.kept[id] == nil):
		// Without a file there is none to strike from: an empty one would end all snapshots.
		return nil, noSnapshot(id)
	case i < 0:
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
