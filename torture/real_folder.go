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

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// childTime is how long a child may take for what it has to tell.
const childTime = 30 * time.Second

// realWork is what children do in a folder, and what has to be there after them.
type realWork interface {
	// life is what the child of a round has to do.
	life(f *realFolder, round int) life
	// believe enters what the child has told. What comes next in its list may
	// have begun.
	believe(f *realFolder, round int, t told)
	// compare reads everything and compares it with what may be there.
	compare(f *realFolder, db *quiver.DB)
}

// life is that of a child.
type life struct {
	args  []string      // behind RealArg
	calm  bool          // it is left alone until it ends by itself
	lines int           // about so many may pass before it is killed
	time  time.Duration // or this
}

// told is what a child has told.
type told struct {
	lines    []string
	finished bool // it has ended by itself, and well
}

// realFolder is a database in a real folder and what is known of it.
type realFolder struct {
	seed   uint64
	rng    *rand.Rand
	work   realWork
	top    string // of the folders below
	dir    string // the database
	left   string // a copy of it, as the last child has left it
	exists bool   // an init has returned
	lsn    uint64
	report RealReport
	story  []string
	flaws  []flaw
}

func newRealFolder(seed uint64) *realFolder {
	f := &realFolder{seed: seed, rng: rand.New(rand.NewPCG(seed, 6))}
	if seed%2 == 0 {
		f.work = newRealPhrases(f.rng)
	} else {
		f.work = newRealClients()
	}
	return f
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
	f.top, f.dir, f.left = top, filepath.Join(top, root), filepath.Join(top, "left")
	for round := 0; round < roundsAFolder && len(f.flaws) == 0; round++ {
		f.round(round)
	}
	if len(f.flaws) == 0 {
		if err := os.RemoveAll(top); err != nil {
			f.flaw("harness", "%v", err)
		}
	} else {
		f.tell("kept: %s as the child has left it, %s as the judges have", f.left, f.dir)
	}
	for _, fl := range f.flaws[:min(len(f.flaws), maxViolations)] {
		found = append(found, Violation{Rule: fl.rule, Text: fl.text, Token: f.token(), Steps: f.story})
	}
	return found
}

// round is the life of one child, and a look at what it left.
func (f *realFolder) round(n int) {
	f.tell("round %d", n)
	t, err := f.child(f.work.life(f, n))
	if err == nil {
		err = f.copy()
	}
	if err != nil {
		f.flaw("harness", "%v", err)
		return
	}
	if len(t.lines) == 0 {
		f.report.InOpen++
	} else {
		f.exists = true
	}
	f.work.believe(f, n, t)
	if len(f.flaws) == 0 {
		f.look(n%2 == 0)
	}
	if len(f.flaws) == 0 && (n%4 == 3 || n == roundsAFolder-1) {
		f.repair()
	}
}

// copy keeps what the child has left: looking at it changes it.
func (f *realFolder) copy() error {
	if err := os.RemoveAll(f.left); err != nil {
		return err
	}
	if _, err := os.Stat(f.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return os.CopyFS(f.left, os.DirFS(f.dir))
}

// end is when a child is killed: after so many lines, or after some time.
func (f *realFolder) end(l life) (afterLines int, delay time.Duration) {
	switch {
	case l.calm:
		return -1, childTime
	case f.rng.IntN(2) == 0:
		return f.rng.IntN(l.lines), childTime
	}
	return -1, time.Duration(f.rng.Int64N(int64(l.time)))
}

// child starts a child, kills it after some time or some lines, and returns what
// it has told.
func (f *realFolder) child(l life) (t told, err error) {
	self, err := os.Executable()
	if err != nil {
		return t, err
	}
	cmd := exec.Command(self, append([]string{RealArg}, l.args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return t, err
	}
	afterLines, delay := f.end(l)
	if err := cmd.Start(); err != nil {
		return t, err
	}
	var late atomic.Bool
	killer := time.AfterFunc(delay, func() {
		late.Store(delay == childTime)
		_ = cmd.Process.Kill() // it may have ended
	})
	for s := bufio.NewScanner(pipe); s.Scan(); {
		t.lines = append(t.lines, s.Text())
		if len(t.lines) == afterLines {
			_ = cmd.Process.Kill()
		}
	}
	killer.Stop()
	err = cmd.Wait()
	if late.Load() {
		f.flaw("I21 progress", "the child has told %d lines in %v, %d were to come", len(t.lines), childTime, afterLines)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		t.finished = true
		f.report.Finished++
	case errors.As(err, &exit) && !exit.Exited():
		f.report.Kills++
	case errors.As(err, &exit):
		f.flaw("I19 works", "the child has failed: %v: %s", err, strings.TrimSpace(stderr.String()))
	default:
		return t, err
	}
	return t, nil
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
	f.work.compare(f, db)
	if err := db.Close(); err != nil {
		f.flaw("I19 works", "close: %v", err)
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
	f.work.compare(f, db)
	if _, err := db.Recount(context.Background(), nil); err != nil {
		f.flaw("I19 works", "recount: %v", err)
	}
	f.flaws = append(f.flaws, checkFindings(db, true, nil)...)
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
