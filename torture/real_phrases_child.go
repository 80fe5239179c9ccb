package torture

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// phraseChild makes the operations of phrases in a process of its own.
type phraseChild struct {
	dir   string
	knobs Knobs
	fsys  vfs.FS
	keys  []string
	db    *quiver.DB
	snaps []*quiver.Snapshot
	out   io.Writer
}

// phrasesWork opens the database, makes the operations and closes it: args are
// folder, knobs, number of the first operation, and the operations.
func phrasesWork(args []string, m Mutation, out io.Writer) error {
	if len(args) != 4 {
		return fmt.Errorf("torture: %d arguments for phrases, want folder, knobs, number and operations", len(args))
	}
	knobs, err := ParseKnobs(args[1])
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("torture: number: %w", err)
	}
	ops, err := parseOps(args[3])
	if err != nil {
		return err
	}
	c := &phraseChild{dir: args[0], knobs: knobs, fsys: m.apply(vfs.OS()), out: out,
		keys: Workload{Knobs: knobs, Start: "empty", Ops: ops}.keys()}
	if c.db, err = openOrInit(c.dir, knobs.init(c.fsys), c.options()); err != nil {
		return err
	}
	if err := c.tell(model.Result{}); err != nil {
		return err
	}
	for i, o := range ops {
		r, err := c.do(o, first+i)
		if err == nil {
			err = c.tell(r)
		}
		if err != nil {
			return fmt.Errorf("operation %d, %v: %w", i+1, o, err)
		}
	}
	return c.db.Close()
}

func (c *phraseChild) options() *quiver.Options {
	o := c.knobs.options(c.fsys)
	o.Clock = nil // the names of snapshots tell the process
	return o
}

// tell writes what an operation returned, and what can be read after it.
func (c *phraseChild) tell(r model.Result) error {
	all, err := content(c.db, c.keys)
	if err != nil {
		return err
	}
	var held []model.State
	for _, s := range c.snaps {
		state, err := content(s, c.keys)
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		held = append(held, state)
	}
	_, err = fmt.Fprintf(c.out, "%s %d\n", phraseLine(r, all, held), c.db.LastLSN())
	return err
}

func (c *phraseChild) do(o Op, number int) (r model.Result, err error) {
	if o.Kind.writes() {
		return (&run{db: c.db}).call(o, o.modelOp(number))
	}
	switch o.Kind {
	case OpSync:
		return r, c.db.Sync()
	case OpCheckpoint:
		return r, c.db.Checkpoint()
	case OpRecount:
		return r, c.recount()
	case OpReopen:
		return r, c.reopen(quiver.Open)
	case OpReadOnly:
		if err := c.reopen(quiver.OpenReadOnly); err != nil {
			return r, err
		}
		if _, err := content(c.db, c.keys); err != nil {
			return r, err
		}
		return r, c.reopen(quiver.Open)
	case OpSnap:
		s, err := c.db.Snapshot()
		if err == nil {
			c.snaps = append(c.snaps, s)
		}
		return r, err
	case OpSnapEnd:
		if len(c.snaps) == 0 {
			return r, nil
		}
		s := c.snaps[0]
		c.snaps = slices.Delete(c.snaps, 0, 1)
		return r, s.Close()
	case OpKill:
		return r, kill()
	}
	return r, fmt.Errorf("torture: a child cannot do %v", o)
}

// reopen closes the database and opens it again.
func (c *phraseChild) reopen(open func(string, *quiver.Options) (*quiver.DB, error)) (err error) {
	c.snaps = nil
	if err = c.db.Close(); err == nil {
		c.db, err = open(c.dir, c.options())
	}
	return err
}

func (c *phraseChild) recount() error {
	if _, err := c.db.Recount(context.Background(), nil); err != nil {
		return err
	}
	for _, f := range checkFindings(c.db, true, nil) {
		return fmt.Errorf("%v", f)
	}
	return nil
}

// kill ends this process as nothing else would: no buffer is flushed, no lock
// given back.
func kill() error {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		return err
	}
	select {}
}
