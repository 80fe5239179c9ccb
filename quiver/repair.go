package quiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
	"github.com/quiverdb/quiverdb-go/quiver/internal/snap"
)

// RepairOptions configure Repair. The zero value is good.
type RepairOptions struct {
	// SoleOwner says that no other database has used the SnapStore. It is needed
	// where the SnapStore stands outside the folder of the database: references of
	// another one would be taken for leaks.
	SoleOwner bool
	// Progress must not use the handle. It is told of the phases "recount" in buckets,
	// those of persisted snapshots too, and "snapstore" in images that are named,
	// where there is a SnapStore.
	Progress func(Progress)
}

// RepairReport tells what Repair did.
type RepairReport struct {
	FreedPages     int `json:"freed_pages"`     // nothing led to them
	LoweredCounts  int `json:"lowered_counts"`  // images with more references than snapshots that name them
	RaisedCounts   int `json:"raised_counts"`   // images with fewer
	RestoredImages int `json:"restored_images"` // damaged in the SnapStore, copied from freeze.bin
	RemovedFolders int `json:"removed_folders"` // of snapshots that no registry names
}

// Repair puts right what Check reports as a leak: it frees orphaned pages
// (Recount) and makes the reference counts of the SnapStore what the snapshots
// say, so that CompactSnapStore can give the space back. Folders of persisted
// snapshots that the registry does not name go first, also where there is no
// registry at all: one that was lost has to be put back before. Damaged images of the
// SnapStore are stored again where a snapshot has them too. What is damaged
// otherwise stays, and the first damage is returned: as long as a snapshot's list
// of references cannot be read, counts are raised and none is lowered.
//
// A crash in it loses nothing, and it can be run again. It waits for recounts and
// checks that run. Writes, and snapshots that begin or end, wait while all images
// of the SnapStore are read.
func (db *DB) Repair(ctx context.Context, o RepairOptions) (RepairReport, error) {
	var r RepairReport
	freed, err := db.Recount(ctx, o.Progress)
	for errors.Is(err, ErrRecounting) {
		// One that runs beside may have passed what is to be freed now.
		if err = db.pg.AwaitAccount(ctx); err == nil {
			freed, err = db.Recount(ctx, o.Progress)
		}
	}
	r.FreedPages = freed
	if errors.Is(err, ErrReadOnly) || errors.Is(err, ErrClosed) || ctx.Err() != nil {
		return r, err
	}
	return r, errors.Join(err, db.repairSnapStore(ctx, o, &r))
}

func (db *DB) repairSnapStore(ctx context.Context, o RepairOptions, r *RepairReport) error {
	db.files.RLock()
	defer db.files.RUnlock()
	if err := db.Writable(); err != nil {
		return err
	}
	s := db.snaps
	s.folders.Lock()
	defer s.folders.Unlock()
	return db.pg.Quiet(func() error {
		if err := s.removeUnnamed(&r.RemovedFolders); err != nil {
			return err
		}
		s.mu.Lock()
		err := snapError(s.existingStore())
		store := s.store
		s.mu.Unlock()
		if err != nil || store == nil {
			return err
		}
		return s.repairStore(ctx, store, o, r)
	})
}

// repairStore compares the counts of the SnapStore with the snapshots, reads all
// images, and puts right what can be. folders is held alone, and nobody freezes.
func (s *snapshots) repairStore(ctx context.Context, store *snap.Store, o RepairOptions, r *RepairReport) error {
	a, err := store.Audit(s.o.FS, s.root)
	if err != nil {
		return snapError(err)
	}
	phase, err := prove(ctx, a, o.Progress)
	if err != nil {
		return snapError(err)
	}
	raised := store.Raised()
	if a.Leaked > 0 && !o.SoleOwner && s.storeOutside() {
		return fmt.Errorf("%w: the SnapStore %s stands outside the database: another one may need the %d images that no snapshot here names (RepairOptions.SoleOwner says that there is none)", ErrInvalid, s.dir, a.Leaked)
	}
	if err := a.Repair(); err != nil {
		return snapError(err)
	}
	phase.End()
	r.LoweredCounts, r.RaisedCounts, r.RestoredImages = a.Leaked, raised, len(a.Torn)
	return nil
}

// removeUnnamed removes folders of persisted snapshots that neither the registry
// names nor this handle protects. folders is held alone, and no snapshot begins.
func (s *snapshots) removeUnnamed(removed *int) error {
	s.mu.Lock()
	ids, o, err := s.unnamed()
	s.mu.Unlock()
	if err != nil {
		return snapError(err)
	}
	for _, id := range ids {
		if err := snap.Remove(id, o); err != nil {
			return snapError(err)
		}
		*removed++
	}
	return nil
}

// unnamed lists those folders. mu is held.
func (s *snapshots) unnamed() ([]string, snap.Options, error) {
	folders, err := snap.List(s.o.FS, s.root)
	if err != nil || len(folders) == 0 {
		return nil, snap.Options{}, err
	}
	entries, err := s.entries()
	if err != nil {
		return nil, snap.Options{}, err
	}
	used := map[string]bool{}
	for _, e := range entries {
		used[e.ID] = true
	}
	for id := range s.kept {
		used[id] = true
	}
	for id := range s.beginning {
		used[id] = true // the registry may not name it (begin)
	}
	folders = slices.DeleteFunc(folders, func(id string) bool {
		// In use, maybe for a snapshot that is just beginning; or the next writer's.
		return used[id] || !snap.Entered(s.o.FS, s.root, id)
	})
	o, err := s.options(true)
	return folders, o, err
}

func (s *snapshots) storeOutside() bool {
	rel, err := filepath.Rel(s.root, s.dir)
	return err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// prove tells of the phase "snapstore", whose end is the caller's.
func prove(ctx context.Context, a *snap.Audit, progress func(Progress)) (*pager.Phase, error) {
	phase := beginPhase(progress, "snapstore", int64(a.Names()), 1)
	return phase, a.Prove(ctx, func(done int) { phase.At(int64(done)) })
}
