package main

import (
	"encoding/hex"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) getCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "get --path DIR KEY",
		Aliases: []string{"dbget", "db-get"},
		Short:   "Print the value of a key",
		Long: `Print the value of a key: its bytes alone to a pipe or a file, readable and with
a newline on a terminal. Exit code 4 when the key is not there.`,
		Example: `  quiverdb get --path ./db greeting
  quiverdb get --path ./db hex:00ff --out picture.png`,
		Args: cobra.ArbitraryArgs,
	}
	d := readFlags(cmd)
	given := operandsOf(cmd, "key")
	raw := cmd.Flags().Bool("raw", false, "the value's bytes alone, on a terminal too")
	out := cmd.Flags().String("out", "", "write the value to this file (default $P1_DB_GET_OUT)")
	cmd.RunE = a.body(func(cmd *cobra.Command, args []string) error {
		operand, err := given.read(a, args)
		if err != nil {
			return err
		}
		key := operand[0]
		return a.reading(cmd.Context(), d, func(db *quiver.DB) error {
			value, found, err := db.Get(key)
			if err != nil {
				return err
			}
			if !found {
				return fmt.Errorf("%w: %s", errKeyNotFound, shortened(oneLine(key)))
			}
			file := *out
			if !cmd.Flags().Changed("out") {
				file = a.env("P1_DB_GET_OUT")
			}
			return a.give(key, value, file, *raw)
		})
	})
	return cmd
}

// give hands a value over, as the flags ask for.
func (a *app) give(key, value []byte, file string, raw bool) error {
	if file != "" {
		if err := os.WriteFile(file, value, 0o666); err != nil {
			return err
		}
	}
	switch {
	case a.json:
		return a.result(struct {
			KeyHex   string `json:"key_hex"`
			ValueHex string `json:"value_hex"`
			ValueLen int    `json:"value_len"`
		}{hex.EncodeToString(key), hex.EncodeToString(value), len(value)})
	case file != "":
		return nil
	case raw || !a.isTerminal(a.stdout):
		_, err := a.stdout.Write(value)
		return err
	}
	return a.say("%s", readable(value))
}
