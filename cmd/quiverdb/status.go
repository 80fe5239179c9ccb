package main

import (
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status --path DIR",
		Short: "Print the state of the database",
		Long: `Print the state of the database: limits, log, space, how it was closed. It reads
no page. P1_STATUS_JSON=1 makes --json the default.`,
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
			return a.table(statusResult{
				Path: d.path, PageSize: s.PageSize, Buckets: s.Buckets, LastLSN: s.LastLSN, Clean: s.Clean, UncleanStart: s.Unclean,
				LogBytes: s.LogBytes, LogRecords: s.LogRecords, Segments: s.Segments, SegmentBytes: s.SegmentBytes,
				NextPageID: s.NextPageID, FreePages: s.FreePages, RecountDue: s.RecountDue,
			})
		})
	})
	return cmd
}

// statusResult leaves out what only concerns a handle that stays open.
type statusResult struct {
	Path         string `json:"path"`
	PageSize     int    `json:"page_size"`
	Buckets      int    `json:"buckets"`
	LastLSN      uint64 `json:"last_lsn"`
	Clean        bool   `json:"clean"`         // what the flag says
	UncleanStart bool   `json:"unclean_start"` // what the log says
	LogBytes     int64  `json:"log_bytes"`
	LogRecords   int    `json:"log_records"`
	Segments     int    `json:"segments"`
	SegmentBytes int64  `json:"segment_bytes"`
	NextPageID   uint64 `json:"next_page_id"`
	FreePages    uint64 `json:"free_pages"`
	RecountDue   bool   `json:"recount_due"` // free pages wait for a count of all pages
}
