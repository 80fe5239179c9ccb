package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/quiverdb/quiverdb-go/quiver"
)

const (
	// maxLoadBatch keeps a batch below what the engine takes in one group, with
	// pages of any size.
	maxLoadBatch = 4096
	// loadBatchBytes ends a batch of large values early: what waits in it is in memory twice.
	loadBatchBytes = 8 << 20
)

func (a *app) loadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "load --path DIR [FILE]...",
		Short: "Read pairs from JSON lines or from a folder",
		Long: `Put pairs from JSON lines, of files or of standard input: {"key_hex":…,"value_hex":…},
{"key_b64":…,"value_b64":…} or, for text, {"key":…,"value":…}. What dump and
scan --format json print is read back exactly.

With --tree, put the files of a folder: the key is the path below the folder
with slashes, the value is the content. Symbolic links and what is no file are
left out and counted, and so is the database itself when it stands in the folder.

Pairs are put in batches and become durable at the end. When the command fails,
the batches before stay.`,
		Example: `  quiverdb load --path ./db --init pairs.jsonl
  quiverdb dump --path ./old | quiverdb load --path ./new --init
  quiverdb load --path ./db --tree ./src --exclude .git --exclude '*.o'`,
		Args: cobra.ArbitraryArgs,
	}
	d := writeFlags(cmd)
	var t tree
	create := cmd.Flags().Bool("init", false, "make the database when there is none")
	most := cmd.Flags().Int("batch", 1000, fmt.Sprintf("pairs put at once, at most %d", maxLoadBatch))
	cmd.Flags().StringVar(&t.root, "tree", "", "put the files of this folder")
	cmd.Flags().StringArrayVar(&t.exclude, "exclude", nil, "with --tree, leave out what matches: a name, or a path with a slash (repeatable)")
	cmd.RunE = a.body(func(cmd *cobra.Command, args []string) error {
		if *most < 1 || *most > maxLoadBatch {
			return usagef("--batch %d is not between 1 and %d", *most, maxLoadBatch)
		}
		source, err := a.loadSource(cmd, args, &t)
		if err != nil {
			return err
		}
		if *create {
			err := quiver.Init(d.path, quiver.InitOptions{FS: a.fs})
			if err != nil && !errors.Is(err, quiver.ErrExists) {
				return err
			}
		}
		if t.root != "" {
			if err := t.prepare(d.path); err != nil {
				return err
			}
		}
		return a.writing(cmd.Context(), d, func(db *quiver.DB) error {
			l := &loader{db: db, most: *most}
			return a.load(cmd.Context(), l, &t, source)
		})
	})
	return cmd
}

// source is where the pairs of a load come from.
type source interface {
	// size is how many bytes feed will tell to the bar, or unknownTotal.
	size() (int64, error)
	// feed calls put with each pair until there are no more or put fails.
	feed(ctx context.Context, b *bar, put func(key, value []byte) error) error
}

func (a *app) loadSource(cmd *cobra.Command, args []string, t *tree) (source, error) {
	if cmd.Flags().Changed("tree") {
		if len(args) > 0 {
			return nil, usagef("--tree and input files exclude each other")
		}
		return t, t.check()
	}
	if len(t.exclude) > 0 {
		return nil, usagef("--exclude goes with --tree")
	}
	if len(args) == 0 {
		args = []string{"-"}
	}
	return a.openInputs(args)
}

// loader puts pairs in batches without a sync each.
type loader struct {
	db    *quiver.DB
	most  int // pairs of a batch
	batch quiver.Batch
	n     tally
	saved int64 // pairs of the batches that were written
}

// put checks the sizes itself: a batch that is refused does not say for which pair.
func (l *loader) put(key, value []byte) error {
	if most := l.db.MaxKeyLen(); len(key) > most {
		return fmt.Errorf("%w: key of %d bytes, at most %d", quiver.ErrTooLarge, len(key), most)
	}
	if most := l.db.MaxValueLen(); int64(len(value)) > most {
		return fmt.Errorf("%w: value of %d bytes, at most %d", quiver.ErrTooLarge, len(value), most)
	}
	if l.batch.Len() > 0 && l.batch.Bytes()+len(key)+len(value) > loadBatchBytes {
		// A value near the limit goes into no batch beside others.
		if err := l.write(); err != nil {
			return err
		}
	}
	l.batch.Put(key, value)
	l.n.add(key, value)
	if l.batch.Len() >= l.most || l.batch.Bytes() >= loadBatchBytes {
		return l.write()
	}
	return nil
}

func (l *loader) write() error {
	if err := l.db.WriteNoSync(&l.batch); err != nil {
		return err
	}
	l.batch.Reset()
	l.saved = l.n.Records
	return nil
}

// finish makes everything durable.
func (l *loader) finish() error {
	if err := l.write(); err != nil {
		return err
	}
	return l.db.Sync()
}

func (a *app) load(ctx context.Context, l *loader, t *tree, from source) error {
	began := time.Now()
	b, err := a.loadBar(from)
	if err != nil {
		return err
	}
	err = from.feed(ctx, b, func(key, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return l.put(key, value)
	})
	if err == nil {
		err = l.finish()
	}
	b.done()
	if err != nil {
		return fmt.Errorf("%w (%d pairs before it were put)", err, l.saved)
	}
	return a.loaded(l, t, time.Since(began))
}

// loadBar finds out how much there is to do only where somebody sees it.
func (a *app) loadBar(from source) (*bar, error) {
	b := a.newByteBar("loading", unknownTotal)
	if b.w == nil {
		return b, nil
	}
	var err error
	b.total, err = from.size()
	return b, err
}

type loadResult struct {
	tally
	Seconds        float64     `json:"seconds"`
	BytesPerSecond float64     `json:"bytes_per_second"`
	LastLSN        uint64      `json:"last_lsn"`
	Skipped        *treeCounts `json:"skipped,omitempty"`
}

// loaded ends a load with counts, bytes and rate.
func (a *app) loaded(l *loader, t *tree, took time.Duration) error {
	// A clock that stood still gives no rate to divide by.
	r := loadResult{tally: l.n, Seconds: max(took, time.Microsecond).Seconds(), LastLSN: l.db.LastLSN()}
	r.BytesPerSecond = float64(r.bytes()) / r.Seconds
	if t.root != "" {
		r.Skipped = &t.skipped
	}
	if a.json {
		return a.result(r)
	}
	left := ""
	if s := r.Skipped; s != nil && *s != (treeCounts{}) {
		left = fmt.Sprintf("; left out: %d symbolic links, %d special files, %d excluded, %d database", s.Symlinks, s.Special, s.Excluded, s.Database)
	}
	return a.say("loaded %s records, %s in %.2f s, %s/s%s", humanize.Comma(r.Records), humanize.IBytes(uint64(r.bytes())),
		r.Seconds, humanize.IBytes(uint64(r.BytesPerSecond)), left)
}
