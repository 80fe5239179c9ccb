package quiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/backup"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// BackupOptions say what a backup holds. The zero value is a full one.
type BackupOptions struct {
	// Since makes the backup incremental: it holds the pages that changed after
	// this LSN, up to its own, and is restored over a database that stands at
	// this LSN: the LSN of an earlier backup. nil means full.
	Since *uint64
	// Progress is told of the phase "backup", in bytes of the pages of the database,
	// also where not all of them change hands.
	Progress func(Progress)
}

// BackupInfo tells what a backup holds.
type BackupInfo struct {
	LSN   uint64  `json:"lsn"`   // the database is as of this LSN
	Since *uint64 `json:"since"` // nil = full
	Pages uint64  `json:"pages"`
	Bytes uint64  `json:"bytes"` // of pages.bin
}

// Backup writes the database as of this moment into a folder while writes go on;
// a read-only handle can do it too.
// The folder must be absent, empty, or hold a backup that was interrupted, else
// the error is fs.ErrExist. A page that cannot be read fails the backup. When
// Backup has returned nil the backup survives a power loss; until then Restore
// refuses the folder, and another Backup replaces what is there.
//
// The files are those of QuiverDB 1.x (FORMAT.md), the manifest with lengths and
// checksums of the others.
func (db *DB) Backup(ctx context.Context, dir string, o BackupOptions) (BackupInfo, error) {
	sn, err := db.snapshot(false)
	if err != nil {
		return BackupInfo{}, err
	}
	info, err := db.backUp(ctx, sn, filepath.Clean(dir), o)
	return info, errors.Join(err, sn.Close())
}

func (db *DB) backUp(ctx context.Context, sn *Snapshot, dir string, o BackupOptions) (BackupInfo, error) {
	if o.Since != nil && *o.Since > sn.LSN() {
		return BackupInfo{}, fmt.Errorf("%w: since LSN %d, the database is at %d", ErrInvalid, *o.Since, sn.LSN())
	}
	w, err := backup.Create(db.o.FS, dir, !db.o.Inline)
	if err != nil {
		return BackupInfo{}, pager.Full(err)
	}
	m := format.Manifest{SnapshotLSN: sn.LSN(), SinceLSN: o.Since, PageSize: uint32(db.pg.PageSize()),
		Extra: &format.ManifestExtra{NextPageID: sn.sn.Limit(), BaseLSN: o.Since}}
	phase := beginPhase(o.Progress, "backup", int64(sn.sn.Limit()), int64(db.pg.PageSize()))
	err = sn.view.Export(ctx, o.Since, phase.At, func(page pager.Frozen) error {
		// A read-only handle does not look at all pages to know the highest.
		m.SnapshotLSN = max(m.SnapshotLSN, page.LSN)
		return w.Page(page.PageID, page.LSN, page.Page)
	})
	if err == nil {
		m, err = w.Finish(m, sn.sn.Heads())
	}
	if err != nil {
		w.Abandon()
		return BackupInfo{}, pager.Full(sn.told(err))
	}
	phase.End()
	return BackupInfo{LSN: m.SnapshotLSN, Since: m.SinceLSN, Pages: m.PagesEmitted, Bytes: m.BytesEmitted}, nil
}
