package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// Run judges the tasks of a tier, and drawn ones after them.
func Run(c Config) Report {
	c = c.defaults()
	x := &runner{c: c, start: time.Now(), tasks: make(chan Task), bases: bases{mutate: c.Mutate, noRules: c.NoRules, seen: &stateSet{}}}
	var workers sync.WaitGroup
	for range c.Workers {
		workers.Go(x.work)
	}
	told := x.tell()
	x.feed()
	close(x.tasks)
	workers.Wait()
	told()
	return x.report(true)
}

type runner struct {
	c     Config
	start time.Time
	bases bases
	tasks chan Task

	mu     sync.Mutex
	all    int // tasks of the tier
	done   int
	counts Counts
	found  []Violation
}

func (x *runner) feed() {
	list := slices.Collect(x.mine())
	x.mu.Lock()
	x.all = len(list)
	x.mu.Unlock()
	given := 0
	give := func(t Task) {
		// Who is told of each task may have put something between the engine and the
		// disk that strikes once.
		t.Twice = (x.c.Twice || given%twiceEvery == 0) && x.c.Begin == nil
		given++
		x.tasks <- t
	}
	for _, t := range list {
		if x.full() {
			return
		}
		give(t)
	}
	rng := rand.New(rand.NewPCG(x.c.Seed, 0))
	for n := 0; !x.full(); n++ {
		if x.c.Duration == 0 && (x.c.Tier != Swarm || n == drawnTasks) || x.c.Duration > 0 && time.Since(x.start) >= x.c.Duration {
			return
		}
		if t := x.under(randomTask(rng)); x.c.Only == nil || x.c.Only(t) {
			give(t)
		}
	}
}

// twiceEvery is of how many tasks one is run twice.
const twiceEvery = 100

// drawnTasks is how many the swarm draws where no time is given.
const drawnTasks = 200

// mine are the tasks of the tier that this run has to do.
func (x *runner) mine() func(yield func(Task) bool) {
	return func(yield func(Task) bool) {
		n := 0
		for t := range x.c.Tier.tasks(x.c.Knobs, int(x.c.Seed%wheel)) {
			n++
			if x.c.Only != nil && !x.c.Only(t) || (n-1)%x.c.Share != int(x.c.Seed%uint64(x.c.Share)) {
				continue
			}
			if !yield(x.under(t)) {
				return
			}
		}
	}
}

// under gives a task the profile of the run, where it has none of its own, and
// takes from it what the run leaves out.
func (x *runner) under(t Task) Task {
	if x.c.Profile != (faultfs.Profile{}) {
		t.Profile = x.c.Profile
	}
	if x.c.Plain {
		t.OnlyErrors, t.Errors, t.Kill = true, false, Once
	}
	return t
}

// full tells whether enough has been found.
func (x *runner) full() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.found) >= x.c.Limit
}

func (x *runner) work() {
	for t := range x.tasks {
		hang := time.AfterFunc(x.c.Hang, func() {
			panic(fmt.Sprintf("torture: I21 progress: %v has not ended after %v", t.Workload, x.c.Hang))
		})
		counts, found := x.examine(t)
		hang.Stop()
		if !x.c.NoShrink && len(found) > 0 && found[0].Rule != determinismRule {
			// What else this task found mostly is the same mistake.
			found = []Violation{(&bases{mutate: x.c.Mutate, noRules: x.c.NoRules}).shrink(found[0], shrinkTime)}
		}
		x.add(counts, found)
	}
}

func (x *runner) examine(t Task) (Counts, []Violation) {
	if x.c.Begin == nil {
		return x.bases.examine(t)
	}
	// The start state is made before, for it belongs to many tasks.
	_, _ = x.bases.get(t.Workload.Start, t.Workload.Knobs) // examine tells the error
	x.c.Begin(&t)
	defer x.c.Begin(nil)
	return x.bases.examine(t)
}

// shrinkTime is how long one violation is made shorter.
const shrinkTime = 20 * time.Second

func (x *runner) add(counts Counts, found []Violation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.done++
	x.counts.add(counts)
	x.found = append(x.found, found...)
	if x.c.Found != nil {
		for _, v := range found {
			x.c.Found(v)
		}
	}
}

// tell keeps Progress informed until the returned function is called.
func (x *runner) tell() (end func()) {
	if x.c.Progress == nil {
		return func() {}
	}
	var teller sync.WaitGroup
	stop := make(chan struct{})
	teller.Go(func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				x.c.Progress(x.report(false))
			}
		}
	})
	return func() { close(stop); teller.Wait() }
}

func (x *runner) report(last bool) Report {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.counts
	r := Report{Tier: x.c.Tier, Profile: x.c.Profile.String(), Tasks: x.done, AllTasks: x.all,
		Workloads: n.Runs, ErrorRuns: n.Errors, CrashPoints: n.Points, CrashStates: n.States + n.Seconds,
		SecondStates: n.Seconds, DistinctStates: x.bases.seen.len(), Opens: n.Distinct, Kills: n.Kills, Partial: n.Partial, Excused: n.Excused,
		Violations: []Violation{}, Seconds: time.Since(x.start).Seconds(), Seed: x.c.Seed}
	if last {
		r.Violations = append(r.Violations, x.found...)
	}
	for name, b := range n.Boundaries {
		r.Boundaries = append(r.Boundaries, Boundary{name, b[0], b[1]})
	}
	slices.SortFunc(r.Boundaries, func(a, b Boundary) int { return strings.Compare(a.Operation, b.Operation) })
	r.StatesPerSecond = float64(r.CrashStates) / r.Seconds
	return r
}
