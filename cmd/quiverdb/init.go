package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "init --path DIR",
		Aliases: []string{"dbinit", "db-init"},
		Short:   "Make a database",
		Long: `Make a database, or finish one whose making was interrupted.

Where a database is, nothing is changed: exit code 0 if it has the page size and
the number of buckets that were asked for, or none were, else 1. Both stay as
they are for the life of a database.`,
		Example: "  quiverdb init --path ./db --page-size 4096 --buckets 128",
		Args:    cobra.NoArgs,
	}
	d := readFlags(cmd)
	pageSize := cmd.Flags().Int("page-size", 4096, "bytes of a page: 4096, 8192, 16384 or 32768")
	buckets := cmd.Flags().Int("buckets", 128, "number of buckets, at most 16777216")
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		if *pageSize < 1 || *buckets < 1 {
			return usagef("--page-size and --buckets must be above 0")
		}
		err := quiver.Init(d.path, quiver.InitOptions{PageSize: *pageSize, Buckets: *buckets, FS: a.fs})
		if errors.Is(err, quiver.ErrExists) {
			return a.initExisting(cmd.Context(), d, *pageSize, *buckets)
		}
		if err != nil {
			return err
		}
		return a.initialised(initResult{d.path, *pageSize, *buckets, true})
	})
	return cmd
}

type initResult struct {
	Path     string `json:"path"`
	PageSize int    `json:"page_size,omitempty"` // unknown where it did not matter
	Buckets  int    `json:"buckets,omitempty"`
	Created  bool   `json:"created"`
}

func (a *app) initialised(r initResult) error {
	switch {
	case a.json:
		return a.result(r)
	case r.Created:
		return a.say("%s is a new database: pages of %d bytes, %d buckets", r.Path, r.PageSize, r.Buckets)
	}
	return a.say("%s is a database already", r.Path)
}

// initExisting compares what stands there with what was asked for. It opens
// nothing when nothing was: whoever writes to the database goes on undisturbed.
func (a *app) initExisting(ctx context.Context, d *database, pageSize, buckets int) error {
	askedSize, askedBuckets := d.flags.Changed("page-size"), d.flags.Changed("buckets")
	if !askedSize && !askedBuckets {
		return a.initialised(initResult{Path: d.path})
	}
	return a.reading(ctx, d, func(db *quiver.DB) error {
		s, err := db.Stats()
		if err != nil {
			return err
		}
		if askedSize && pageSize != s.PageSize || askedBuckets && buckets != s.Buckets {
			return fmt.Errorf("%w: %s has pages of %d bytes and %d buckets, which stay as they are",
				quiver.ErrExists, d.path, s.PageSize, s.Buckets)
		}
		return a.initialised(initResult{d.path, s.PageSize, s.Buckets, false})
	})
}
