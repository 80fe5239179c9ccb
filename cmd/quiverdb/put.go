package main

import (
	"encoding/hex"

	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) putCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "put --path DIR KEY VALUE",
		Aliases: []string{"dbput", "db-put"},
		Short:   "Set the value of a key",
		Long:    "Set the value of a key. It is durable when the command ends with exit code 0.",
		Example: `  quiverdb put --path ./db greeting hello
  quiverdb put --path ./db hex:00ff @picture.png
  tar c . | quiverdb put --path ./db archive -`,
		Args: cobra.ArbitraryArgs,
	}
	d := writeFlags(cmd)
	given := operandsOf(cmd, "key", "value")
	cmd.RunE = a.body(func(cmd *cobra.Command, args []string) error {
		pair, err := given.read(a, args)
		if err != nil {
			return err
		}
		return a.writing(cmd.Context(), d, func(db *quiver.DB) error {
			if err := db.Put(pair[0], pair[1]); err != nil || !a.json {
				return err
			}
			return a.result(struct {
				KeyHex   string `json:"key_hex"`
				ValueLen int    `json:"value_len"`
				LastLSN  uint64 `json:"last_lsn"`
			}{hex.EncodeToString(pair[0]), len(pair[1]), db.LastLSN()})
		})
	})
	return cmd
}
