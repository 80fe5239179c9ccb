package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) scanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "scan --path DIR",
		Aliases: []string{"dbscan", "db-scan"},
		Short:   "Print keys and values",
		Long: `Print all keys and values, or those whose key begins with a prefix, as they are
at one moment.

  text  key, tab, value; what is not printable stands as hex:…
  hex   key in hexadecimal, blank, value in hexadecimal; always sorted by key
  json  an object a line: key_hex, value_hex, key_len, value_len
        (--json: the same objects as one array)`,
		Example: `  quiverdb scan --path ./db --prefix user: --sorted
  quiverdb scan --path ./db --format hex`,
		Args: cobra.NoArgs,
	}
	d := readFlags(cmd)
	format := cmd.Flags().String("format", "text", "text, hex or json")
	prefix := cmd.Flags().String("prefix", "", "only keys that begin with this (text, hex:…, @FILE, -)")
	sorted := cmd.Flags().Bool("sorted", false, "sort by key")
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		form, err := pairForm(*format, a.json, cmd.Flags().Changed("format"))
		if err != nil {
			return err
		}
		begin, err := a.bytesOf(*prefix)
		if err != nil {
			return err
		}
		o := quiver.ScanOptions{Prefix: begin, Sorted: *sorted || form.sorted}
		return a.reading(cmd.Context(), d, func(db *quiver.DB) error {
			return a.buffered(func(w *bufio.Writer) error {
				return writePairs(cmd.Context(), w, db, o, form)
			})
		})
	})
	return cmd
}

// form is a way to print pairs.
type form struct {
	sorted              bool
	begin, between, end string
	write               func(w *bufio.Writer, key, value []byte) error
}

func pairForm(format string, asArray, formatGiven bool) (form, error) {
	if asArray && formatGiven && format != "json" {
		return form{}, usagef("--json and --format %s exclude each other", format)
	}
	switch {
	case asArray:
		return form{begin: "[", between: ",\n", end: "]\n", write: writeObject}, nil
	case format == "text":
		return form{between: "\n", end: "\n", write: writeText}, nil
	case format == "hex":
		return form{between: "\n", end: "\n", write: writeHexPair, sorted: true}, nil
	case format == "json":
		return form{between: "\n", end: "\n", write: writeObject}, nil
	}
	return form{}, usagef("--format %q is none of text, hex, json", format)
}

func writePairs(ctx context.Context, w *bufio.Writer, db *quiver.DB, o quiver.ScanOptions, f form) error {
	if _, err := w.WriteString(f.begin); err != nil {
		return err
	}
	n := 0
	for item, err := range db.Scan(o) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && n > 0 {
			_, err = w.WriteString(f.between)
		}
		if err == nil {
			err = f.write(w, item.Key, item.Value)
		}
		if err != nil {
			return err
		}
		n++
	}
	if n == 0 && f.begin == "" {
		return nil // no pair, no line
	}
	_, err := w.WriteString(f.end)
	return err
}

func writeText(w *bufio.Writer, key, value []byte) error {
	_, err := fmt.Fprintf(w, "%s\t%s", oneLine(key), oneLine(value))
	return err
}

func writeHexPair(w *bufio.Writer, key, value []byte) error {
	digits := hex.NewEncoder(w)
	if _, err := digits.Write(key); err != nil {
		return err
	}
	if err := w.WriteByte(' '); err != nil {
		return err
	}
	_, err := digits.Write(value)
	return err
}

func writeObject(w *bufio.Writer, key, value []byte) error {
	digits := hex.NewEncoder(w)
	if _, err := w.WriteString(`{"key_hex":"`); err != nil {
		return err
	}
	if _, err := digits.Write(key); err != nil {
		return err
	}
	if _, err := w.WriteString(`","value_hex":"`); err != nil {
		return err
	}
	if _, err := digits.Write(value); err != nil {
		return err
	}
	_, err := w.WriteString(`","key_len":` + strconv.Itoa(len(key)) + `,"value_len":` + strconv.Itoa(len(value)) + `}`)
	return err
}
