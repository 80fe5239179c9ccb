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
	s.mu.Lock()
	folders, err := snap.List(s.o.FS, s.root)
	if err == nil {
		err = s.existingStore()
	}
	s.mu.Unlock()
	if err != nil {
		return checked(err, tell)
	}
	var a *snap.Audit
	// Counts and names as of one moment; what they mean is found out while writes go on.
	err = db.pg.Quiet(func() (err error) {
		s.mu.Lock()
		if s.store != nil {
			a, err = s.store.Audit(s.o.FS, s.root)
		}
		return err
	})
	defer s.mu.Unlock()
	if err != nil {
		return checked(err, tell)
	}
	if a != nil {
		if err := s.prove(ctx, a, progress); err != nil {
			return checked(err, tell)
		}
		s.tellStore(a, db.Recovery().Unclean, tell)
	}
	return s.checkFolders(ctx, folders, tell)
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
func (s *snapshots) tellStore(a *snap.Audit, unclean bool, tell func(bucket.Fault)) {
	fault := func(err error) { tell(bucket.Fault{Page: format.NoPage, Err: snapError(err)}) }
	index := filepath.Join(s.dir, format.IndexName)
	if err := s.store.Damage(); err != nil {
		fault(err)
	}
	for _, err := range a.Damage {
		fault(err)
	}
	for _, t := range a.Torn {
		fault(&snap.CorruptError{Path: filepath.Join(s.dir, format.StoreName), Offset: -1,
			Reason: fmt.Sprintf("image %016x, which %s has and a repair stores again", t.Hash, format.FreezeName), Err: t.Err})
	}
	if n := a.Short + s.store.Raised(); n > 0 && !unclean {
		fault(&snap.CorruptError{Path: index, Offset: -1, Reason: fmt.Sprintf("%d images have fewer references than snapshots that name them", n)})
	}
	if a.Leaked > 0 {
		tell(bucket.Fault{Page: format.NoPage, Warning: true, Err: fmt.Errorf("%s: %d images have more references than snapshots that name them, %d bytes are kept for nothing; a repair takes them back", index, a.Leaked, a.Bytes)})
	}
}

// checkFolders reads all frames of the snapshots in the registry, and tells of
// folders that it does not name. mu is held.
func (s *snapshots) checkFolders(ctx context.Context, folders []string, tell func(bucket.Fault)) error {
	entries, err := s.entries()
	if err != nil {
		return checked(err, tell)
	}
	o, err := s.options(true)
	if err != nil {
		return checked(err, tell)
	}
	known := map[string]bool{}
	for _, e := range entries {
		known[e.ID] = true
		if err := context.Cause(ctx); err != nil {
			return err
		}
		side, err := snap.Open(e.ID, e.LSN, o, true)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			if err := checked(fmt.Errorf("snapshot %s: %w", e.ID, err), tell); err != nil {
				return err
			}
			continue
		}
		lost := side.AllLost()
		for _, id := range slices.Sorted(maps.Keys(lost)) {
			tell(bucket.Fault{Page: id, Err: pageError(id, lost[id])})
		}
		if err := side.Close(); err != nil {
			return err
		}
	}
	for sn := range s.opened {
		known[sn.id] = true
	}
	for _, id := range folders {
		if !known[id] {
			tell(bucket.Fault{Page: format.NoPage, Warning: true, Err: fmt.Errorf("the folder of snapshot %s stands in %s, and no registry names it; a repair or the next writer removes it", id, format.SnapshotsName)})
		}
	}
	return nil
}
