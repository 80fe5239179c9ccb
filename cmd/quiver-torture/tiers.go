package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/torture"
)

// tier is something that -tier can name.
type tier struct {
	name, what string
	takes      []string // of onlySome: the flags that mean something to it
	run        func(request) (part, error)
}

// onlySome are the flags that not every tier takes.
func onlySome() []string { return []string{"duration", "share", "knobs", "depth", "profile", "match"} }

// without are the flags that would do nothing.
func (t tier) without() []string {
	return slices.DeleteFunc(onlySome(), func(f string) bool { return slices.Contains(t.takes, f) })
}

// request is what a tier is asked for.
type request struct {
	seed     uint64
	duration time.Duration
	share    int
	knobs    int
	depth    int
	profile  string
	workers  int
	limit    int
	match    string
	found    func(torture.Violation)            // told of each violation at once
	progress func(done, all int, detail string) // all = 0: unknown
}

const silentName = "silent"

// tiers are those that package torture has.
func tiers() []tier {
	return []tier{
		crashTier(torture.Exhaustive, "each phrase of the alphabet on each start state, all that a power cut may leave"),
		crashTier(torture.Bounded, "all pairs of phrases, long lists of what a power cut may leave"),
		crashTier(torture.Triple, "all triples of phrases: days; see -share"),
		crashTier(torture.Snapshots, "snapshots that outlive their process: phrases alone and chosen pairs, all that a power cut may leave"),
		crashTier(torture.Backups, "backups, full and incremental, and restores: the same"),
		crashTier(torture.Swarm, "drawn workloads, options, errors and profiles, for -duration"),
		{name: "errors", what: "every error at every call site, once and for ever", takes: []string{"share", "depth", "match"}, run: errorTier},
		{name: silentName, what: "every damage of every file between two sessions", takes: []string{"duration", "share", "depth"}, run: silentTier},
		{name: "histories", what: "several clients at once, with crashes: could it have happened one after another?", takes: []string{"duration", "share"}, run: historyTier},
		{name: "real", what: "phrases on start states, and several clients, in processes that are killed at random moments, in real folders", takes: []string{"duration", "share"}, run: realTier},
	}
}

// crashTier is one that cuts the power.
func crashTier(t torture.Tier, what string) tier {
	takes := []string{"duration", "share", "knobs", "profile", "match"}
	if t == torture.Swarm {
		takes = []string{"duration", "profile", "match"} // it has no list of workloads
	}
	return tier{name: string(t), what: what, takes: takes, run: func(r request) (part, error) {
		c := torture.Config{Tier: t, Duration: r.duration, Seed: r.seed, Share: r.share, Knobs: r.knobs, Workers: r.workers, Limit: r.limit, Found: r.found}
		if r.profile != "" {
			if err := setProfile(&c, r.profile); err != nil {
				return part{}, err
			}
		}
		if r.match != "" {
			c.Only = func(t torture.Task) bool { return strings.Contains(t.Workload.String(), r.match) }
		}
		if r.progress != nil {
			c.Progress = func(now torture.Report) {
				r.progress(now.Tasks, now.AllTasks, fmt.Sprintf("%d crash states, %d distinct", now.CrashStates, now.DistinctStates))
			}
		}
		got := torture.Run(c)
		tallies := []tally{{string(t) + ": disks opened", got.Opens}, {string(t) + ": disks on which a loss is excused", got.Excused}}
		return part{Line: got.String(), violations: got.Violations, Coverage: []coverage{boundaries(got)}, Tallies: tallies, Counts: counts{
			CrashPoints: got.CrashPoints, CrashStates: got.CrashStates, DistinctStates: got.DistinctStates, ErrorsInjected: got.ErrorRuns,
			Seconds: got.Seconds, Workloads: got.Workloads, SecondStates: got.SecondStates, Kills: got.Kills}}, nil
	}}
}

// setProfile reads the name of a profile by way of a token, which may hold one.
func setProfile(c *torture.Config, text string) error {
	if strings.ContainsAny(text, " ;") {
		return fmt.Errorf("-profile %q is no profile", text)
	}
	any := torture.Case{Workload: torture.Workload{Knobs: torture.DefaultKnobs(), Start: torture.Starts()[0]}}.Token()
	read, err := torture.ParseToken(strings.TrimSuffix(any, ";;") + ";under=" + text + ";")
	if err != nil {
		return fmt.Errorf("-profile: %w", err)
	}
	c.Profile = read.Profile
	return nil
}

// boundaries are the crash boundaries of each operation.
func boundaries(r torture.Report) coverage {
	all := r.Boundary()
	c := coverage{Title: "crash boundaries", Done: all.Explored, All: all.Existing}
	if r.Partial > 0 {
		c.Note = fmt.Sprintf("at %d points too many writes were pending for all subsets", r.Partial)
	}
	for _, b := range r.Boundaries {
		c.Rows = append(c.Rows, coverRow{Name: b.Operation, Done: b.Explored, All: b.Existing})
	}
	return c
}

// partConfig is the request in the words of the tiers beside the crashes.
func (r request) partConfig() torture.PartConfig {
	return torture.PartConfig{Share: r.share, Depth: r.depth, Seed: r.seed, Duration: r.duration, Workers: r.workers, Limit: r.limit, Found: r.found, Match: r.match}
}

func errorTier(r request) (part, error) {
	got := torture.Errors(r.partConfig())
	return part{Line: got.String(), violations: got.Violations,
		Counts:   counts{CrashStates: got.States, ErrorsInjected: got.Injected, Seconds: got.Seconds, Workloads: got.Workloads},
		Coverage: []coverage{{Title: "call sites × errors × once or sticky", Done: got.Covered, All: got.Cells, Missing: got.Missing}},
	}, nil
}

func silentTier(r request) (part, error) {
	got := torture.Silent(r.partConfig())
	p := part{Line: got.String(), violations: got.Violations,
		Counts: counts{SilentFaults: got.Faults, Seconds: got.Seconds, Workloads: got.Scenes}}
	excused := 0
	for _, reason := range slices.Sorted(maps.Keys(got.Exceptions)) {
		excused += got.Exceptions[reason]
		p.Tallies = append(p.Tallies, tally{"stated exceptions: " + reason, got.Exceptions[reason]})
	}
	for _, kind := range slices.Sorted(maps.Keys(got.Kinds)) {
		p.Tallies = append(p.Tallies, tally{"silent faults: " + kind, got.Kinds[kind]})
	}
	p.Coverage = []coverage{{Title: "damaged folders answered right or with a typed error", Done: got.Opens - excused - len(got.Violations),
		All: got.Opens - excused, Note: fmt.Sprintf("%d stated exceptions apart", excused)}}
	return p, nil
}

// histories is how many a run without a duration makes.
const histories = 200

func historyTier(r request) (part, error) {
	got := torture.Histories(r.partConfig(), max(1, histories/r.share))
	return part{Line: got.String(), violations: got.Violations, undecided: got.Unknown,
		Counts: counts{Histories: got.Histories, Seconds: got.Seconds}, Tallies: []tally{{"histories: calls", got.Calls},
			{"histories: calls that met another one", got.Met}, {"histories: calls in doubt", got.InDoubt},
			{"histories: crashes", got.Crashes}, {"histories: without a verdict", got.Unknown}}}, nil
}

// realKills is how many a run without a duration makes.
const realKills = 40

func realTier(r request) (part, error) {
	got := torture.Real(r.partConfig(), max(1, realKills/r.share))
	return part{Line: got.String(), violations: got.Violations,
		Counts: counts{Kills: got.Kills, Seconds: got.Seconds, Workloads: got.Folders}, Tallies: []tally{{"real: kills while opening", got.InOpen},
			{"real: acknowledged operations", got.Acked}, {"real: children that ended by themselves", got.Finished}}}, nil
}
