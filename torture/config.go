package torture

import (
	"fmt"
	"runtime"
	"time"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// Config says how much is judged.
type Config struct {
	Tier Tier
	// Duration is for how long drawn workloads follow those of the tier. 0
	// means none do, or 200 where the tier is Swarm. The time that the tier
	// takes counts.
	Duration time.Duration
	// Seed is that of everything drawn. It also turns the wheel of options, so
	// that runs with different seeds give the same workloads other ones.
	Seed uint64
	// Share judges every Share-th task of the tier only, from the one with the
	// number Seed mod Share on: machines with the seeds 0 to Share-1 judge all
	// of them. 0 = 1.
	Share   int
	Knobs   int // combinations of options for each workload; 0 = as many as the tier wants
	Workers int // 0 = one for each processor
	// Limit ends the run after so many violations; 0 = 20.
	Limit int
	// Hang is the longest that one task may take; 0 = 10 minutes. What hangs
	// cannot be ended: the run ends with a panic that names the task.
	Hang time.Duration
	// Profile is what a power cut may leave; the zero value is posix.
	Profile faultfs.Profile
	// Only keeps the tasks for which it is true; nil keeps all.
	Only func(Task) bool
	// Mutate stands between the engine and the disk; may be nil.
	Mutate Mutation
	// NoRules leaves the static rules out, to see what the crashes alone find.
	NoRules bool
	// Plain leaves the crashes and the errors out: each workload is run, once.
	Plain bool
	// Twice runs every workload once more, without crashes: it must make the same calls.
	// Else one of a hundred is.
	Twice bool
	// Begin is told of each task before it is judged, by the worker that does it,
	// and of nil behind it; may be nil.
	Begin func(*Task)
	// NoShrink leaves violations as they were found.
	NoShrink bool
	// Found is told of each violation at once, shrunk; may be nil.
	Found func(Violation)
	// Progress is told twice a second how far the run is; may be nil. Its
	// report has no violations.
	Progress func(Report)
}

func (c Config) defaults() Config {
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Limit == 0 {
		c.Limit = 20
	}
	if c.Hang == 0 {
		c.Hang = 10 * time.Minute
	}
	if c.Share == 0 {
		c.Share = 1
	}
	if c.Knobs == 0 {
		c.Knobs = c.Tier.knobs()
	}
	return c
}

// Report is what came of a run.
type Report struct {
	Tier            Tier        `json:"tier"`
	Profile         string      `json:"profile"`
	Tasks           int         `json:"tasks"`     // done
	AllTasks        int         `json:"all_tasks"` // of this share of the tier; drawn ones come on top
	Workloads       int         `json:"workloads"`
	ErrorRuns       int         `json:"error_runs"`
	CrashPoints     int         `json:"crash_points"`
	CrashStates     int         `json:"crash_states"`    // judged: first and second crashes
	SecondStates    int         `json:"second_states"`   // of those: left by a crash of a recovery
	DistinctStates  int         `json:"distinct_states"` // different disks with different options, each opened and judged
	Opens           int         `json:"opens"`           // disks that were opened: some by more than one workload
	Kills           int         `json:"kills"`
	Partial         int         `json:"partial_points"` // crash points with too many pending writes to try all subsets
	Excused         int         `json:"excused"`        // disks on which a promise need not be kept, and was not
	Boundaries      []Boundary  `json:"boundaries"`
	Violations      []Violation `json:"violations"`
	Seconds         float64     `json:"seconds"`
	StatesPerSecond float64     `json:"states_per_second"`
	Seed            uint64      `json:"seed"`
}

// Boundary is the room before, inside and after the calls to the file system
// that an operation makes: how many there are, and how many of them saw every
// crash that their tier asks for.
type Boundary struct {
	Operation string `json:"operation"`
	Existing  int    `json:"existing"`
	Explored  int    `json:"explored"`
}

// Percent is rounded down: 100 means all.
func (b Boundary) Percent() float64 {
	if b.Existing == 0 {
		return 100
	}
	return float64(b.Explored*1000/b.Existing) / 10
}

// Boundary is that of all operations together.
func (r Report) Boundary() Boundary {
	sum := Boundary{Operation: "all"}
	for _, b := range r.Boundaries {
		sum.Existing += b.Existing
		sum.Explored += b.Explored
	}
	return sum
}

// String is one line.
func (r Report) String() string {
	return fmt.Sprintf("%s, %s: %d workloads, %d runs with errors, %d crash points (%.1f %% of the boundaries), %d crash states (%d of second crashes), %d distinct, %d kills: %d violations; %.1f s, %.0f states/s",
		r.Tier, r.Profile, r.Workloads, r.ErrorRuns, r.CrashPoints, r.Boundary().Percent(), r.CrashStates, r.SecondStates, r.DistinctStates, r.Kills, len(r.Violations), r.Seconds, r.StatesPerSecond)
}
