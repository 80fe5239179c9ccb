package main

import (
	"bufio"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) snapshotsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshots --path DIR",
		Short: "List the persisted snapshots",
		Args:  cobra.NoArgs,
	}
	d := readFlags(cmd)
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		return a.reading(cmd.Context(), d, func(db *quiver.DB) error {
			list, err := db.Snapshots()
			if err != nil {
				return err
			}
			if a.json {
				return a.result(list)
			}
			return a.buffered(func(w *bufio.Writer) error { return writeSnapshots(w, list) })
		})
	})
	return cmd
}

func writeSnapshots(w *bufio.Writer, list []quiver.SnapshotInfo) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range list {
		state := "protected"
		if s.Ended {
			state = "ended"
		}
		began := time.Unix(0, int64(s.TimeNanos)).UTC().Format(time.RFC3339)
		if _, err := fmt.Fprintf(columns, "%s\tlsn %d\t%s\t%s\n", s.ID, s.LSN, began, state); err != nil {
			return err
		}
	}
	return columns.Flush()
}

func (a *app) snaprmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "snaprm --path DIR --id ID",
		Aliases: []string{"snap-rm"},
		Short:   "End a persisted snapshot and remove its files",
		Args:    cobra.NoArgs,
	}
	d := writeFlags(cmd)
	id := cmd.Flags().String("id", "", "of the snapshot, as snapshots lists it")
	// The flag was defined the line before, which is all that can go wrong here.
	_ = cmd.MarkFlagRequired("id")
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		return a.writing(cmd.Context(), d, func(db *quiver.DB) error {
			if err := db.RemoveSnapshot(*id); err != nil {
				return err
			}
			if a.json {
				return a.result(struct {
					ID string `json:"id"`
				}{*id})
			}
			return a.say("removed %s", *id)
		})
	})
	return cmd
}

func (a *app) snapcompactCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "snapcompact --path DIR",
		Aliases: []string{"snap-compact"},
		Short:   "Give back the space of pages that no snapshot refers to",
		Args:    cobra.NoArgs,
	}
	d := writeFlags(cmd)
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		return a.writing(cmd.Context(), d, func(db *quiver.DB) error {
			info, err := db.CompactSnapStore()
			if err != nil {
				return err
			}
			return a.table(info)
		})
	})
	return cmd
}
