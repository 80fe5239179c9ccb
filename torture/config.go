package torture

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// Config says how much is judged.
type Config struct {
	Tier Tier
	// Duration is for how long random workloads follow those of the tier. 0
	// means none do. The time that the tier takes counts.
	Duration time.Duration
	Seed     uint64 // of the random workloads
	Workers  int    // 0 = one for each processor
	// Limit ends the run after so many violations; 0 = 20.
	Limit int
	// Hang is the longest that one task may take; 0 = 10 minutes. What hangs
	// cannot be ended: the run ends with a panic that names the task.
	Hang time.Duration
	// Only keeps the tasks for which it is true; nil keeps all.
	Only func(Task) bool
	// Mutate stands between the engine and the disk; may be nil.
	Mutate Mutation
	// Found is told of each violation at once; may be nil.
	Found func(Violation)
}

// Report is what came of a run.
type Report struct {
	Workloads       int         `json:"workloads"`
	ErrorRuns       int         `json:"error_runs"`
	CrashPoints     int         `json:"crash_points"`
	CrashStates     int         `json:"crash_states"`    // judged: first and second crashes
	SecondStates    int         `json:"second_states"`   // of those: left by a crash of a recovery
	DistinctStates  int         `json:"distinct_states"` // opened and judged by every means
	Kills           int         `json:"kills"`
	Violations      []Violation `json:"violations"`
	Seconds         float64     `json:"seconds"`
	StatesPerSecond float64     `json:"states_per_second"`
	Seed            uint64      `json:"seed"`
}

// String is one line.
func (r Report) String() string {
	return fmt.Sprintf("%d workloads, %d runs with errors, %d crash points, %d crash states (%d of second crashes), %d distinct, %d kills: %d violations; %.1f s, %.0f states/s",
		r.Workloads, r.ErrorRuns, r.CrashPoints, r.CrashStates, r.SecondStates, r.DistinctStates, r.Kills, len(r.Violations), r.Seconds, r.StatesPerSecond)
}

// Run judges the tasks of a tier, and random ones after them.
func Run(c Config) Report {
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Limit == 0 {
		c.Limit = 20
	}
	if c.Hang == 0 {
		c.Hang = 10 * time.Minute
	}
	x := &runner{c: c, start: time.Now(), tasks: make(chan Task), bases: bases{mutate: c.Mutate}}
	var workers sync.WaitGroup
	for range c.Workers {
		workers.Go(x.work)
	}
	x.feed()
	close(x.tasks)
	workers.Wait()
	return x.report()
}

type runner struct {
	c     Config
	start time.Time
	bases bases
	tasks chan Task

	mu     sync.Mutex
	counts Counts
	found  []Violation
}

func (x *runner) feed() {
	for t := range x.c.Tier.tasks() {
		if x.done() {
			return
		}
		if x.c.Only == nil || x.c.Only(t) {
			x.tasks <- t
		}
	}
	rng := rand.New(rand.NewPCG(x.c.Seed, 0))
	for !x.done() && time.Since(x.start) < x.c.Duration {
		x.tasks <- randomTask(rng)
	}
}

// done tells whether enough has been found.
func (x *runner) done() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.found) >= x.c.Limit
}

func (x *runner) work() {
	for t := range x.tasks {
		hang := time.AfterFunc(x.c.Hang, func() {
			panic(fmt.Sprintf("torture: I21 progress: %v has not ended after %v", t.Workload, x.c.Hang))
		})
		counts, found := x.bases.examine(t)
		hang.Stop()
		x.add(counts, found)
	}
}

func (x *runner) add(counts Counts, found []Violation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.counts.add(counts)
	x.found = append(x.found, found...)
	if x.c.Found != nil {
		for _, v := range found {
			x.c.Found(v)
		}
	}
}

func (x *runner) report() Report {
	n := x.counts
	r := Report{Workloads: n.Runs, ErrorRuns: n.Errors, CrashPoints: n.Points, CrashStates: n.States + n.Seconds,
		SecondStates: n.Seconds, DistinctStates: n.Distinct, Kills: n.Kills, Violations: x.found,
		Seconds: time.Since(x.start).Seconds(), Seed: x.c.Seed}
	r.StatesPerSecond = float64(r.CrashStates) / r.Seconds
	if r.Violations == nil {
		r.Violations = []Violation{}
	}
	return r
}
