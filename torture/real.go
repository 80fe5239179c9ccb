package torture

import (
	"fmt"
	"strconv"
	"strings"
)

// RealReport is what kills of real processes on a real disk showed.
type RealReport struct {
	Folders    int         `json:"folders"`
	Kills      int         `json:"kills"`
	InOpen     int         `json:"kills_in_open"` // before the child had opened the database
	Finished   int         `json:"finished"`      // children that had ended before the kill
	Acked      int         `json:"acked"`         // operations that were acknowledged
	Violations []Violation `json:"violations"`
	Seconds    float64     `json:"seconds"`
}

// String is one line.
func (r RealReport) String() string {
	return fmt.Sprintf("%d folders, %d kills (%d while opening), %d children ended by themselves, %d acknowledged operations: %d violations; %.1f s",
		r.Folders, r.Kills, r.InOpen, r.Finished, r.Acked, len(r.Violations), r.Seconds)
}

func (r *RealReport) add(d RealReport) {
	r.Folders++
	r.Kills += d.Kills
	r.InOpen += d.InOpen
	r.Finished += d.Finished
	r.Acked += d.Acked
}

// RealArg is the first argument of a child process; see RealChild.
const RealArg = "torture-real-child"

const (
	roundsAFolder = 8
	realToken     = "real1"
)

// Real lets child processes work in real folders and kills them at random
// moments, until so many are killed and the Duration is over. In every second
// folder they do what the tiers do, phrases of the alphabet on a start state, in
// the others several clients work at once. The child is this program with RealArg
// as its first argument: main must hand the rest to RealChild. What the child has
// to do depends on the seed alone, when it is killed on the machine. The folder of
// a violation is kept, and named in its story.
func Real(c PartConfig, kills int) RealReport {
	w := newCrew(c)
	var r RealReport
	w.do(func(yield func(func()) bool) {
		for n := uint64(0); n*roundsAFolder < uint64(kills) || w.seconds() < w.c.Duration.Seconds(); n++ {
			job := func() {
				f := newRealFolder(w.c.Seed<<32 + n)
				found := w.guard(f.token(), f.violations)
				w.keep(found, func() { r.add(f.report) })
			}
			if !yield(job) {
				return
			}
		}
	})
	r.Violations, r.Seconds = w.violations(), w.seconds()
	return r
}

func replayReal(token string) (string, []Violation, error) {
	seed, err := strconv.ParseUint(strings.TrimPrefix(token, realToken+";"), 10, 64)
	if err != nil {
		return "", nil, fmt.Errorf("torture: token %q: %w", token, err)
	}
	f := newRealFolder(seed)
	found := f.violations()
	return strings.Join(f.story, "\n") + "\n", found, nil
}
