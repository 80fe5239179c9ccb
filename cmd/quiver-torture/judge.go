package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/quiverdb/quiverdb-go/torture"
)

// judge runs the tiers, and the exam.
func (a *app) judge(o *options, s *summary) error {
	for _, t := range o.tiers {
		p := a.newProgress(t.name, o.duration)
		got, err := t.run(request{seed: o.seed, duration: o.duration, share: o.share, knobs: o.knobs, depth: o.depth, profile: o.profile,
			workers: o.workers, limit: o.limit, match: o.match,
			found: func(v torture.Violation) { p.found(v.String()) }, progress: p.so})
		p.end()
		if err != nil {
			return err
		}
		got.Name = t.name
		s.enter(got)
		if got.Counts.empty() && len(got.violations) == 0 {
			return fmt.Errorf("-tier %s: nothing was left to do; is it -match or -share?", t.name)
		}
	}
	s.measure(o)
	if o.mutants {
		return a.examine(o, s)
	}
	return nil
}

// replay judges the case of a token, several times if asked to. A replay that
// differs from the first is a violation of its own: nothing found in a run that
// cannot be repeated can be relied on.
func (a *app) replay(o *options, s *summary) error {
	p := a.newProgress("replay", 0)
	defer p.end()
	first, got := "", part{Name: "replay"}
	for n := range o.times {
		description, found, err := a.replayer(o.replay)
		if err != nil {
			return err
		}
		story := description
		for _, v := range found {
			story += v.String()
		}
		if n == 0 {
			first, got.violations = story, found
		} else if story != first {
			got.violations = append(got.violations, torture.Violation{Rule: "determinism", Token: o.replay,
				Text: fmt.Sprintf("replay %d differs from the first: %s", n+1, difference(first, story))})
			break
		}
		got.Counts.Replays++
	}
	got.Line = fmt.Sprintf("%d identical replays, %d violations", got.Counts.Replays, len(got.violations))
	s.enter(got)
	if !o.json {
		_, err := io.WriteString(a.stdout, first)
		return err
	}
	return nil
}

// difference is the first line that two texts do not share.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("%q, then %q", x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines, then %d", len(x), len(y))
}

// tell writes what was found, last of all the line for machines.
func (a *app) tell(o *options, s *summary) error {
	for _, p := range s.Parts {
		fmt.Fprintf(a.stdout, "%s: %s\n", p.Name, p.Line)
		for _, c := range p.Coverage {
			fmt.Fprintf(a.stdout, "  %s\n", c.line())
		}
	}
	for _, b := range s.Missed {
		fmt.Fprintf(a.stdout, "bar missed: %s\n", b)
	}
	var err error
	if s.Exam != nil {
		err = s.Exam.table.Write(a.stdout)
	}
	if o.report != "" {
		err = errors.Join(err, writePage(o.report, s))
	}
	if o.json {
		line, e := json.Marshal(s)
		err = errors.Join(err, e)
		fmt.Fprintf(a.stdout, "%s\n", line)
	}
	return err
}

func writePage(file string, s *summary) error {
	var b bytes.Buffer
	err := page(&b, s)
	if err == nil {
		err = os.WriteFile(file, b.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("-report: %w", err)
	}
	return nil
}
