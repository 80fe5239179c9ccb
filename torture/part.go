package torture

import (
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// PartConfig says how much is tried by the parts of the machine beside the
// crashes: errors of calls, silent damage, concurrent histories, real kills.
type PartConfig struct {
	// Share tries every Share-th case only, from the one with the number Seed mod
	// Share on: machines with the seeds 0 to Share-1 try all of them. 0 = 1.
	Share int
	// Sample takes the sites of the errors from every Share-th workload alone, and so
	// misses some: quick, for a first look.
	Sample bool
	// Depth is how many calls each error is tried at; see Errors.
	Depth    int
	Seed     uint64
	Workers  int           // 0 = one for each processor
	Limit    int           // ends after so many violations; 0 = 20
	Duration time.Duration // for those that go on by chance: 0 = one round
	// Hang is the longest that one case may take; 0 = 1 minute. What hangs
	// cannot be ended: the run ends with a panic that names the case.
	Hang time.Duration
	// Match keeps the workloads with this text in them; of the errors.
	Match string
	// Mutate stands between the engine and the disk; may be nil.
	Mutate Mutation
	// NoShrink leaves violations as they were found; of the errors, the only part
	// that makes them shorter.
	NoShrink bool
	// Found is told of each violation at once; may be nil.
	Found func(Violation)
}

func (c PartConfig) defaults() PartConfig {
	if c.Share == 0 {
		c.Share = 1
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Limit == 0 {
		c.Limit = 20
	}
	if c.Hang == 0 {
		c.Hang = time.Minute
	}
	return c
}

// mine tells whether a case belongs to the share.
func (c PartConfig) mine(n int) bool { return n%c.Share == int(c.Seed%uint64(c.Share)) }

// crew works through the jobs of a part, several at a time.
type crew struct {
	c     PartConfig
	start time.Time

	mu    sync.Mutex
	found []Violation
}

func newCrew(c PartConfig) *crew { return &crew{c: c.defaults(), start: time.Now()} }

// do makes all jobs, until enough is found. What a job returns is kept under
// the lock of the crew by keep.
func (w *crew) do(jobs iter.Seq[func()]) {
	queue := make(chan func())
	var workers sync.WaitGroup
	for range w.c.Workers {
		workers.Go(func() {
			for job := range queue {
				job()
			}
		})
	}
	for job := range jobs {
		if w.full() {
			break
		}
		queue <- job
	}
	close(queue)
	workers.Wait()
}

// keep enters what a job found, and runs count under the lock.
func (w *crew) keep(found []Violation, count func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = append(w.found, found...)
	if w.c.Found != nil {
		for _, v := range found {
			w.c.Found(v)
		}
	}
	if count != nil {
		count()
	}
}

func (w *crew) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.found) >= w.c.Limit
}

// violations is never nil, so that it is a list in JSON too.
func (w *crew) violations() []Violation { return append([]Violation{}, w.found...) }

func (w *crew) seconds() float64 { return time.Since(w.start).Seconds() }

// guard runs one case: a panic becomes a violation, a hang ends the program.
func (w *crew) guard(token string, run func() []Violation) (found []Violation) {
	hang := time.AfterFunc(w.c.Hang, func() {
		panic(fmt.Sprintf("torture: I21 progress: %s has not ended after %v", token, w.c.Hang))
	})
	defer hang.Stop()
	defer func() {
		if x := recover(); x != nil {
			found = append(found, Violation{Rule: "I16 no panic", Text: fmt.Sprintf("panic: %v\n%s", x, debug.Stack()), Token: token})
		}
	}()
	return run()
}

// replayPart judges the case of a token again that one of the parts has made;
// ok tells whether it is one.
func replayPart(token string, m Mutation) (description string, found []Violation, err error, ok bool) {
	token = strings.TrimSpace(token)
	kind, _, _ := strings.Cut(token, ";")
	replay := map[string]func(string, Mutation) (string, []Violation, error){
		lookToken: replayLook, silentToken: replaySilent, historyToken: replayHistory,
		realToken: func(t string, _ Mutation) (string, []Violation, error) { return replayReal(t) },
	}[kind]
	if replay == nil {
		return "", nil, nil, false
	}
	description, found, err = replay(token, m)
	return description, found, err, true
}
