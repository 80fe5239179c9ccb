package main

import (
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) delCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "del --path DIR KEY",
		Aliases: []string{"dbdel", "db-del"},
		Short:   "Delete a key",
		Long:    "Delete a key. Exit code 4 when it is not there.",
		Example: "  quiverdb del --path ./db greeting",
		Args:    cobra.ArbitraryArgs,
	}
	d := writeFlags(cmd)
	given := operandsOf(cmd, "key")
	cmd.RunE = a.body(func(cmd *cobra.Command, args []string) error {
		operand, err := given.read(a, args)
		if err != nil {
			return err
		}
		key := operand[0]
		return a.writing(cmd.Context(), d, func(db *quiver.DB) error {
			existed, err := db.Delete(key)
			if err != nil {
				return err
			}
			if !existed {
				return fmt.Errorf("%w: %s", errKeyNotFound, shortened(oneLine(key)))
			}
			if !a.json {
				return nil
			}
			return a.result(struct {
				KeyHex  string `json:"key_hex"`
				Deleted bool   `json:"deleted"`
				LastLSN uint64 `json:"last_lsn"`
			}{hex.EncodeToString(key), true, db.LastLSN()})
		})
	})
	return cmd
}
