package torture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/torture/raw"
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

// RealArg is the first argument of a child process; see RealChild.
const RealArg = "torture-real-child"

const (
	realClients   = 3
	realCalls     = 300 // of each client in one process
	roundsAFolder = 8
	realToken     = "real1"

	// childTime is how long a child may take for what it has to tell.
	childTime = 30 * time.Second
)

// Real lets child processes work in a real folder and kills them at random
// moments, until so many are killed and the Duration is over. The child is this
// program with RealArg as its first argument: main must hand the rest to
// RealChild. What the child has to do depends on the seed alone, when it is
// killed on the machine.
func Real(c PartConfig, kills int) RealReport {
	w := newCrew(c)
	var r RealReport
	w.do(func(yield func(func()) bool) {
		for n := uint64(0); n*roundsAFolder < uint64(kills) || w.seconds() < w.c.Duration.Seconds(); n++ {
			seed := w.c.Seed<<32 + n
			job := func() {
				f := &realFolder{seed: seed, rng: rand.New(rand.NewPCG(seed, 6))}
				found := w.guard(f.token(), f.violations)
				w.keep(found, func() {
					r.Folders++
					r.Kills += f.report.Kills
					r.InOpen += f.report.InOpen
					r.Finished += f.report.Finished
					r.Acked += f.report.Acked
				})
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
	f := &realFolder{seed: seed, rng: rand.New(rand.NewPCG(seed, 6))}
	found := f.violations()
	return strings.Join(f.story, "\n") + "\n", found, nil
}

// realFolder is a database in a real folder and what is known of it: each client
// has keys of its own, and does one thing after another.
type realFolder struct {
	seed   uint64
	rng    *rand.Rand
	dir    string
	models [realClients]*model.Store
	exists bool // an init has returned
	lsn    uint64
	report RealReport
	story  []string
	flaws  []flaw
}

func (f *realFolder) token() string { return realToken + ";" + strconv.FormatUint(f.seed, 10) }

func (f *realFolder) tell(format string, args ...any) {
	f.story = append(f.story, fmt.Sprintf(format, args...))
}

func (f *realFolder) flaw(rule, format string, args ...any) {
	f.flaws = append(f.flaws, flaw{rule, fmt.Sprintf(format, args...)})
}

func (f *realFolder) violations() (found []Violation) {
	top, err := os.MkdirTemp("", "torture-")
	if err != nil {
		return []Violation{{Rule: "harness", Text: err.Error(), Token: f.token()}}
	}
	f.dir = filepath.Join(top, root)
	for c := range f.models {
		f.models[c] = model.New(nil)
	}
	for round := 0; round < roundsAFolder && len(f.flaws) == 0; round++ {
		f.round(round)
	}
	if err := os.RemoveAll(top); err != nil {
		f.flaw("harness", "%v", err)
	}
	for _, fl := range f.flaws[:min(len(f.flaws), maxViolations)] {
		found = append(found, Violation{Rule: fl.rule, Text: fl.text, Token: f.token(), Steps: f.story})
	}
	return found
}

// round is the life of one child, and a look at what it left.
func (f *realFolder) round(n int) {
	f.tell("round %d", n)
	lines, err := f.child(n)
	if err != nil {
		f.flaw("harness", "%v", err)
		return
	}
	f.believe(n, lines)
	if len(f.flaws) == 0 {
		f.look(n%2 == 0)
	}
	if len(f.flaws) == 0 && (n%4 == 3 || n == roundsAFolder-1) {
		f.repair()
	}
}

// child starts a child, kills it after some time or some lines, and returns what
// it has told.
func (f *realFolder) child(round int) (lines []string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, RealArg, f.dir, strconv.FormatUint(f.seed, 10), strconv.Itoa(round))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	afterLines, delay := -1, time.Duration(f.rng.IntN(120_000))*time.Microsecond
	if f.rng.IntN(2) == 0 {
		afterLines, delay = f.rng.IntN(realClients*realCalls/2), childTime
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var late atomic.Bool
	killer := time.AfterFunc(delay, func() {
		late.Store(delay == childTime)
		_ = cmd.Process.Kill() // it may have ended
	})
	for s := bufio.NewScanner(pipe); s.Scan(); {
		lines = append(lines, s.Text())
		if len(lines) == afterLines {
			_ = cmd.Process.Kill()
		}
	}
	killer.Stop()
	err = cmd.Wait()
	if late.Load() {
		f.flaw("I21 progress", "the child has told %d lines in %v, %d were to come", len(lines), childTime, afterLines)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		f.report.Finished++
	case errors.As(err, &exit) && !exit.Exited():
		f.report.Kills++
	case errors.As(err, &exit):
		f.flaw("I19 works", "the child has failed: %v: %s", err, strings.TrimSpace(stderr.String()))
	default:
		return nil, err
	}
	return lines, nil
}

// believe enters what the child has told. What comes next in each client's list
// may have begun.
func (f *realFolder) believe(round int, lines []string) {
	if len(lines) == 0 || lines[0] != "opened" {
		f.report.InOpen++
		f.exists = f.exists || len(lines) > 0
		return
	}
	f.exists = true
	var lists [realClients][]event
	var next [realClients]int
	for c := range lists {
		lists[c] = realList(f.seed, round, c)
	}
	for _, line := range lines[1:] {
		var c, i int
		var sum, lsn uint64
		if _, err := fmt.Sscanf(line, "%d %d %x %d", &c, &i, &sum, &lsn); err != nil || c < 0 || c >= realClients || i != next[c] || i >= len(lists[c]) {
			// A line is written at once, but the last one may be cut.
			f.tell("line %q", line)
			break
		}
		next[c]++
		f.lsn = max(f.lsn, lsn)
		f.report.Acked++
		if want := f.believeOne(c, lists[c][i]); want != sum {
			f.flaw("I4 honest", "client %d, call %d: %s: it told something else", c, i, lists[c][i].describe(model.Result{}))
		}
	}
	for c, list := range lists {
		f.tell("client %d: %d calls returned", c, next[c])
		if next[c] == len(list) {
			continue
		}
		e := list[next[c]]
		f.tell("client %d, may have begun: %s", c, e.describe(model.Result{Unknown: true}))
		if e.kind != eventSync && e.op.Writes() {
			f.models[c].Start(e.op)
		}
	}
}

// believeOne enters a call that has returned, and gives the sum of what it must
// have told.
func (f *realFolder) believeOne(c int, e event) uint64 {
	m := f.models[c]
	if e.kind == eventSync {
		m.Sync()
		return 0
	}
	_, want := model.Apply(m.Seen(), e.op)
	if e.op.Writes() {
		id := m.Start(e.op)
		if e.kind == eventNoSync {
			m.See(id)
		} else {
			m.Ack(id)
		}
	}
	return resultSum(want)
}

func (f *realFolder) options() *quiver.Options {
	return &quiver.Options{LogBytes: 96 << 10, LogChunkBytes: 16 << 10, Inline: true, NoRecount: true}
}

// look opens what the child left, for reading or for writing, and compares it
// with the models. A reader leaves the recovery to the next child.
func (f *realFolder) look(readOnly bool) {
	open := quiver.Open
	if readOnly {
		open = quiver.OpenReadOnly
	}
	db, err := open(f.dir, f.options())
	if err != nil {
		if f.exists || !errors.Is(err, quiver.ErrNoDatabase) && !errors.Is(err, quiver.ErrIncomplete) {
			f.flaw("I19 opens", "read-only %v: %v", readOnly, err)
		}
		return
	}
	f.exists = true
	if lsn := db.LastLSN(); lsn < f.lsn {
		f.flaw("I6 LSN", "LastLSN is %d, the child has shown %d", lsn, f.lsn)
	}
	f.compare(db)
	if err := db.Close(); err != nil {
		f.flaw("I19 works", "close: %v", err)
	}
}

func (f *realFolder) compare(db *quiver.DB) {
	for c, m := range f.models {
		items, err := db.ScanPrefix([]byte(realPrefix(c)))
		if err != nil {
			f.flaw("I4 honest", "scan: %v", err)
			return
		}
		got := model.State{}
		for _, item := range items {
			got[string(item.Key)] = string(item.Value)
		}
		if _, err := m.Settle(got); err != nil {
			f.flaw("I3 no hole", "client %d: %v", c, err)
		}
	}
}

// repair opens for writing, counts all pages, closes, and looks at the bytes
// without the engine.
func (f *realFolder) repair() {
	db, err := quiver.Open(f.dir, f.options())
	if err != nil {
		if f.exists {
			f.flaw("I19 opens", "%v", err)
		}
		return
	}
	f.compare(db)
	if _, err := db.Recount(context.Background(), nil); err != nil {
		f.flaw("I19 works", "recount: %v", err)
	}
	f.flaws = append(f.flaws, checkFindings(db, true)...)
	if err := db.Close(); err != nil {
		f.flaw("I19 works", "close: %v", err)
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		f.flaw("harness", "%v", err)
		return
	}
	var paths []string
	for _, e := range entries {
		paths = append(paths, inRoot(e.Name()))
	}
	files, err := raw.Load(root, paths, func(p string) ([]byte, error) { return os.ReadFile(filepath.Join(f.dir, filepath.Base(p))) })
	if err != nil {
		f.flaw("harness", "%v", err)
		return
	}
	view := raw.Recover(files)
	for _, text := range slices.Concat(view.Faults, view.Closed(true)) {
		f.flaw("I7 raw", "%s", text)
	}
}
