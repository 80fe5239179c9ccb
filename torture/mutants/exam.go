package mutants

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says who is examined.
type Config struct {
	// Only are IDs of the catalogue, or "auto" for the operators, or parts of
	// the text of an operator behind "auto:"; empty is everything.
	Only []string
	Root string // of the module; "" is the one that the working directory is in
	// Budget is how much of the processor's time each judge may take; 0 = 8 s.
	Budget  time.Duration
	Workers int // mutants at a time; 0 = 2
	// Full runs all judges on each mutant; else two that have found it are enough.
	Full bool
	Seen func(Row) // told of each mutant at once; may be nil
}

// Exam runs the mutants. The error is that of the exam itself.
func Exam(c Config) (Table, error) {
	if c.Budget == 0 {
		c.Budget = 8 * time.Second
	}
	if c.Workers == 0 {
		c.Workers = 2
	}
	if c.Root == "" {
		root, err := FindRoot()
		if err != nil {
			return Table{}, err
		}
		c.Root = root
	}
	dir, err := os.MkdirTemp("", "quiver-exam-")
	if err != nil {
		return Table{}, err
	}
	defer os.RemoveAll(dir)
	x := &exam{c: c, dir: dir, quiet: map[string]bool{}}
	return x.run(context.Background())
}

type exam struct {
	c     Config
	dir   string
	clean *workshop // of the engine as it is

	mu    sync.Mutex
	quiet map[string]bool // cases that were run on the engine as it is
	rows  []Row
}

// entry is a mutant of either kind.
type entry struct {
	patch Patch
	op    *Operator
}

func (x *exam) run(ctx context.Context) (Table, error) {
	start := time.Now()
	var err error
	if x.clean, err = x.workshop(Patch{ID: "clean"}); err != nil {
		return Table{}, err
	}
	if err := x.baseline(ctx); err != nil {
		return Table{}, err
	}
	list, err := x.entries(ctx)
	if err != nil {
		return Table{}, err
	}
	todo := make(chan entry)
	var workers sync.WaitGroup
	for range x.c.Workers {
		workers.Go(func() {
			for e := range todo {
				x.add(x.examine(ctx, e))
			}
		})
	}
	for _, e := range list {
		todo <- e
	}
	close(todo)
	workers.Wait()
	slices.SortFunc(x.rows, func(a, b Row) int { return strings.Compare(a.ID, b.ID) })
	return Table{Rows: x.rows, Seconds: time.Since(start).Seconds()}, nil
}

func (x *exam) workshop(p Patch) (*workshop, error) {
	dir := filepath.Join(x.dir, p.ID)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	w, err := newWorkshop(x.c.Root, dir, p)
	if x.clean != nil {
		w.ignore = x.clean.ignore
	}
	return w, err
}

// baseline runs the judges on the engine as it is. What they find is for others
// to mend; here it must not hide what a mutant does.
func (x *exam) baseline(ctx context.Context) error {
	var lines []byte
	for _, s := range stages() {
		if s.part == "" || s.part == "concurrent" {
			continue
		}
		found, err := s.runJudge(ctx, x.clean, x.c.Budget, 1000, "-all")
		if err != nil {
			return err
		}
		for _, f := range found {
			b, err := json.Marshal(f)
			if err != nil {
				return err
			}
			lines = append(append(lines, b...), '\n')
		}
	}
	ignore := filepath.Join(x.dir, "ignore")
	x.clean.ignore = ignore
	return os.WriteFile(ignore, lines, 0o666)
}

// entries are the mutants that were asked for.
func (x *exam) entries(ctx context.Context) ([]entry, error) {
	patches, err := Catalogue()
	if err != nil {
		return nil, err
	}
	var list []entry
	known := map[string]bool{"auto": true}
	for _, p := range patches {
		known[p.ID] = true
		if len(x.c.Only) == 0 || slices.Contains(x.c.Only, p.ID) {
			list = append(list, entry{patch: p})
		}
	}
	for _, only := range x.c.Only {
		if !known[only] && !strings.HasPrefix(only, "auto:") {
			return nil, fmt.Errorf("mutants: there is no mutant %q", only)
		}
	}
	ops, err := x.operators(ctx)
	return append(list, ops...), err
}

// examine lets the judges look at one mutant until two have found it.
func (x *exam) examine(ctx context.Context, e entry) Row {
	if e.op != nil {
		return x.examineOperator(ctx, *e.op)
	}
	p := e.patch
	r := Row{ID: p.ID, Title: p.Title, Awaits: p.Awaits}
	if p.Awaits != "" {
		return r
	}
	start := time.Now()
	defer func() { r.Seconds = time.Since(start).Seconds() }()
	w, err := x.workshop(p)
	if err != nil {
		r.Error = err.Error()
		return r
	}
	defer os.RemoveAll(w.dir)
	for _, s := range ordered(p) {
		if len(r.judges()) >= 2 && !x.c.Full {
			break
		}
		if !x.c.Full && !s.worthWhile(r.judges()) {
			continue
		}
		before := time.Since(start).Seconds()
		found, err := s.run(ctx, w, p.packages(), x.c.Budget, 2)
		if err != nil {
			r.Error = err.Error()
			return r
		}
		for _, f := range found {
			if x.proves(ctx, s, p.packages(), f) {
				f.Seconds += before
				r.enter(f)
			}
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r
}

// worthWhile tells whether a stage may say something new, in a time that a second
// judge is worth.
func (s stage) worthWhile(found []string) bool {
	if len(found) == 0 {
		return true
	}
	return !s.own && slices.ContainsFunc(s.judges, func(j string) bool { return !slices.Contains(found, j) })
}

// proves tells whether the engine as it is passes the case of a finding.
func (x *exam) proves(ctx context.Context, s stage, pkgs []string, f Finding) bool {
	key := s.name + "|" + f.Token
	if f.Token == "" {
		key = s.name + "|" + f.Rule
	}
	x.mu.Lock()
	quiet, known := x.quiet[key]
	x.mu.Unlock()
	if !known {
		quiet = x.passes(ctx, s, pkgs, f)
		x.mu.Lock()
		x.quiet[key] = quiet
		x.mu.Unlock()
	}
	return quiet
}

func (x *exam) passes(ctx context.Context, s stage, pkgs []string, f Finding) bool {
	if f.Token == "" && s.part != "" {
		// It died or hung: no case can tell, only all of them together.
		if s.part == "aimed" {
			s.part = "errors" // of all places
		}
		found, err := s.runJudge(ctx, x.clean, x.c.Budget, 1)
		return err == nil && len(found) == 0
	}
	if f.Token == "" {
		// Several times: a test that fails now and then proves nothing.
		again := stage{own: s.own, tests: "^" + f.Rule + "$", count: 5}
		if f.Judge == JudgeProgress || f.Judge == JudgePanic {
			again = s // all of the tests together
		}
		found, err := again.run(ctx, x.clean, pkgs, x.c.Budget, 1)
		return err == nil && len(found) == 0
	}
	bin, err := x.clean.judge(ctx)
	if err != nil {
		return false
	}
	o, err := child{dir: x.c.Root, name: bin, args: []string{"-replay", f.Token}, time: time.Minute}.run(ctx)
	return err == nil && o.code == 0 && len(o.findings()) == 0
}

func (x *exam) add(r Row) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rows = append(x.rows, r)
	if x.c.Seen != nil {
		x.c.Seen(r)
	}
}
