package main

import (
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) repairCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repair --path DIR",
		Short: "Free what nothing leads to, and put the counts of the SnapStore right",
		Long: `Put right what check --strict lists as a leak: pages that nothing leads to become
free, and the reference counts of the SnapStore become what the snapshots say
(snapcompact then gives the space back). Folders of snapshots that no registry names
are removed: put a registry that was lost back before. Images of the SnapStore that are damaged
are stored again where a snapshot has them too.

Damage of anything else stays as it is and ends the command with exit code 12.`,
		Example: "  quiverdb repair --path ./db && quiverdb snapcompact --path ./db",
		Args:    cobra.NoArgs,
	}
	d := writeFlags(cmd)
	sole := cmd.Flags().Bool("sole-owner", false, "no other database has used the SnapStore, which stands outside the database")
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		return a.writing(cmd.Context(), d, func(db *quiver.DB) error {
			b := a.newBar("repairing", unknownTotal)
			r, err := db.Repair(cmd.Context(), quiver.RepairOptions{SoleOwner: *sole, Progress: b.phase})
			b.done()
			if err != nil {
				return fmt.Errorf("%w (%d pages were freed)", err, r.FreedPages)
			}
			if a.json {
				return a.result(r)
			}
			return a.say("freed %s pages; in the SnapStore: %d counts lowered, %d raised, %d images restored; %d folders removed",
				humanize.Comma(int64(r.FreedPages)), r.LoweredCounts, r.RaisedCounts, r.RestoredImages, r.RemovedFolders)
		})
	})
	return cmd
}
