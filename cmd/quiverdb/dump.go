package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func (a *app) dumpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dump --path DIR",
		Short: "Write all pairs as JSON lines",
		Long: `Write all pairs as JSON lines that load reads back exactly, as they are at one
moment: {"key_hex":…,"value_hex":…}, or {"key_b64":…,"value_b64":…}. The counts
follow on standard error when all is written.`,
		Example: `  quiverdb dump --path ./db --sorted > pairs.jsonl
  quiverdb dump --path ./old --format b64 | quiverdb load --path ./new --init`,
		Args: cobra.NoArgs,
	}
	d := readFlags(cmd)
	format := cmd.Flags().String("format", "hex", "hex or b64 (base64, shorter)")
	prefix := cmd.Flags().String("prefix", "", "only keys that begin with this (text, hex:…, @FILE, -)")
	sorted := cmd.Flags().Bool("sorted", false, "sort by key, so that equal databases give equal dumps")
	cmd.RunE = a.body(func(cmd *cobra.Command, _ []string) error {
		encode, err := recordEncoder(*format)
		if err != nil {
			return err
		}
		begin, err := a.bytesOf(*prefix)
		if err != nil {
			return err
		}
		o := quiver.ScanOptions{Prefix: begin, Sorted: *sorted}
		return a.reading(cmd.Context(), d, func(db *quiver.DB) error {
			n, err := a.dump(cmd.Context(), db, o, encode)
			if err != nil {
				return err
			}
			return a.dumped(n)
		})
	})
	return cmd
}

// encoding writes one record without the newline.
type encoding func(w *bufio.Writer, key, value []byte) error

func recordEncoder(format string) (encoding, error) {
	switch format {
	case "hex":
		return encodeRecord(`{"key_hex":"`, `","value_hex":"`, func(w io.Writer) io.WriteCloser {
			return nopCloser{hex.NewEncoder(w)}
		}), nil
	case "b64":
		return encodeRecord(`{"key_b64":"`, `","value_b64":"`, func(w io.Writer) io.WriteCloser {
			return base64.NewEncoder(base64.StdEncoding, w)
		}), nil
	}
	return nil, usagef("--format %q is none of hex, b64", format)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func encodeRecord(beforeKey, beforeValue string, digits func(io.Writer) io.WriteCloser) encoding {
	put := func(w *bufio.Writer, before string, b []byte) error {
		if _, err := w.WriteString(before); err != nil {
			return err
		}
		enc := digits(w)
		if _, err := enc.Write(b); err != nil {
			return err
		}
		return enc.Close()
	}
	return func(w *bufio.Writer, key, value []byte) error {
		if err := put(w, beforeKey, key); err != nil {
			return err
		}
		if err := put(w, beforeValue, value); err != nil {
			return err
		}
		_, err := w.WriteString(`"}`)
		return err
	}
}

// tally counts pairs and the bytes of their keys and values.
type tally struct {
	Records    int64 `json:"records"`
	KeyBytes   int64 `json:"key_bytes"`
	ValueBytes int64 `json:"value_bytes"`
}

func (t *tally) add(key, value []byte) {
	t.Records++
	t.KeyBytes += int64(len(key))
	t.ValueBytes += int64(len(value))
}

func (t tally) bytes() int64 { return t.KeyBytes + t.ValueBytes }

func (a *app) dump(ctx context.Context, db *quiver.DB, o quiver.ScanOptions, encode encoding) (tally, error) {
	var n tally
	b := a.newByteBar("dumping", unknownTotal)
	if a.isTerminal(a.stdout) {
		b.w = nil // a bar would tear the lines apart
	}
	defer b.done()
	write := func(w *bufio.Writer, key, value []byte) error {
		n.add(key, value)
		b.add(len(key) + len(value))
		return encode(w, key, value)
	}
	err := a.buffered(func(w *bufio.Writer) error {
		return writePairs(ctx, w, db, o, form{between: "\n", end: "\n", write: write})
	})
	return n, err
}

// dumped tells the counts, apart from the records.
func (a *app) dumped(n tally) error {
	if a.json {
		return json.NewEncoder(a.stderr).Encode(struct {
			Type string `json:"type"`
			tally
		}{"dumped", n})
	}
	return a.note("dumped %s records, %s", humanize.Comma(n.Records), humanize.IBytes(uint64(n.bytes())))
}
