package main

import (
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) checkpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "checkpoint --path DIR",
		Short:   "Bring everything into the segments and cut the log",
		Long:    "Bring everything into the segments and cut the log, after recovering what a crash left.",
		Example: "  quiverdb checkpoint --path ./db",
		Args:    cobra.NoArgs,
	}
	d := writeFlags(cmd)
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		return a.writing(cmd.Context(), d, func(db *quiver.DB) error {
			if err := db.Checkpoint(); err != nil {
				return err
			}
			if a.json {
				return a.result(struct {
					LastLSN uint64 `json:"last_lsn"`
				}{db.LastLSN()})
			}
			return a.say("checkpoint at lsn %d", db.LastLSN())
		})
	})
	return cmd
}
