package quiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/quiverdb/quiverdb-go/quiver/internal/snap"
)

// RepairOptions configure Repair. The zero value is good.
type RepairOptions struct {
	// SoleOwner says that no other database has used the SnapStore. It is needed
	// where the SnapStore stands outside the folder of the database: references of
	// another one would be taken for leaks.
	SoleOwner bool
	// Progress is called now and then, and must not use the handle; phases
	// "recount" and "snapstore".
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
// A crash in it loses nothing, and it can be run again. Writes wait while the
// SnapStore is looked at.
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
	return db.pg.Quiet(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.removeUnnamed(&r.RemovedFolders)
		if err == nil {
			err = snapError(s.existingStore())
		}
		if err != nil || s.store == nil {
			return err
		}
		a, err := s.audit(ctx, o.Progress)
		if err != nil {
			return err
		}
		raised := s.store.Raised()
		if a.Leaked > 0 && !o.SoleOwner && s.storeOutside() {
			return fmt.Errorf("%w: the SnapStore %s stands outside the database: another one may need the %d images that no snapshot here names (RepairOptions.SoleOwner says that there is none)", ErrInvalid, s.dir, a.Leaked)
		}
		if err := a.Repair(); err != nil {
			return snapError(err)
		}
		r.LoweredCounts, r.RaisedCounts, r.RestoredImages = a.Leaked, raised, len(a.Torn)
		return nil
	})
}

// removeUnnamed removes folders of persisted snapshots that neither the registry
// names nor this handle protects. mu is held.
func (s *snapshots) removeUnnamed(removed *int) error {
	folders, err := snap.List(s.o.FS, s.root)
	if err != nil || len(folders) == 0 {
		return snapError(err)
	}
	entries, err := s.entries()
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, e := range entries {
		used[e.ID] = true
	}
	for id := range s.kept {
		used[id] = true
	}
	o, err := s.options(true)
	if err != nil {
		return snapError(err)
	}
	for _, id := range folders {
		if used[id] || !snap.Entered(s.o.FS, s.root, id) {
			continue // in use, maybe for a snapshot that is just beginning; or the next writer's
		}
		if err := snap.Remove(id, o); err != nil {
			return snapError(err)
		}
		*removed++
	}
	return nil
}

func (s *snapshots) storeOutside() bool {
	rel, err := filepath.Rel(s.root, s.dir)
	return err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// audit compares the counts of the SnapStore with the snapshots and reads all
// images. mu is held; nobody freezes before the counts are taken.
func (s *snapshots) audit(ctx context.Context, progress func(Progress)) (*snap.Audit, error) {
	a, err := s.store.Audit(s.o.FS, s.root)
	if err == nil {
		err = s.prove(ctx, a, progress)
	}
	return a, snapError(err)
}

func (s *snapshots) prove(ctx context.Context, a *snap.Audit, progress func(Progress)) error {
	return a.Prove(ctx, func(done, total int) {
		if progress != nil && (done%256 == 0 || done == total) {
			progress(Progress{"snapstore", int64(done), int64(total)})
		}
	})
}
