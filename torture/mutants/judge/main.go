// Command judge is the part of the exam that runs beside one mutant: it is built
// anew for each of them. It prints what it finds, a JSON object a line.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/quiverdb/quiverdb-go/torture"
	"github.com/quiverdb/quiverdb-go/torture/mutants"
)

// job is what a run has to do.
type job struct {
	round  int
	cases  []string // of crashes: those alone
	match  string   // of crashes: workloads with this text alone
	want   int      // judges that have to find something before it ends early
	plain  bool     // of crashes: only the runs
	begin  func(*torture.Task)
	mutate torture.Mutation
	op     mutants.Operator

	mu    sync.Mutex
	start time.Time
	seen  map[string]bool
	all   bool            // findings are printed, not only the first of each judge
	known map[string]bool // findings that are not to be told
}

// flags are those of the command line.
type flags struct {
	part, mutant, replay string
	ignore, cases, match string
	budget               time.Duration
	want, round          int
	sites, all, plain    bool
}

func main() {
	var f flags
	flag.StringVar(&f.part, "part", "crashes", "crashes, errors, silent, concurrent, aimed or kept")
	flag.DurationVar(&f.budget, "budget", 5*time.Second, "`time` of the processor after which it ends")
	flag.IntVar(&f.want, "want", 2, "`number` of different judges after which it ends")
	flag.IntVar(&f.round, "round", 0, "`number` of the round: others try other cases")
	flag.StringVar(&f.mutant, "mutant", "", "what an operator makes of a call site: \"lie KIND PLACE\" or \"swap KIND PLACE\"")
	flag.BoolVar(&f.sites, "sites", false, "list the call sites that a round comes by, instead")
	flag.StringVar(&f.replay, "replay", "", "judge the case of a `token` alone")
	flag.StringVar(&f.ignore, "ignore", "", "`file` of findings, as this program prints them, that are not to be told")
	flag.StringVar(&f.cases, "cases", "", "crashes, and aimed errors, of these cases alone, \";\" between them, as -sites lists them")
	flag.StringVar(&f.match, "match", "", "crashes, and errors, of workloads with this `text` alone")
	flag.BoolVar(&f.plain, "plain", false, "of crashes: only the runs themselves, without a crash")
	flag.BoolVar(&f.all, "all", false, "print all findings, not only the first of each judge")
	flag.Parse()
	debug.SetGCPercent(400)
	if err := f.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func (f flags) run() error {
	j := &job{round: f.round, want: f.want, match: f.match, plain: f.plain, start: time.Now(), seen: map[string]bool{}, known: map[string]bool{}, all: f.all}
	if err := j.ignore(f.ignore); err != nil {
		return err
	}
	if f.replay != "" {
		_, found, err := torture.Replay(f.replay)
		for _, v := range found {
			j.found(v)
		}
		return err
	}
	rec := mutants.NewRecorder()
	switch {
	case f.sites:
		j.mutate = rec.Mutation()
	case f.mutant != "":
		op, err := mutants.ParseOperator(f.mutant)
		if err != nil {
			return err
		}
		j.op, j.mutate = op, op.Mutation()
	}
	try, ok := parts()[f.part]
	if !ok {
		return fmt.Errorf("there is no part %q", f.part)
	}
	c := &clock{budget: f.budget}
	j.mutate = c.over(j.mutate)
	if f.sites {
		c.atEnd = func() { _ = json.NewEncoder(os.Stdout).Encode(rec.Sites()) } // no list is told from an empty one
	}
	if f.cases != "" {
		j.cases = strings.Split(f.cases, ";")
	}
	go c.watch(j)
	if f.sites {
		j.record(rec)
	} else {
		try(j)
	}
	c.end()
	return nil
}

// found prints what is new: the first finding of each judge.
func (j *job) found(v torture.Violation) {
	judge := mutants.JudgeOf(v.Rule, v.Token)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen[judge] && !j.all || j.known[mutants.Like(v.Rule, v.Text)] {
		return
	}
	j.seen[judge] = true
	f := mutants.Finding{Judge: judge, Rule: v.Rule, Text: v.Text, Token: v.Token, Seconds: time.Since(j.start).Seconds()}
	if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
		panic(err) // nobody hears of the finding
	}
	if len(j.seen) >= j.want {
		os.Exit(0)
	}
}

// ignore reads the findings about the engine as it is.
func (j *job) ignore(file string) error {
	if file == "" {
		return nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		var f mutants.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			return fmt.Errorf("-ignore: %w", err)
		}
		j.known[mutants.Like(f.Rule, f.Text)] = true
	}
	return nil
}
