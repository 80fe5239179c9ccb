package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/quiverdb/quiverdb-go/torture"
	"github.com/quiverdb/quiverdb-go/torture/mutants"
)

// TestMain lets the tier real use the tests' program for its children.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == torture.RealArg {
		os.Exit(torture.RealChild(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

type result struct {
	code     int
	out, err string
}

// run is a run of the command whose tiers, exam and replays may be others.
func run(t *testing.T, change func(*app), args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	a := newApp(&out, &errs, false)
	if change != nil {
		change(a)
	}
	code := a.run(args)
	return result{code, out.String(), errs.String()}
}

// lastLine reads the object of -json.
func (r result) lastLine(t *testing.T) (object map[string]any) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &object), r.out)
	return object
}

// broken is a violation as a tier tells it.
func broken() torture.Violation {
	return torture.Violation{Rule: "I1 durable", Text: "<lost> what was acknowledged", Token: "v1;the workload;;crash 7 3",
		Fingerprint: "feedface", Steps: []string{"put(k=1): calls 1 to 4"}, Lost: []string{"D /db/wal"}, Calls: []string{"> 4 sync /db/wal"}}
}

// failing has one tier that finds a violation, beside those of the command.
func failing(a *app) {
	a.tiers = append(a.tiers, tier{name: "failing", takes: onlySome(), run: func(r request) (part, error) {
		r.progress(1, 2, "half of it")
		r.found(broken())
		return part{Line: "failed", violations: []torture.Violation{broken()}, Counts: counts{CrashPoints: 3, CrashStates: 10, DistinctStates: 5, Seconds: 2},
			Coverage: []coverage{{Title: "boundaries of it", Done: 1, All: 3, Missing: []string{"the missing one"}, Rows: []coverRow{{Name: "put", Done: 1, All: 3}}}},
			Tallies:  []tally{{"things of note", 12345}}}, nil
	}})
}

func noExam(mutants.Config) (mutants.Table, error) {
	return mutants.Table{}, errors.New("no toolchain")
}

// uncounted has a tier that stops at a violation before it has counted anything.
func uncounted(a *app) {
	a.tiers = append(a.tiers, tier{name: "uncounted", run: func(request) (part, error) {
		return part{Line: "stopped", violations: []torture.Violation{broken()}}, nil
	}})
}

// sparse has tiers without violations that leave something out.
func sparse(a *app) {
	a.tiers = append(a.tiers, tier{name: "sparse", run: func(request) (part, error) {
		return part{Line: "not all", Counts: counts{CrashStates: 10, DistinctStates: 5}, Coverage: []coverage{{Title: "cells", Done: 1, All: 3}}}, nil
	}}, tier{name: "undecided", run: func(request) (part, error) {
		return part{Line: "who knows", Counts: counts{Histories: 10}, undecided: 1}, nil
	}})
}

// examined has an exam with a row of each state.
func examined(rows ...mutants.Row) func(*app) {
	return func(a *app) {
		a.exam = func(c mutants.Config) (mutants.Table, error) {
			for _, r := range rows {
				c.Seen(r)
			}
			return mutants.Table{Rows: rows, Seconds: 1}, nil
		}
	}
}

func TestExitCodes(t *testing.T) {
	killed := mutants.Row{ID: "M01", Found: []mutants.Finding{{Judge: "rules"}}}
	for name, c := range map[string]struct {
		change func(*app)
		args   string
		want   int
	}{
		"nothing found":              {nil, "-tier exhaustive -knobs 1 -match |empty|del(missing)", exitOK},
		"two dashes":                 {nil, "--tier exhaustive --knobs 1 --match |empty|del(missing)", exitOK},
		"violations":                 {failing, "-tier failing", exitViolations},
		"violations, and no page":    {failing, "-tier failing -report /no/such/folder/r.html", exitViolations},
		"no page":                    {nil, "-tier exhaustive -knobs 1 -match |empty|del(missing) -report /no/such/folder/r.html", exitUsage},
		"violations, and no count":   {uncounted, "-tier uncounted", exitViolations},
		"violations, then nothing":   {failing, "-tier failing,exhaustive -match no-such-workload", exitViolations},
		"all was tried":              {nil, "-tier exhaustive -knobs 1 -match |empty|del(missing) -bar -distinct 1", exitOK},
		"less than all was tried":    {sparse, "-tier sparse -bar", exitViolations},
		"the same, and no bar":       {sparse, "-tier sparse", exitOK},
		"no verdict":                 {sparse, "-tier undecided -bar", exitViolations},
		"too few distinct disks":     {sparse, "-tier sparse -distinct 6", exitViolations},
		"enough distinct disks":      {sparse, "-tier sparse -distinct 5", exitOK},
		"nothing to do":              {nil, "-tier exhaustive -match no-such-workload", exitUsage},
		"help":                       {nil, "-help", exitOK},
		"a mutant is killed":         {examined(killed), "-mutants", exitOK},
		"a mutant survives":          {examined(killed, mutants.Row{ID: "M02"}), "-mutants", exitViolations},
		"a mutant cannot be run":     {examined(killed, mutants.Row{ID: "M02", Error: "?"}), "-mutants", exitViolations},
		"a mutant awaits a feature":  {examined(killed, mutants.Row{ID: "M02", Awaits: "backup"}), "-mutants", exitOK},
		"an exam beside a tier":      {examined(killed), "-mutants -tier exhaustive -knobs 1 -match |empty|del(missing)", exitOK},
		"violations, then no exam":   {func(a *app) { failing(a); a.exam = noExam }, "-mutants -tier failing", exitViolations},
		"no exam":                    {func(a *app) { a.exam = noExam }, "-mutants", exitUsage},
		"an exam beside a violation": {func(a *app) { failing(a); examined(killed)(a) }, "-mutants -tier failing", exitViolations},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.change, strings.Fields(c.args)...)
			require.Equal(t, c.want, r.code, "%s\n%s", r.out, r.err)
		})
	}
}

func TestWrongUse(t *testing.T) {
	for args, want := range map[string]string{
		"-tier nope":                          `unknown tier "nope"; there are exhaustive, bounded`,
		"-tier exhaustive,exhaustive":         "names exhaustive twice",
		"-tier=":                              `unknown tier ""`,
		"-profile nope":                       `unknown profile "nope"`,
		"-profile posix;x":                    "is no profile",
		"-profile posix -tier errors":         "-profile does not go with -tier errors",
		"-match x -tier silent":               "-match does not go with -tier silent",
		"-duration 1s -tier errors":           "-duration does not go with -tier errors",
		"-depth 2 -tier histories":            "-depth does not go with -tier histories",
		"-depth 2 -tier silent":               "-depth 2 does not go with -tier silent",
		"-depth 2 -tier real":                 "-depth does not go with -tier real",
		"-share 2 -tier swarm":                "-share does not go with -tier swarm",
		"-knobs 2 -tier swarm":                "-knobs does not go with -tier swarm",
		"-distinct -1":                        "-distinct -1",
		"-mutants -seed 2":                    "-seed does not go with -mutants without -tier",
		"-mutants -bar":                       "-bar does not go with -mutants without -tier",
		"-depth 2 -tier bounded":              "-depth does not go with -tier bounded",
		"-seed -1":                            "-seed",
		"-duration -1s":                       "negative",
		"-duration 5":                         "-duration",
		"-share 0":                            "-share 0",
		"-knobs -1":                           "-knobs -1",
		"-workers -1":                         "-workers -1",
		"-limit 0":                            "-limit 0",
		"-bogus":                              "-bogus",
		"more":                                `unexpected argument "more"`,
		"-only M01":                           "-only goes with -mutants",
		"-full":                               "-full goes with -mutants",
		"-mutants -only M999":                 `no mutant "M999"`,
		"-mutants -only M01,,M02":             "empty name",
		"-mutants -duration 1s":               "-duration does not go with -mutants without -tier",
		"-times 2":                            "-times goes with -replay",
		"-replay v1 -tier bounded":            "-tier does not go with -replay",
		"-replay v1 -seed 3":                  "-seed does not go with -replay",
		"-replay v1 -mutants":                 "-mutants does not go with -replay",
		"-replay history1;3 -times 2":         "-times does not go with the token history1;3",
		"-replay real1;3 -times 2":            "-times does not go with the token real1;3",
		"-replay v1 -times 0":                 "-times 0",
		"-replay=":                            "wants a token",
		"-replay @/no/such/file":              "no such file",
		"-replay nonsense":                    `token "nonsense"`,
		"-replay v1;b3;;":                     "workload",
		"-cpuprofile /no/such/folder/profile": "no such file",
	} {
		t.Run(args, func(t *testing.T) {
			r := run(t, nil, strings.Fields(args)...)
			require.Equal(t, exitUsage, r.code)
			require.Empty(t, r.out)
			require.Contains(t, r.err, want)
			require.Contains(t, r.err, "Try: quiver-torture -help")
		})
	}
}

// The legend of the report names every tier and every figure.
func TestReadmeNamesEverything(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "torture", "README.md"))
	require.NoError(t, err)
	for _, x := range tiers() {
		require.Contains(t, string(text), "`"+x.name+"`")
	}
	for _, c := range []any{counts{}, summary{}} {
		for f := range reflect.TypeOf(c).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || slices.Contains([]string{"seed", "parts", "failures", "exam"}, name) {
				continue // they are what a reader takes them for
			}
			require.Contains(t, string(text), "`"+name+"`")
		}
	}
}

func TestHelpNamesEverything(t *testing.T) {
	r := run(t, nil, "-help")
	require.Empty(t, r.err)
	for _, word := range []string{"exhaustive", "bounded", "swarm", "errors", "silent", "real", "-seed", "-duration", "-profile",
		"-tier", "-replay", "-mutants", "-only", "-json", "-report", "Exit codes"} {
		require.Contains(t, r.out, word)
	}
}
