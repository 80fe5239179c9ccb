package quiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/backup"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
	"github.com/quiverdb/quiverdb-go/quiver/internal/snap"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// RestoreOptions configure a restore. The zero value is good.
type RestoreOptions struct {
	// Verify checks the result (DB.Check) before it is given the name of a
	// database. Without it every page that a key leads to is read all the same.
	Verify bool
	// Progress is told of the phases "restore", in bytes of pages (those of an
	// incremental backup are read twice), "recount", and with Verify "check".
	Progress func(Progress)
	// FS is the disk. nil means the real one.
	FS vfs.FS
}

// Restore makes the database of a backup in a folder: a full backup in one that
// is absent or empty, else the error is ErrExists; an incremental one over a
// database that is closed and stands at the LSN that the backup was made from,
// else it is ErrIncompatible. Backups of the original program are taken too.
//
// Until Restore has returned nil, also after a crash, the folder is
// ErrIncomplete for all who open it, and the same restore can be run again.
// Nothing of a database is touched before the whole backup has been found right;
// ErrCorrupt says what is not.
func Restore(ctx context.Context, path, dir string, o RestoreOptions) (BackupInfo, error) {
	po, err := Options{FS: o.FS, LockWait: -1}.resolve(false)
	if err != nil {
		return BackupInfo{}, err
	}
	path, dir = filepath.Clean(path), filepath.Clean(dir)
	b, err := backup.Open(po.FS, dir)
	if err != nil {
		return BackupInfo{}, backupError(err)
	}
	src, phase := restoreSource(ctx, b, dir, o.Progress)
	if src.Base != nil {
		if err := readyForIncremental(path, b, po); err != nil {
			return BackupInfo{}, err
		}
		// What goes over a database is read to the end before it is begun with.
		if err := src.Pages(func(uint64, uint64, []byte) error { return nil }); err != nil {
			return BackupInfo{}, err
		}
	}
	if err := pager.Restore(path, src, po); err != nil {
		return BackupInfo{}, backupError(err)
	}
	phase.End()
	if err := settleRestored(ctx, path, o, po); err != nil {
		return BackupInfo{}, pager.Full(err)
	}
	m := b.Manifest
	return BackupInfo{LSN: m.SnapshotLSN, Since: m.SinceLSN, Pages: m.PagesEmitted, Bytes: m.BytesEmitted}, nil
}

func restoreSource(ctx context.Context, b *backup.Backup, dir string, progress func(Progress)) (pager.RestoreSource, *pager.Phase) {
	m := b.Manifest
	src := pager.RestoreSource{Path: dir, PageSize: int(m.PageSize), Heads: b.Heads, LSN: m.SnapshotLSN, Base: m.SinceLSN, Count: m.PagesEmitted}
	if m.Extra != nil {
		src.Limit = m.Extra.NextPageID
	}
	total := int64(m.PagesEmitted)
	if src.Base != nil {
		total *= 2
	}
	phase := beginPhase(progress, "restore", total, int64(m.PageSize))
	done := int64(0)
	src.Pages = func(visit func(id, lsn uint64, page []byte) error) error {
		return backupError(b.Pages(func(id, lsn uint64, page []byte) error {
			phase.At(done)
			if done%256 == 0 {
				if err := context.Cause(ctx); err != nil {
					return err
				}
			}
			done++
			return visit(id, lsn, page)
		}))
	}
	return src, phase
}

// readyForIncremental brings a database that an incremental backup is to go over
// to a clean close, unless its restore was interrupted, and refuses one with
// snapshots: their pages would change under them.
func readyForIncremental(path string, b *backup.Backup, po pager.Options) error {
	db, err := Open(path, &Options{FS: po.FS, LockWait: -1, Inline: true, NoRecount: true})
	if errors.Is(err, ErrIncomplete) && errors.Is(pager.Restoring(po.FS, path), ErrIncomplete) {
		return nil
	}
	if err != nil {
		return err
	}
	switch entries, e := snap.LoadRegistry(po.FS, path); {
	case e != nil:
		err = snapError(e)
	case b.Manifest.SinceLSN != nil && db.LastLSN() > *b.Manifest.SinceLSN:
		err = fmt.Errorf("%s: %w: the backup goes over LSN %d, the database is at %d", path, ErrIncompatible, *b.Manifest.SinceLSN, db.LastLSN())
	default:
		for _, s := range entries {
			if !s.Ended {
				err = fmt.Errorf("%s: %w: end or remove the snapshot %s first", path, ErrInvalid, s.ID)
			}
		}
	}
	return errors.Join(err, db.Close())
}

// settleRestored finds the free pages of a restored folder, which takes reading
// all that keys lead to, and makes it a database.
func settleRestored(ctx context.Context, path string, o RestoreOptions, po pager.Options) error {
	po.Restoring = true
	db, err := openResolved(path, &Options{FS: po.FS, Inline: true, NoRecount: true, LockWait: -1}, po)
	if err != nil {
		return err
	}
	_, err = db.Recount(ctx, o.Progress)
	if err == nil && o.Verify {
		err = verify(ctx, db, o.Progress)
	}
	if err == nil {
		db.pg.Restored()
	}
	if e := db.Close(); err == nil {
		err = e
	}
	return err
}

func verify(ctx context.Context, db *DB, progress func(Progress)) error {
	report, err := db.Check(ctx, CheckOptions{Progress: progress})
	if err != nil || len(report.Findings) == 0 {
		return err
	}
	f := report.Findings[0]
	return &CorruptionError{Path: f.File, Page: f.Page, Offset: pager.NoOffset,
		Reason: fmt.Sprintf("%s (%d findings)", f.Message, len(report.Findings))}
}

// backupError gives the errors of package backup the types of this package.
func backupError(err error) error {
	var damage *backup.DamageError
	switch {
	case errors.As(err, &damage):
		if errors.Is(err, format.ErrVersion) {
			return fmt.Errorf("%s: %w: %w", damage.Path, ErrIncompatible, err)
		}
		return &CorruptionError{Path: damage.Path, Page: damage.Page, Offset: damage.Offset, Reason: damage.Reason, Err: damage.Err}
	case errors.Is(err, backup.ErrIncomplete):
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	return err
}
