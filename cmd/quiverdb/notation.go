package main

import (
	"encoding/hex"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// bytesOf gives what a key or value on the command line stands for: the text
// itself, hex:…, @FILE, or - for standard input.
func (a *app) bytesOf(arg string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(arg, "hex:"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil {
			return nil, usagef("%s: %w", shortened(arg), err)
		}
		return b, nil
	}
	if name, ok := strings.CutPrefix(arg, "@"); ok {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, usageError{err}
		}
		return b, nil
	}
	if arg == "-" {
		return io.ReadAll(a.stdin)
	}
	return []byte(arg), nil
}

// operands are the arguments of a command that QuiverDB 1.2 took as flags: each
// may be given either way.
type operands struct {
	names []string
	flags *pflag.FlagSet
}

func operandsOf(cmd *cobra.Command, names ...string) *operands {
	for i, name := range names {
		cmd.Flags().String(name, "", "the "+name+", instead of argument "+string(rune('1'+i)))
	}
	return &operands{names: names, flags: cmd.Flags()}
}

// read gives the bytes of each operand.
func (o *operands) read(a *app, args []string) ([][]byte, error) {
	var texts []string
	fromInput := 0
	for _, name := range o.names {
		var text string
		switch f := o.flags.Lookup(name); {
		case f.Changed:
			text = f.Value.String()
		case len(args) > 0:
			text, args = args[0], args[1:]
		default:
			return nil, usagef("no %s was given", name)
		}
		if text == "-" {
			fromInput++
		}
		texts = append(texts, text)
	}
	if len(args) > 0 {
		return nil, usagef("unexpected argument %s", shortened(args[0]))
	}
	if fromInput > 1 {
		return nil, usagef("standard input can be read only once")
	}
	var all [][]byte
	for _, text := range texts {
		b, err := a.bytesOf(text)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// oneLine writes bytes in the notation that bytesOf reads, on one line.
func oneLine(b []byte) string {
	if isPlain(b, "") {
		return string(b)
	}
	return "hex:" + hex.EncodeToString(b)
}

// readable writes bytes for a terminal: text as it is, other bytes such that
// they do nothing to the terminal.
func readable(b []byte) string {
	if isPlain(b, "\n\t") {
		return string(b)
	}
	return "hex:" + hex.EncodeToString(b)
}

// isPlain says whether bytes are printable text that is not taken for another
// notation. Runes of more are printable too.
func isPlain(b []byte, more string) bool {
	if !utf8.Valid(b) {
		return false
	}
	s := string(b)
	if s == "-" || strings.HasPrefix(s, "@") || strings.HasPrefix(s, "hex:") {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && !strings.ContainsRune(more, r) {
			return false
		}
	}
	return true
}

// shortened keeps a message short that quotes what the user gave.
func shortened(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
