package mutants

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Row is one mutant and what became of it.
type Row struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Auto      bool      `json:"auto,omitempty"`   // made by an operator
	Awaits    string    `json:"awaits,omitempty"` // a feature that there is not yet: it was not run
	Error     string    `json:"error,omitempty"`  // it could not be run
	Found     []Finding `json:"found,omitempty"`  // the first finding of each judge
	Seconds   float64   `json:"seconds"`
	Justified string    `json:"justified,omitempty"` // why nobody can find it, from SURVIVORS.md
}

// enter keeps the first finding of each judge.
func (r *Row) enter(f Finding) {
	if !slices.Contains(r.judges(), f.Judge) {
		r.Found = append(r.Found, f)
	}
}

func (r Row) judges() []string {
	var list []string
	for _, f := range r.Found {
		list = append(list, f.Judge)
	}
	return list
}

// State is killed, justified, stale, survived, awaits or error.
func (r Row) State() string {
	switch {
	case r.Awaits != "":
		return "awaits"
	case r.Error != "":
		return "error"
	case len(r.Found) > 0 && r.Justified != "":
		return "stale"
	case len(r.Found) > 0:
		return "killed"
	case r.Justified != "":
		return "justified"
	}
	return "survived"
}

// String is one line.
func (r Row) String() string {
	text := r.Error
	if len(r.Found) > 0 {
		text = r.Found[0].Rule + ": " + r.Found[0].Text
	}
	return fmt.Sprintf("%s %s %s %.1f s %s", r.ID, r.State(), strings.Join(r.judges(), " "), r.Seconds, short(text))
}

// Table is the result of an exam.
type Table struct {
	Rows    []Row   `json:"rows"`
	Seconds float64 `json:"seconds"`
}

// Passed tells whether every mutant that can be run was killed or is justified, and
// none both.
func (t Table) Passed() bool {
	return len(t.Rows) > 0 && !slices.ContainsFunc(t.Rows, func(r Row) bool {
		return slices.Contains([]string{"survived", "stale", "error"}, r.State())
	})
}

// Count is how many rows have a state; auto chooses the kind.
func (t Table) Count(state string, auto bool) int {
	n := 0
	for _, r := range t.Rows {
		if r.Auto == auto && r.State() == state {
			n++
		}
	}
	return n
}

// Twice is how many were found by two judges or more.
func (t Table) Twice(auto bool) int {
	n := 0
	for _, r := range t.Rows {
		if r.Auto == auto && len(r.Found) > 1 {
			n++
		}
	}
	return n
}

// kill is the time until the first finding of the killed, at a part of them: 0.5 is
// the median, 1 the longest.
func (t Table) kill(auto bool, part float64) float64 {
	var times []float64
	for _, r := range t.Rows {
		if r.Auto == auto && len(r.Found) > 0 {
			times = append(times, r.Found[0].Seconds)
		}
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[int(part*float64(len(times)-1))]
}

// Write prints the table and the sums.
func (t Table) Write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "mutant\tstate\tjudges\tfirst s\tall s\tfirst finding")
	for _, r := range t.Rows {
		first, text := "", r.Error
		if r.Awaits != "" {
			text = "awaits " + r.Awaits
		}
		if len(r.Found) > 0 {
			f := r.Found[0]
			first, text = fmt.Sprintf("%.1f", f.Seconds), f.Rule+": "+f.Text
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%.1f\t%s\n", r.ID, r.State(), strings.Join(r.judges(), " "), first, r.Seconds, short(text))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, auto := range []bool{false, true} {
		name := "catalogue"
		if auto {
			name = "operators"
		}
		all := 0
		for _, state := range []string{"killed", "justified", "stale", "survived", "error"} {
			all += t.Count(state, auto)
		}
		if all == 0 && t.Count("awaits", auto) == 0 {
			continue
		}
		_, err := fmt.Fprintf(w, "%s: %d run, %d killed (%d by two judges), %d justified, %d stale, %d survived, %d errors, %d await a feature; %.1f s in the median, %.1f s at most\n",
			name, all, t.Count("killed", auto), t.Twice(auto), t.Count("justified", auto), t.Count("stale", auto), t.Count("survived", auto), t.Count("error", auto),
			t.Count("awaits", auto), t.kill(auto, 0.5), t.kill(auto, 1))
		if err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%.0f s\n", t.Seconds)
	return err
}

// short is the first line of a text, cut.
func short(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if len(text) > 100 {
		text = text[:100] + "…"
	}
	return text
}
