package main

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup --path DIR --out DIR",
		Short: "Copy a database as of one moment, whole or since an LSN",
		Long: `Copy a database as of one moment into a folder that is absent or empty. With
--since-lsn N the copy holds what changed after that LSN, which is the lsn of
an earlier backup, and is restored over what that one restored to.

A page that cannot be read fails the backup. One that was interrupted is refused
by restore, and replaced by the next backup to the same folder.`,
		Example: "  quiverdb backup --path ./db --out ./backup\n  quiverdb backup --path ./db --out ./tuesday --since-lsn 4711",
		Args:    cobra.NoArgs,
	}
	d := readFlags(cmd)
	out := cmd.Flags().String("out", "", "folder of the backup")
	since := cmd.Flags().Uint64("since-lsn", 0, "only what changed after this LSN")
	// The flag was defined above, which is all that can go wrong here.
	_ = cmd.MarkFlagRequired("out")
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		return a.reading(cmd.Context(), d, func(db *quiver.DB) error {
			b := a.newByteBar("backup", unknownTotal)
			o := quiver.BackupOptions{Progress: b.phase}
			if cmd.Flags().Changed("since-lsn") {
				o.Since = since
			}
			began := time.Now()
			info, err := db.Backup(cmd.Context(), *out, o)
			b.done()
			if err != nil {
				return err
			}
			return a.copied(info, "backed up", time.Since(began))
		})
	})
	return cmd
}

func (a *app) restoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore --path DIR --from DIR",
		Short: "Make a database of a backup",
		Long: `Make a database of a full backup in a folder that is absent or empty, or bring
a database, which stands at the LSN that an incremental backup was made from,
to that of the backup. Nothing that exists is overwritten otherwise.

Until the restore is complete nobody can open the folder; when it was
interrupted run it again.`,
		Example: "  quiverdb restore --path ./copy --from ./backup --verify\n  quiverdb restore --path ./copy --from ./tuesday",
		Args:    cobra.NoArgs,
	}
	var path string
	pathFlag(cmd, &path)
	from := cmd.Flags().String("from", "", "folder of the backup")
	verify := cmd.Flags().Bool("verify", false, "check the result")
	_ = cmd.MarkFlagRequired("from") // as above
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		b := a.newByteBar("restore", unknownTotal)
		began := time.Now()
		info, err := quiver.Restore(cmd.Context(), path, *from, quiver.RestoreOptions{Verify: *verify, Progress: b.phase, FS: a.fs})
		b.done()
		if err != nil {
			return err
		}
		return a.copied(info, "restored", time.Since(began))
	})
	return cmd
}

// copied tells what a backup or a restore did.
func (a *app) copied(info quiver.BackupInfo, what string, took time.Duration) error {
	if a.json {
		return a.result(info)
	}
	since := ""
	if info.Since != nil {
		since = fmt.Sprintf(" since lsn %d", *info.Since)
	}
	rate := humanize.IBytes(uint64(float64(info.Bytes) / max(took.Seconds(), 1e-3)))
	return a.say("%s lsn %d%s: %s pages, %s in %v (%s/s)", what, info.LSN, since, humanize.Comma(int64(info.Pages)),
		humanize.IBytes(info.Bytes), took.Round(time.Millisecond), rate)
}
