package quiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/bucket"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// DB is a handle of an open database. It may be used by many goroutines.
type DB struct {
	pg    *pager.Pager
	store *bucket.Store
	o     pager.Options
	snaps *snapshots

	// files is held by whoever opens or removes files of snapshots, and by Close
	// alone: nothing is opened that nobody closes, or removed without the lock.
	files sync.RWMutex

	alive      context.Context // ends with Close
	end        context.CancelFunc
	closeOnce  sync.Once
	background sync.WaitGroup
}

// Init makes a database in a folder, and the folder with its parents if need
// be. An Init that was interrupted, by a crash or an error, is finished by the
// next one with the same options. It fails with ErrExists if the database is
// complete, and with ErrCorrupt if parts are missing but pages or records are
// there. When it has returned nil the database survives a power loss.
func Init(path string, o InitOptions) error {
	size, buckets := defaulted(o.PageSize, DefaultPageSize), defaulted(o.Buckets, DefaultBuckets)
	if !format.ValidPageSize(size) {
		return fmt.Errorf("%w: page size %d is not 4096, 8192, 16384 or 32768", ErrInvalid, size)
	}
	if buckets < 1 || buckets > MaxBuckets {
		return fmt.Errorf("%w: %d buckets are not 1 to %d", ErrInvalid, buckets, MaxBuckets)
	}
	p, err := Options{FS: o.FS}.resolve(false)
	if err != nil {
		return err
	}
	return pager.Init(filepath.Clean(path), pager.InitOptions{PageSize: size, Buckets: buckets}, p)
}

// Open opens a database for reading and writing, exclusively. With nil the
// options come from the environment (OptionsFromEnv).
//
// A database that was not closed cleanly is recovered first: what had been
// acknowledged is there. That takes time in proportion to the log, not to the
// database. Orphaned pages are then looked for in the background.
func Open(path string, o *Options) (*DB, error) { return open(path, o, false) }

// OpenReadOnly opens a database for reading, beside other readers. It changes
// no file but LOCK, which is made if it is absent. A database that was not
// closed cleanly is shown as recovery would leave it. (After a failed sync of
// the writer that may include a last group of writes that was not acknowledged.)
func OpenReadOnly(path string, o *Options) (*DB, error) { return open(path, o, true) }

func open(path string, o *Options, readOnly bool) (*DB, error) {
	if o == nil {
		env, err := OptionsFromEnv()
		if err != nil {
			return nil, err
		}
		o = &env
	}
	p, err := o.resolve(readOnly)
	if err != nil {
		return nil, err
	}
	return openResolved(path, o, p)
}

// openResolved opens with options of which p is what the pager needs.
func openResolved(path string, o *Options, p pager.Options) (*DB, error) {
	readOnly := p.ReadOnly
	root := filepath.Clean(path)
	snaps := newSnapshots(root, o, p)
	p.Settle, p.Release = snaps.settle, snaps.close
	if !readOnly {
		p.Protect = snaps.protect
	}
	pg, err := pager.Open(root, p)
	if err != nil {
		return nil, errors.Join(err, snaps.close())
	}
	snaps.running, snaps.pageSize = true, pg.PageSize()
	db := &DB{pg: pg, o: p, snaps: snaps}
	db.alive, db.end = context.WithCancel(context.Background())
	db.store = bucket.New(pg, o.resolveStore(pg, p.MaxBatchBytes))
	if !readOnly {
		// Files of snapshots that ended with their process are only in the way.
		if err := snaps.sweep(pg.Recovery().Unclean); err != nil {
			p.Logger.Warn("left-over files of snapshots stay", "error", err)
		}
	}
	if !readOnly && !o.Inline && !o.NoRecount && pg.RecountDue() {
		db.background.Go(db.recountInBackground)
	}
	return db, nil
}

// recountInBackground looks for orphans after an unclean start, until Close.
func (db *DB) recountInBackground() {
	freed, err := db.Recount(db.alive, nil)
	switch {
	case db.alive.Err() != nil:
	case err != nil:
		db.o.Logger.Warn("recount failed, free pages of earlier sessions stay unused", "error", err)
	default:
		db.o.Logger.Info("recount done", "freed_pages", freed)
	}
}

// Close makes every batch without a sync durable, brings the log into the
// segments, marks the database clean and releases the lock. A crash during or
// right after it loses nothing. A poisoned handle only releases what it holds,
// and returns its error. A second Close is ErrClosed.
func (db *DB) Close() error {
	err := ErrClosed
	db.closeOnce.Do(func() {
		db.end()
		db.background.Wait()
		db.files.Lock()
		defer db.files.Unlock()
		// While the lock is held: the files of snapshots that end here.
		snapErr := db.snaps.endOpened()
		err = errors.Join(db.pg.Close(), snapErr)
	})
	return err
}

func (db *DB) open() error {
	if db.alive.Err() != nil {
		return ErrClosed
	}
	return nil
}

// RecoveryInfo tells what opening had to do.
type RecoveryInfo = pager.RecoveryInfo

// Recovery tells what opening this handle had to do.
func (db *DB) Recovery() RecoveryInfo { return db.pg.Recovery() }

// LastLSN is the log sequence number of the last change that is durable. Every
// page image that is logged has the next number; they never go back.
func (db *DB) LastLSN() uint64 { return db.pg.LastLSN() }

// Sync makes every batch that was written without a sync durable.
func (db *DB) Sync() error { return db.pg.Sync() }

// Checkpoint makes everything durable in the data segments and empties the
// log. It happens by itself when the log is full, and in Close.
func (db *DB) Checkpoint() error {
	if err := db.open(); err != nil {
		return err
	}
	return db.pg.Checkpoint()
}

// Recount looks for pages that an unclean end has left unreachable and frees
// them, and returns their number. It reads the whole database while others go
// on working, and frees nothing if it cannot read a page. After an unclean
// start it runs by itself unless Options forbid it. It fails with ErrRecounting
// while another one runs. progress, which may be nil, is told of the phase "recount",
// in buckets, those of persisted snapshots too.
func (db *DB) Recount(ctx context.Context, progress func(Progress)) (freed int, err error) {
	if err := db.Writable(); err != nil {
		return 0, err
	}
	return db.store.Recount(ctx, phaseOf(progress, "recount", 1))
}
