package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// inputs are files of JSON lines that a load reads one after another.
type inputs struct {
	names []string
	stdin io.Reader
	total int64 // bytes of all files, or unknownTotal
}

// openInputs finds out at once whether all files are there: better than after
// half of them was put.
func (a *app) openInputs(names []string) (*inputs, error) {
	in := &inputs{names: names, stdin: a.stdin}
	standard := 0
	for _, name := range names {
		if name == "-" {
			standard++
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, usageError{err}
		}
		if info.IsDir() {
			return nil, usagef("%s is a folder; --tree puts its files", name)
		}
		in.total += info.Size()
	}
	if standard > 0 {
		in.total = unknownTotal
	}
	if standard > 1 {
		return nil, usagef("standard input can be read only once")
	}
	return in, nil
}

func (in *inputs) size() (int64, error) { return in.total, nil }

func (in *inputs) feed(_ context.Context, b *bar, put func(key, value []byte) error) error {
	for _, name := range in.names {
		if err := in.feedOne(name, b, put); err != nil {
			return err
		}
	}
	return nil
}

func (in *inputs) feedOne(name string, b *bar, put func(key, value []byte) error) error {
	shown, r := name, in.stdin
	if name == "-" {
		shown = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		r = f
	}
	records := newRecordReader(&told{r, b})
	for {
		key, value, err := records.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", shown, err)
		}
		if err := put(key, value); err != nil {
			return fmt.Errorf("%s: record %d: %w", shown, records.read, err)
		}
	}
}

// told tells a bar what is read.
type told struct {
	r io.Reader
	b *bar
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.b.add(n)
	return n, err
}
