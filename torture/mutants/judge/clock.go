package main

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture"
)

// clock ends the program when it has used its time, and notices when it stands
// still. It counts the time of the processor, so that a busy machine makes no
// mutant look dead and no judge look blind.
type clock struct {
	budget time.Duration
	opens  atomic.Int64 // databases that were opened
	atEnd  func()       // called before the program ends; may be nil
}

// end ends the program.
func (c *clock) end() {
	if c.atEnd != nil {
		c.atEnd()
	}
	os.Exit(0)
}

const (
	// stuck is the time of the processor in which a judge opens a database, by
	// far: they open hundreds a second.
	stuck = 8 * time.Second
	// asleep is how long a program may do nothing. A busy machine gives each
	// program some time.
	asleep = 10 * time.Second
	tick   = 250 * time.Millisecond
)

// over is a mutation that counts what is opened.
func (c *clock) over(m torture.Mutation) torture.Mutation {
	return func(fsys vfs.FS) vfs.FS {
		c.opens.Add(1)
		if m == nil {
			return fsys
		}
		return m(fsys)
	}
}

// watch never returns.
func (c *clock) watch(j *job) {
	opens, at, moved, last := int64(-1), processTime(), time.Now(), processTime()
	for {
		time.Sleep(tick)
		now := processTime()
		if n := c.opens.Load(); n != opens {
			opens, at = n, now
		}
		if now-last > tick/50 {
			moved, last = time.Now(), now
		}
		switch {
		case now-at > stuck:
			j.hangs("it runs, and opens nothing any more")
		case time.Since(moved) > asleep:
			j.hangs("it waits for ever")
		case now > c.budget:
			c.end()
		}
	}
}

// hangs tells, with the stacks of all goroutines, and ends the program.
func (j *job) hangs(how string) {
	stacks := make([]byte, 1<<20)
	_, _ = os.Stderr.Write(stacks[:runtime.Stack(stacks, true)])
	j.found(torture.Violation{Rule: "I21 progress", Text: how})
	os.Exit(0)
}
