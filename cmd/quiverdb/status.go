package main

import (
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status --path DIR",
		Short:   "Print how the database is",
		Long:    "Print how the database is. P1_STATUS_JSON=1 makes --json the default.",
		Example: "  quiverdb status --path ./db --json",
		Args:    cobra.NoArgs,
	}
	d := readFlags(cmd)
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		if err := a.jsonByDefault(cmd, "P1_STATUS_JSON"); err != nil {
			return err
		}
		return a.reading(cmd.Context(), d, func(db *quiver.DB) error {
			s, err := db.Stats()
			if err != nil {
				return err
			}
			return a.table(statusOf(d.path, s))
		})
	})
	return cmd
}

type statusResult struct {
	Path string `json:"path"`
	quiver.Stats
}

func statusOf(path string, s quiver.Stats) statusResult { return statusResult{path, s} }
