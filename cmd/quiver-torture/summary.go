package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/torture"
)

// counts are how much was judged. Their names in JSON are part of the interface.
type counts struct {
	CrashPoints     int     `json:"crash_points"`
	CrashStates     int     `json:"crash_states"`
	DistinctStates  int     `json:"distinct_states"`
	Violations      int     `json:"violations"`
	ErrorsInjected  int     `json:"errors_injected"`
	SilentFaults    int     `json:"silent_faults"`
	Histories       int     `json:"histories"`
	Seconds         float64 `json:"seconds"`
	StatesPerSecond float64 `json:"states_per_second"` // of the time in tiers that judge crash states

	Workloads    int `json:"workloads"`
	SecondStates int `json:"second_states"` // of the crash states: left by a crash of a recovery
	Kills        int `json:"kills"`
	Replays      int `json:"replays,omitempty"`

	crashing float64 // seconds in tiers that judge crash states
}

func (c *counts) add(d counts) {
	c.CrashPoints += d.CrashPoints
	c.CrashStates += d.CrashStates
	c.DistinctStates += d.DistinctStates
	c.ErrorsInjected += d.ErrorsInjected
	c.SilentFaults += d.SilentFaults
	c.Histories += d.Histories
	c.Seconds += d.Seconds
	c.Workloads += d.Workloads
	c.SecondStates += d.SecondStates
	c.Kills += d.Kills
	c.Replays += d.Replays
	if d.CrashStates > 0 {
		c.crashing += d.Seconds
	}
	if c.crashing > 0 {
		c.StatesPerSecond = float64(c.CrashStates) / c.crashing
	}
}

// empty tells that nothing was judged, of which nothing can be said.
func (c counts) empty() bool {
	return c.CrashStates+c.ErrorsInjected+c.SilentFaults+c.Histories+c.Kills == 0
}

// coverage is how much of what there is was tried, under one title.
type coverage struct {
	Title string     `json:"title"`
	Done  int        `json:"done"`
	All   int        `json:"all"`
	Note  string     `json:"note,omitempty"`
	Rows  []coverRow `json:"rows,omitempty"`
	// Missing is what was not tried, in words.
	Missing []string `json:"missing,omitempty"`
}

// line is how much was tried, and of what.
func (c coverage) line() string {
	return fmt.Sprintf("%s: %d of %d (%.1f %%)", c.Title, c.Done, c.All, c.Percent())
}

type coverRow struct {
	Name string `json:"name"`
	Done int    `json:"done"`
	All  int    `json:"all"`
	Note string `json:"note,omitempty"`
}

// percent is rounded down: 100 means all.
func percent(done, all int) float64 {
	if all == 0 {
		return 100
	}
	return float64(done*1000/all) / 10
}

func (c coverage) Percent() float64 { return percent(c.Done, c.All) }
func (r coverRow) Percent() float64 { return percent(r.Done, r.All) }

// tally is a count that has no column of its own.
type tally struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

// part is a tier as it went.
type part struct {
	Name     string     `json:"name"`
	Counts   counts     `json:"counts"`
	Line     string     `json:"line"` // in words
	Coverage []coverage `json:"coverage,omitempty"`
	Tallies  []tally    `json:"tallies,omitempty"`

	// undecided is how many cases were tried without a verdict.
	undecided  int
	violations []torture.Violation
}

// failure is a violation as the last line of -json has it; the whole story goes to
// standard error and into the page.
type failure struct {
	Tier    string `json:"tier"`
	Rule    string `json:"rule"`
	Text    string `json:"text"`
	Token   string `json:"token"`
	Command string `json:"command"`

	story torture.Violation
}

// Story is the violation as it was found, shrunk.
func (f failure) Story() torture.Violation { return f.story }

// block is a list of the story under a title.
type block struct {
	Title string
	Lines []string
}

// Blocks are the lists of the story.
func (f failure) Blocks() []block {
	return []block{{"operations", f.story.Steps}, {"lost by the power cut", f.story.Lost}, {"calls around it", f.story.Calls}}
}

// summary is everything that a run has to tell.
type summary struct {
	counts
	Seed     uint64    `json:"seed"`
	Parts    []part    `json:"parts"`
	Failures []failure `json:"failures"`
	Exam     *exam     `json:"exam,omitempty"`
	Missed   []string  `json:"missed,omitempty"` // of what -bar and -distinct ask for

	args    []string
	started time.Time
}

func newSummary(o *options, args []string) *summary {
	return &summary{Seed: o.seed, Parts: []part{}, Failures: []failure{}, args: args, started: time.Now()}
}

// enter adds what a tier found.
func (s *summary) enter(p part) {
	s.counts.add(p.Counts)
	if p.Counts.Seconds > 0 {
		p.Counts.StatesPerSecond = float64(p.Counts.CrashStates) / p.Counts.Seconds
	}
	p.Counts.Violations = len(p.violations)
	s.Parts = append(s.Parts, p)
	for _, v := range p.violations {
		s.Failures = append(s.Failures, failure{Tier: p.Name, Rule: v.Rule, Text: v.Text, Token: v.Token, Command: v.Command(), story: v})
	}
	s.counts.Violations = len(s.Failures)
}

// measure compares what was tried with what the run was asked for.
func (s *summary) measure(o *options) {
	miss := func(format string, args ...any) { s.Missed = append(s.Missed, fmt.Sprintf(format, args...)) }
	if n := s.DistinctStates; n < o.distinct {
		miss("%d distinct disks, %d were asked for", n, o.distinct)
	}
	if !o.bar {
		return
	}
	for _, p := range s.Parts {
		for _, c := range p.Coverage {
			if c.Done < c.All {
				miss("%s: %s", p.Name, c.line())
			}
		}
		if p.undecided > 0 {
			miss("%s: %d without a verdict", p.Name, p.undecided)
		}
	}
}

func (s *summary) finish() { s.Seconds = time.Since(s.started).Seconds() }

// Totals are the counts of all tiers.
func (s *summary) Totals() counts { return s.counts }

// Coverage is that of all tiers.
func (s *summary) Coverage() []coverage {
	var list []coverage
	for _, p := range s.Parts {
		list = append(list, p.Coverage...)
	}
	return list
}

// Tallies are those of all tiers.
func (s *summary) Tallies() []tally {
	var list []tally
	for _, p := range s.Parts {
		list = append(list, p.Tallies...)
	}
	return list
}

func (s *summary) verdict() int {
	if len(s.Failures)+len(s.Missed) > 0 || s.Exam != nil && !s.Exam.table.Passed() {
		return exitViolations
	}
	return exitOK
}

// Command is the command line of the run.
func (s *summary) Command() string {
	words := []string{"quiver-torture"}
	for _, a := range s.args {
		if strings.ContainsAny(a, " \t\n'\"|&;<>()$`\\*?#~") || a == "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// Machine is what speeds depend on.
func (s *summary) Machine() string {
	return runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
