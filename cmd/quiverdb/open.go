package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// database is what the flags of a command say about the database to open.
type database struct {
	path       string
	lockWait   time.Duration
	cachePages int
	dataFsync  bool
	salvage    bool
	flags      *pflag.FlagSet
}

// pathFlag adds --path, which every command has that works on a database.
func pathFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "path", "", "folder of the database")
	// The flag was defined the line before, which is all that can go wrong here.
	_ = cmd.MarkFlagRequired("path")
}

// readFlags adds the flags of a command that only looks.
func readFlags(cmd *cobra.Command) *database {
	d := &database{flags: cmd.Flags()}
	pathFlag(cmd, &d.path)
	d.flags.DurationVar(&d.lockWait, "lock-wait", 5*time.Second, "longest wait for another process; 0 = none")
	d.flags.IntVar(&d.cachePages, "cache-pages", 0, "pages kept in memory; 0 = none (default 64 MiB worth of pages)")
	d.flags.BoolVar(&d.salvage, "salvage", false, "open a damaged log without what stands behind the damage")
	return d
}

// writeFlags adds the flags of a command that writes.
func writeFlags(cmd *cobra.Command) *database {
	d := readFlags(cmd)
	d.flags.BoolVar(&d.dataFsync, "data-fsync", true, "sync the segments in each commit too, not only the log")
	return d
}

// options: a flag that was given outweighs the environment.
func (a *app) options(ctx context.Context, d *database, b *bar) (*quiver.Options, error) {
	o, err := quiver.OptionsFromEnv()
	if err != nil {
		return nil, usageError{err}
	}
	if d.flags.Changed("lock-wait") {
		if d.lockWait < 0 {
			return nil, usagef("--lock-wait %v is negative", d.lockWait)
		}
		o.LockWait = orNone(d.lockWait)
	}
	if d.flags.Changed("cache-pages") {
		if d.cachePages < 0 {
			return nil, usagef("--cache-pages %d is negative", d.cachePages)
		}
		o.PageCachePages = orNone(d.cachePages)
	}
	if d.flags.Changed("data-fsync") {
		o.NoDataFsync = !d.dataFsync
	}
	o.Salvage = o.Salvage || d.salvage
	o.Context = ctx
	o.Progress = b.phase
	o.FS = a.fs
	return &o, nil
}

// orNone says 'none' the way quiver.Options does, where 0 is the default.
func orNone[T ~int | ~int64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// reading opens the database read-only for do.
func (a *app) reading(ctx context.Context, d *database, do func(*quiver.DB) error) error {
	return a.opened(ctx, d, quiver.OpenReadOnly, do)
}

// writing opens the database for do. What do wrote is done only when the
// database was closed without an error.
func (a *app) writing(ctx context.Context, d *database, do func(*quiver.DB) error) error {
	return a.opened(ctx, d, quiver.Open, do)
}

func (a *app) opened(ctx context.Context, d *database, open func(string, *quiver.Options) (*quiver.DB, error), do func(*quiver.DB) error) error {
	b := a.newBar("opening", unknownTotal)
	o, err := a.options(ctx, d, b)
	if err != nil {
		return err
	}
	db, err := open(d.path, o)
	b.done()
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}
