package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/torture"
	"github.com/quiverdb/quiverdb-go/torture/mutants"
)

func TestLastLineIsOneObject(t *testing.T) {
	r := run(t, failing, "-tier", "exhaustive,failing", "-match", "|empty|del(missing)", "-json")
	require.Equal(t, exitViolations, r.code)
	object := r.lastLine(t)
	for _, name := range []string{"crash_points", "crash_states", "distinct_states", "violations", "errors_injected", "silent_faults",
		"histories", "seconds", "states_per_second"} {
		require.IsType(t, 0.0, object[name], name)
	}
	require.Equal(t, 1.0, object["violations"])
	require.Greater(t, object["crash_states"], 10.0)
	require.Positive(t, object["states_per_second"])
	failures := object["failures"].([]any)
	require.Len(t, failures, 1)
	require.Equal(t, broken().Token, failures[0].(map[string]any)["token"])
	require.Contains(t, failures[0].(map[string]any)["command"], broken().Token)
	require.Contains(t, r.err, "feedface", "the story is told at once")
}

// What a tier finds is told, whatever else is wrong with the run.
func TestViolationsWithoutCountsAreTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.html")
	r := run(t, uncounted, "-tier", "uncounted", "-json", "-report", file)
	require.Equal(t, 1.0, r.lastLine(t)["violations"])
	require.NotContains(t, r.err, "-match")
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(page), "feedface")
}

func TestMissedBarsAreTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.html")
	r := run(t, sparse, "-tier", "sparse,undecided", "-bar", "-distinct", "6", "-json", "-report", file)
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	want := []any{"5 distinct disks, 6 were asked for", "sparse: cells: 1 of 3 (33.3 %)", "undecided: 1 without a verdict"}
	require.Equal(t, want, r.lastLine(t)["missed"])
	for _, text := range want {
		require.Contains(t, r.out, "bar missed: "+text.(string))
		require.Contains(t, string(page), "bar missed: "+text.(string))
	}
}

// TestTiersRun: every tier but the long ones judges something and finds nothing.
func TestTiersRun(t *testing.T) {
	for tier, counted := range map[string]string{
		"exhaustive": "distinct_states", "bounded": "distinct_states", "swarm": "crash_states",
		"errors": "errors_injected", "silent": "silent_faults", "histories": "histories", "real": "kills",
	} {
		t.Run(tier, func(t *testing.T) {
			args := []string{"-json", "-tier", tier}
			switch tier {
			case "swarm":
				// One drawn workload alone may keep a machine busy for half a minute.
				args = append(args, "-duration", "20ms", "-workers", "1", "-profile", "prefix", "-seed", "6")
			case "errors":
				args = append(args, "-share", "150")
			case "silent":
				args = append(args, "-share", "4000")
			case "bounded":
				args = append(args, "-share", "12000", "-profile", "ordered")
			case "exhaustive":
				args = append(args, "-match", "|empty|del(missing)", "-knobs", "1")
			default:
				args = append(args, "-share", "100")
			}
			r := run(t, nil, args...)
			require.Equal(t, exitOK, r.code, "%s\n%s", r.out, r.err)
			require.Positive(t, r.lastLine(t)[counted], r.out)
		})
	}
}

func TestCountsOfTiersAddUp(t *testing.T) {
	s := newSummary(&options{}, nil)
	s.enter(part{Name: "a", Counts: counts{CrashStates: 100, CrashPoints: 1, DistinctStates: 2, Kills: 3, Seconds: 2}})
	s.enter(part{Name: "b", Counts: counts{SilentFaults: 7, Histories: 5, ErrorsInjected: 9, Workloads: 4, SecondStates: 6, Seconds: 8}})
	got := s.Totals()
	require.Equal(t, counts{CrashStates: 100, CrashPoints: 1, DistinctStates: 2, Kills: 3, SilentFaults: 7, Histories: 5, ErrorsInjected: 9,
		Workloads: 4, SecondStates: 6, Seconds: 10, StatesPerSecond: 50, crashing: 2}, got)
	require.Equal(t, 50.0, s.Parts[0].Counts.StatesPerSecond)
	require.Zero(t, s.Parts[1].Counts.StatesPerSecond)
}

func TestPageIsSelfContained(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.html")
	r := run(t, func(a *app) {
		failing(a)
		examined(mutants.Row{ID: "M01", Title: "acks too early", Found: []mutants.Finding{{Judge: "rules"}, {Judge: "crashes"}}},
			mutants.Row{ID: "M02", Title: "survivor's title"}, mutants.Row{ID: "M65", Awaits: "backup"})(a)
	}, "-tier", "failing", "-mutants", "-report", file, "-match", "it's")
	require.Equal(t, exitViolations, r.code)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	page := string(text)
	for _, want := range []string{"1 violations", "seed 1", "boundaries of it", "33.3 %", "the missing one", "things of note", "12345",
		"M01", "acks too early", "rules, crashes", "survivor&#39;s title", "survived", "awaits backup",
		"I1 durable", "&lt;lost&gt; what was acknowledged", "put(k=1): calls 1 to 4", "D /db/wal", "&gt; 4 sync /db/wal", "feedface",
		"go run ./cmd/quiver-torture -replay", "v1;the workload;;crash 7 3", `&#39;it&#39;\&#39;&#39;s&#39;`} {
		require.Contains(t, page, want)
	}
	for _, never := range []string{"<script", "<link", "<img", "src=", "href=", "http:", "https:", "//", "@import", "url("} {
		require.NotContains(t, page, never)
	}
}

func TestReplay(t *testing.T) {
	kept := filepath.Join("..", "..", "torture", "testdata", "short-write-late.token")
	r := run(t, nil, "-replay", "@"+kept, "-times", "3", "-json")
	require.Equal(t, exitOK, r.code, "%s\n%s", r.out, r.err)
	require.Equal(t, 3.0, r.lastLine(t)["replays"])
	r = run(t, nil, "-replay", "@"+kept)
	require.Equal(t, exitOK, r.code)
	require.Contains(t, r.out, "fingerprint")
	require.Contains(t, r.out, "replay: 1 identical replays, 0 violations")

	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte("# nothing\n\n"), 0o644))
	r = run(t, nil, "-replay", "@"+empty)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "holds no token")
}

func TestReplayTellsWhatItFinds(t *testing.T) {
	r := run(t, func(a *app) {
		a.replayer = func(string) (string, []torture.Violation, error) {
			return "fingerprint 1\n", []torture.Violation{broken()}, nil
		}
	}, "-replay", "v1", "-times", "4", "-json")
	require.Equal(t, exitViolations, r.code)
	object := r.lastLine(t)
	require.Equal(t, 1.0, object["violations"], "what every replay finds is one violation")
	require.Equal(t, 4.0, object["replays"])

	n := 0
	r = run(t, func(a *app) {
		a.replayer = func(string) (string, []torture.Violation, error) {
			n++
			return fmt.Sprintf("begin\nfingerprint %d\n", n/3), nil, nil
		}
	}, "-replay", "v1", "-times", "4", "-json")
	require.Equal(t, exitViolations, r.code)
	object = r.lastLine(t)
	require.Equal(t, 2.0, object["replays"])
	failure := object["failures"].([]any)[0].(map[string]any)
	require.Equal(t, "determinism", failure["rule"])
	require.Equal(t, `replay 3 differs from the first: "fingerprint 0", then "fingerprint 1"`, failure["text"])
}

// screen is a terminal that other goroutines write to.
type screen struct {
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) { return s.text.Write(p) }

func TestProgressIsForTerminals(t *testing.T) {
	slow := func(a *app) {
		a.tiers = append(a.tiers, tier{name: "slow", takes: onlySome(), run: func(r request) (part, error) {
			r.progress(3, 4, "three crash states")
			time.Sleep(2 * progressEvery)
			r.found(broken())
			time.Sleep(2 * progressEvery)
			return part{Counts: counts{Kills: 1}}, nil
		}})
	}
	r := run(t, slow, "-tier", "slow")
	require.Equal(t, broken().String()+"\n", r.err, "elsewhere only violations are told")

	var s screen
	r = run(t, func(a *app) { slow(a); a.terminal, a.stderr = true, &s }, "-tier", "slow")
	require.Equal(t, exitOK, r.code)
	require.Contains(t, s.text.String(), "slow: three crash states")
	require.Contains(t, s.text.String(), "1 violations")
	require.Contains(t, s.text.String(), broken().String())
}

func TestTheExamIsAsked(t *testing.T) {
	var got mutants.Config
	r := run(t, func(a *app) {
		a.exam = func(c mutants.Config) (mutants.Table, error) {
			got = c
			return mutants.Table{}, errors.New("no toolchain")
		}
	}, "-mutants", "-only", "M01, auto", "-full", "-workers", "1")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "no toolchain")
	require.Equal(t, []string{"M01", "auto"}, got.Only)
	require.True(t, got.Full)
	require.Equal(t, 1, got.Workers)
}
