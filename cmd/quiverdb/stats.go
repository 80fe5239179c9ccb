package main

import (
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) statsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stats --path DIR",
		Aliases: []string{"dbstats", "db-stats"},
		Short:   "Count what is in the database",
		Long: `Count what is in the database: pairs, bytes, pages, chains. It reads all of it.
P1_DBSTATS_JSON=1 makes --json the default.`,
		Example: "  quiverdb stats --path ./db --json",
		Args:    cobra.NoArgs,
	}
	d := readFlags(cmd)
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		if err := a.jsonByDefault(cmd, "P1_DBSTATS_JSON"); err != nil {
			return err
		}
		return a.reading(cmd.Context(), d, func(db *quiver.DB) error {
			s, err := db.Stats()
			if err != nil {
				return err
			}
			b := a.newBar("counting", unknownTotal)
			usage, err := db.Usage(cmd.Context(), b.phase)
			b.done()
			if err != nil {
				return err
			}
			return a.table(statsResult{s.PageSize, s.Buckets, s.LastLSN, usage})
		})
	})
	return cmd
}

type statsResult struct {
	PageSize int    `json:"page_size"`
	Buckets  int    `json:"buckets"`
	LastLSN  uint64 `json:"last_lsn"`
	quiver.Usage
}
