package torture

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// What a child can do: the first of its arguments.
const (
	clientsChild = "clients"
	phrasesChild = "phrases"
)

// RealChild is the work of a child process of Real: it opens the database in a
// folder, which it makes when there is none, and works in it. Each call that has
// returned becomes a line on standard output. args are those behind RealArg; the
// result is for os.Exit.
func RealChild(args []string) int { return realChild(args, nil, os.Stdout, os.Stderr) }

func realChild(args []string, m Mutation, out, problems io.Writer) int {
	if err := childWork(args, m, out); err != nil {
		_, _ = fmt.Fprintln(problems, err) // there is nobody else to tell
		return 1
	}
	return 0
}

func childWork(args []string, m Mutation, out io.Writer) error {
	if len(args) > 0 {
		switch rest := args[1:]; args[0] {
		case clientsChild:
			return clientsWork(rest, m, out)
		case phrasesChild:
			return phrasesWork(rest, m, out)
		}
	}
	return fmt.Errorf("torture: a child does not know what to do with %q", args)
}

// clientsWork lets some clients work: args are folder, seed and round.
func clientsWork(args []string, m Mutation, out io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("torture: %d arguments for clients, want folder, seed and round", len(args))
	}
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return fmt.Errorf("torture: seed: %w", err)
	}
	round, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("torture: round: %w", err)
	}
	fsys := m.apply(vfs.OS())
	init := quiver.InitOptions{FS: fsys, Buckets: 1 + int(seed%5), PageSize: []int{4096, 8192}[seed/2%2]}
	db, err := openOrInit(args[0], init, childOptions(seed, round, fsys))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "opened"); err != nil {
		return err
	}
	told := &teller{out: out}
	var clients sync.WaitGroup
	for c := range realClients {
		clients.Go(func() { told.client(db, c, realList(seed, round, c)) })
	}
	clients.Wait()
	return errors.Join(told.failed, db.Close())
}

func childOptions(seed uint64, round int, fsys vfs.FS) *quiver.Options {
	rng := rand.New(rand.NewPCG(seed, uint64(round)<<8|7))
	return &quiver.Options{FS: fsys, LogBytes: 32 << rng.IntN(3) << 10, LogChunkBytes: 16 << 10, NoSyncBytes: 32 << 10, ReservePages: 4,
		PageCachePages: []int{-1, 4, 0}[rng.IntN(3)], NoDataFsync: rng.IntN(3) > 0, Inline: rng.IntN(3) == 0}
}

func openOrInit(dir string, init quiver.InitOptions, o *quiver.Options) (*quiver.DB, error) {
	db, err := quiver.Open(dir, o)
	if !errors.Is(err, quiver.ErrNoDatabase) && !errors.Is(err, quiver.ErrIncomplete) {
		return db, err
	}
	if err := quiver.Init(dir, init); err != nil {
		return nil, err
	}
	return quiver.Open(dir, o)
}

// teller writes what has returned, each line at once.
type teller struct {
	mu     sync.Mutex
	out    io.Writer
	failed error
}

func (t *teller) client(db *quiver.DB, c int, list []event) {
	for i, e := range list {
		r, err := e.make(db)
		if err == nil {
			sum := uint64(0)
			if e.kind != eventSync {
				sum = resultSum(r)
			}
			err = t.line(fmt.Sprintf("%d %d %x %d\n", c, i, sum, db.LastLSN()))
		}
		if err != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.failed = errors.Join(t.failed, fmt.Errorf("client %d, call %d: %w", c, i, err))
			return
		}
	}
}

func (t *teller) line(text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := io.WriteString(t.out, text)
	return err
}

// resultSum stands for a result: a line has no room for values.
func resultSum(r model.Result) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%v %d %q", r.Found, r.N, r.Value) // a hash takes everything
	for _, k := range r.Pairs.Keys("") {
		_, _ = fmt.Fprintf(h, " %q=%q", k, r.Pairs[k])
	}
	return h.Sum64()
}

func realPrefix(client int) string { return "c" + strconv.Itoa(client) + "/" }

// realList is what a client does in one process.
func realList(seed uint64, round, client int) []event {
	rng := rand.New(rand.NewPCG(seed, uint64(round)<<8|uint64(client)<<4))
	list := make([]event, realCalls)
	for i := range list {
		list[i] = realEvent(fmt.Sprintf("%d.%d.%d.", round, client, i), realPrefix(client), rng)
	}
	return list
}

func realEvent(tag, prefix string, rng *rand.Rand) event {
	key := func() string { return prefix + strconv.Itoa(rng.IntN(12)) }
	o := model.Op{Key: key()}
	switch n := rng.IntN(20); {
	case n < 7:
		o.Kind, o.Value = model.Put, tagged(tag, rng)
	case n < 10:
		o.Kind = model.Delete
	case n < 12:
		o.Kind, o.Value = model.Append, "+"+tag
	case n < 13:
		o.Kind = model.Get
	case n < 14:
		o.Kind, o.Key = model.Scan, prefix
	case n == 14 && rng.IntN(6) == 0:
		o.Kind, o.Key = model.DeletePrefix, prefix
	case n == 15:
		return event{kind: eventSync}
	default:
		o.Kind, o.Key = model.Batch, ""
		for range 2 + rng.IntN(4) {
			c := model.Change{Key: key(), Delete: rng.IntN(4) == 0}
			if !c.Delete {
				c.Value = tagged(tag, rng)
			}
			o.Changes = append(o.Changes, c)
		}
		if n > 17 {
			return event{kind: eventNoSync, op: o}
		}
	}
	return event{op: o}
}
