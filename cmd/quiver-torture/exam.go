package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/torture/mutants"
)

// exam is what came of breaking the engine on purpose, in numbers.
type exam struct {
	Mutants   int     `json:"mutants"` // that could be run
	Killed    int     `json:"killed"`
	Twice     int     `json:"killed_by_two"` // judges or more
	Justified int     `json:"justified"`     // nobody can tell them from the engine, for reasons written down
	Survived  int     `json:"survived"`
	Errors    int     `json:"errors"` // could not be run
	Awaits    int     `json:"awaits"` // break what the engine does not have
	Seconds   float64 `json:"seconds"`

	table mutants.Table
}

func newExam(t mutants.Table) *exam {
	e := &exam{Seconds: t.Seconds, table: t}
	for _, auto := range []bool{false, true} {
		e.Killed += t.Count("killed", auto)
		e.Twice += t.Twice(auto)
		e.Justified += t.Count("justified", auto)
		e.Survived += t.Count("survived", auto)
		e.Errors += t.Count("error", auto)
		e.Awaits += t.Count("awaits", auto)
	}
	e.Mutants = e.Killed + e.Justified + e.Survived + e.Errors
	return e
}

// String is one line.
func (e *exam) String() string {
	return fmt.Sprintf("%d mutants: %d killed (%d by two judges or more), %d justified, %d survived, %d errors, %d await a feature; %.0f s",
		e.Mutants, e.Killed, e.Twice, e.Justified, e.Survived, e.Errors, e.Awaits, e.Seconds)
}

// examRow is a mutant as the page shows it.
type examRow struct {
	ID, Title, State, Judges, Note string
	Seconds                        float64
}

// Rows are all mutants.
func (e *exam) Rows() []examRow {
	var rows []examRow
	for _, r := range e.table.Rows {
		row := examRow{ID: r.ID, Title: r.Title, State: r.State(), Seconds: r.Seconds}
		var judges []string
		for _, f := range r.Found {
			judges = append(judges, f.Judge)
		}
		row.Judges = strings.Join(judges, ", ")
		switch {
		case len(r.Found) > 0:
			row.Note = r.Found[0].Rule + ": " + r.Found[0].Text
		case r.Awaits != "":
			row.Note = "awaits " + r.Awaits
		default:
			row.Note = r.Error + r.Justified
		}
		rows = append(rows, row)
	}
	return rows
}

// knownMutants refuses a name that the exam would refuse only after it has built
// its judges.
func knownMutants(only []string) error {
	patches, err := mutants.Catalogue()
	if err != nil {
		return err
	}
	for _, name := range only {
		known := name == "auto" || strings.HasPrefix(name, "auto:") ||
			slices.ContainsFunc(patches, func(p mutants.Patch) bool { return p.ID == name })
		if !known {
			return fmt.Errorf("-only: there is no mutant %q", name)
		}
	}
	return nil
}

// examine runs the exam.
func (a *app) examine(o *options, s *summary) error {
	p := a.newProgress("exam", 0)
	seen := 0
	table, err := a.exam(mutants.Config{Only: o.only, Workers: o.workers, Full: o.full, Seen: func(r mutants.Row) {
		seen++ // Seen is called by one mutant after another
		p.so(0, 0, fmt.Sprintf("%d mutants, the last was %s: %s", seen, r.ID, r.State()))
	}})
	p.end()
	if err != nil {
		return err
	}
	s.Exam = newExam(table)
	return nil
}
