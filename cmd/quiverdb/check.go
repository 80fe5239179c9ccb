package main

import (
	"bufio"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

func (a *app) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check --path DIR",
		Short: "Read everything and list what is wrong",
		Long: `Read every page, chain and list and tell all that is wrong, not only the first.
Nothing is changed. Exit code 3 when something was found, 12 when the database
cannot even be opened.`,
		Example: "  quiverdb check --path ./db --strict",
		Args:    cobra.NoArgs,
	}
	d := readFlags(cmd)
	strict := cmd.Flags().Bool("strict", false, "take for wrong what is only unusual, too")
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		return a.reading(cmd.Context(), d, func(db *quiver.DB) error {
			b := a.newBar("checking", unknownTotal)
			report, err := db.Check(cmd.Context(), quiver.CheckOptions{Strict: *strict, Progress: b.phase})
			b.done()
			if err != nil {
				return err
			}
			if err := a.checked(report); err != nil {
				return err
			}
			if len(report.Findings) > 0 {
				return errFindings
			}
			return nil
		})
	})
	return cmd
}

func (a *app) checked(r quiver.CheckReport) error {
	if a.json {
		return a.result(r)
	}
	return a.buffered(func(w *bufio.Writer) error {
		for _, f := range r.Findings {
			if _, err := fmt.Fprintln(w, findingLine(f)); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(w, "%s pages (%s of pairs, %s of overflow, %s free, %s orphans), %s pairs: %d findings\n",
			humanize.Comma(r.Pages), humanize.Comma(r.KVPages), humanize.Comma(r.OverflowPages), humanize.Comma(r.FreePages),
			humanize.Comma(r.OrphanPages), humanize.Comma(r.Pairs), len(r.Findings))
		return err
	})
}

func findingLine(f quiver.Finding) string {
	where := f.File
	if f.Page != format.NoPage {
		where += fmt.Sprintf(", page %d", f.Page)
	}
	if f.Offset >= 0 {
		where += fmt.Sprintf(", offset %d", f.Offset)
	}
	return fmt.Sprintf("%s: %s: %s", f.Severity, where, f.Message)
}
