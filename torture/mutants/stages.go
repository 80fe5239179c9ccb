package mutants

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// stage is one program of the exam of a mutant, and the judges that sit in it.
type stage struct {
	name   string
	judges []string
	part   string // of the judge program; else tests
	rounds int    // that share the budget
	blind  bool   // the static rules are silent
	tests  string // pattern of the tests to run
	skip   string
	count  int    // how often the tests run; 0 = once
	match  string // of the judge program: a part of the workloads that it tries
	own    bool   // tests of the package quiver, which take long; else those of the packages below it
	// Of an operator:
	cases bool     // the workloads that come by its place, in which any case may tell
	last  bool     // only where nobody has noticed
	more  []string // arguments
}

// stages are in the order in which they are cheap.
func stages() []stage {
	const (
		damage   = "^(TestDamage|TestBad|TestLost)"
		property = "^(TestStateMachine|TestConfigurations|TestManyWriters|TestScanSees|TestCloseWhile|TestGetsDoNot|TestLinear)"
	)
	return []stage{
		{name: "rules", part: "crashes", rounds: 1, judges: []string{JudgeRules, JudgeModel}},
		{name: "crashes", part: "crashes", rounds: 4, blind: true, judges: []string{JudgeCrashes, JudgeRaw, JudgeModel, JudgeCheck}},
		{name: "errors", part: "errors", rounds: 1, blind: true, judges: []string{JudgeErrors}},
		{name: "silent", part: "silent", rounds: 1, blind: true, judges: []string{JudgeSilent}},
		{name: "tests below", tests: ".", judges: []string{JudgeUnit}},
		{name: "rules in errors", part: "errors", rounds: 1, judges: []string{JudgeRules}},
		{name: "concurrent", part: "concurrent", rounds: 1, blind: true, judges: []string{JudgeLinear}},
		{name: "tests", tests: ".", skip: damage + "|" + property, own: true, judges: []string{JudgeUnit}},
		{name: "damage", tests: damage, own: true, judges: []string{JudgeUnit}},
		{name: "property", tests: property, own: true, judges: []string{JudgeProperty, JudgeLinear}},
	}
}

// operatorStages are those of an operator. Nobody has to be told what is broken: any
// judge will do.
func operatorStages() []stage {
	return []stage{
		// The order of the calls shows without a crash.
		{name: "rules", part: "crashes", rounds: 1, cases: true, more: []string{"-plain"}},
		{name: "rules", part: "crashes", rounds: 1, more: []string{"-plain"}, last: true},
		{name: "crashes", part: "crashes", rounds: 1, blind: true, cases: true},
		{name: "aimed", part: "aimed", rounds: 1, blind: true, cases: true, last: true},
		{name: "kept", part: "kept", rounds: 1, last: true},
		{name: "errors", part: "errors", rounds: 1, blind: true, last: true},
	}
}

// ordered puts the stages first whose judges are expected to see the mutant.
func ordered(p Patch) []stage {
	list, expected := stages(), p.Judges
	if p.Match != "" {
		// Besides, not instead: the other workloads have their turn after those.
		for _, s := range slices.Backward(list[:3]) {
			s.match = p.Match
			list = slices.Insert(list, 0, s)
		}
	}
	rank := func(s stage) int {
		for i, j := range expected {
			if slices.Contains(s.judges, j) {
				return i
			}
		}
		return len(expected)
	}
	slices.SortStableFunc(list, func(a, b stage) int { return rank(a) - rank(b) })
	return list
}

// run gives the findings of a stage.
func (s stage) run(ctx context.Context, w *workshop, pkgs []string, budget time.Duration, want int) ([]Finding, error) {
	if s.part != "" {
		if !s.blind {
			want = 1
		}
		return s.runJudge(ctx, w, budget, want)
	}
	for _, pkg := range pkgs {
		if s.own != (pkg == "quiver") {
			continue
		}
		bin, err := w.tests(ctx, pkg)
		if err != nil {
			return nil, err
		}
		args := []string{"-test.failfast", "-test.short", "-test.run", s.tests, "-test.timeout", "1h", "-test.count", strconv.Itoa(max(1, s.count))}
		if s.skip != "" {
			args = append(args, "-test.skip", s.skip)
		}
		o, err := child{dir: filepath.Join(w.root, filepath.FromSlash(pkg)), name: bin, args: args, time: testTime}.run(ctx)
		if found := o.failedTests(); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

// testTime is the most of the processor's time that the tests of a package take,
// with something to spare.
const testTime = 240 * time.Second

// runJudge runs the judge program, in rounds: some cases take longer than others
// by far, and in a round of its own each kind has its chance.
func (s stage) runJudge(ctx context.Context, w *workshop, budget time.Duration, want int, more ...string) ([]Finding, error) {
	bin, err := w.judge(ctx)
	if err != nil {
		return nil, err
	}
	var all []Finding
	for round := range s.rounds {
		c := child{dir: w.root, name: bin, time: budget + 30*time.Second,
			args: append([]string{"-part", s.part, "-budget", (budget / time.Duration(s.rounds)).String(),
				"-round", strconv.Itoa(round), "-want", strconv.Itoa(want), "-ignore", w.ignore}, more...)}
		if s.match != "" {
			c.args = append(c.args, "-match", s.match)
		}
		if s.blind {
			c.env = []string{blindVariable + "=1"}
		}
		o, err := c.run(ctx)
		if all = append(all, o.findings()...); err != nil || len(all) >= want {
			return all, err
		}
	}
	return all, nil
}
