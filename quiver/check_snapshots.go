package quiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/bucket"
	"github.com/quiverdb/quiverdb-go/quiver/internal/snap"
)

// checkSnapshots looks at the files of the persisted snapshots and at the
// SnapStore. Damage is an error; what takes space for nothing is a warning.
func (db *DB) checkSnapshots(ctx context.Context, tell func(bucket.Fault), progress func(Progress)) error {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.open(); err != nil {
		return err
	}
	s := db.snaps
	s.folders.RLock()
	defer s.folders.RUnlock()
	folders, store, err := s.standing()
	if err != nil {
		return checked(err, tell)
	}
	if store != nil {
		if err := s.checkStore(ctx, db, store, tell, progress); err != nil {
			return err
		}
	}
	return s.checkFolders(ctx, folders, tell, progress)
}

// standing lists the folders that are there, each with whether an open snapshot is
// known to have it, and opens the SnapStore if there is one.
func (s *snapshots) standing() (folders map[string]bool, store *snap.Store, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, err := snap.List(s.o.FS, s.root)
	if err != nil {
		return nil, nil, err
	}
	folders = make(map[string]bool, len(ids))
	for _, id := range ids {
		folders[id] = false
	}
	s.markOpened(folders)
	err = s.existingStore()
	return folders, s.store, err
}

// checkStore compares counts and names as of one moment; what they mean is found
// out while writes go on. folders is held.
func (s *snapshots) checkStore(ctx context.Context, db *DB, store *snap.Store, tell func(bucket.Fault), progress func(Progress)) error {
	var a *snap.Audit
	err := db.pg.Quiet(func() (err error) {
		a, err = store.Audit(s.o.FS, s.root)
		return err
	})
	if err != nil {
		return checked(err, tell)
	}
	phase, err := prove(ctx, a, progress)
	if err != nil {
		return checked(err, tell)
	}
	phase.End()
	s.tellStore(store, a, db.Recovery().Unclean, tell)
	return nil
}

// checked passes an error that stops the check on, and tells of damage.
func checked(err error, tell func(bucket.Fault)) error {
	err = snapError(err)
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	tell(bucket.Fault{Page: format.NoPage, Err: err})
	return nil
}

// tellStore tells what the audit has found. Counts that are too low are what a
// crash leaves, which the next writer puts right; otherwise they are damage.
func (s *snapshots) tellStore(store *snap.Store, a *snap.Audit, unclean bool, tell func(bucket.Fault)) {
	fault := func(err error) { tell(bucket.Fault{Page: format.NoPage, Err: snapError(err)}) }
	index := filepath.Join(s.dir, format.IndexName)
	if err := store.Damage(); err != nil {
		fault(err)
	}
	for _, err := range a.Damage {
		fault(err)
	}
	for _, t := range a.Torn {
		fault(&snap.CorruptError{Path: filepath.Join(s.dir, format.StoreName), Offset: -1,
			Reason: fmt.Sprintf("image %016x, which %s has and a repair stores again", t.Hash, format.FreezeName), Err: t.Err})
	}
	if n := a.Short + store.Raised(); n > 0 && !unclean {
		fault(&snap.CorruptError{Path: index, Offset: -1, Reason: fmt.Sprintf("%d images have fewer references than snapshots that name them", n)})
	}
	if a.Leaked > 0 {
		tell(bucket.Fault{Page: format.NoPage, Warning: true, Err: fmt.Errorf("%s: %d images have more references than snapshots that name them, %d bytes are kept for nothing; a repair takes them back", index, a.Leaked, a.Bytes)})
	}
}

// checkFolders reads all frames of the snapshots in the registry, and tells of
// folders that it does not name. folders is held.
func (s *snapshots) checkFolders(ctx context.Context, folders map[string]bool, tell func(bucket.Fault), progress func(Progress)) error {
	entries, o, err := s.known(folders)
	if err != nil {
		return checked(err, tell)
	}
	if len(entries) > 0 {
		phase := beginPhase(progress, "snapshots", int64(len(entries)), 1)
		for i, e := range entries {
			if err := checkFolder(ctx, e, o, tell); err != nil {
				return err
			}
			phase.At(int64(i) + 1)
		}
		phase.End()
	}
	for _, id := range slices.Sorted(maps.Keys(folders)) {
		if !folders[id] {
			tell(bucket.Fault{Page: format.NoPage, Warning: true, Err: fmt.Errorf("the folder of snapshot %s stands in %s, and no registry names it; a repair or the next writer removes it", id, format.SnapshotsName)})
		}
	}
	return nil
}

// known notes which folders belong to a snapshot, and is what the registry says,
// with the options of its files.
func (s *snapshots) known(folders map[string]bool) ([]format.Snapshot, snap.Options, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.markOpened(folders)
	entries, err := s.entries()
	if err != nil {
		return nil, snap.Options{}, err
	}
	for _, e := range entries {
		folders[e.ID] = true
	}
	o, err := s.options(true)
	return entries, o, err
}

// markOpened notes the folders of snapshots that are open, or begin. mu is held.
func (s *snapshots) markOpened(folders map[string]bool) {
	for _, sn := range s.opened {
		folders[sn.id] = true
	}
	for id := range s.beginning {
		folders[id] = true
	}
}

func checkFolder(ctx context.Context, e format.Snapshot, o snap.Options, tell func(bucket.Fault)) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	side, err := snap.Open(e.ID, e.LSN, o, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return checked(fmt.Errorf("snapshot %s: %w", e.ID, err), tell)
	}
	lost := side.AllLost()
	for _, id := range slices.Sorted(maps.Keys(lost)) {
		tell(bucket.Fault{Page: id, Err: pageError(id, lost[id])})
	}
	return side.Close()
}
