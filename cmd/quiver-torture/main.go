// Command quiver-torture judges the engine by what a disk, a kernel and a kill can
// do to it; package torture says how. It prints counts, every broken promise with
// the command that shows it again, and, on request, a page with all of that.
//
// The exit code is 0 when nothing was found, 1 for violations, for mutants that
// survive and for a missed bar, 2 for wrong use.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/pprof"

	"golang.org/x/term"

	"github.com/quiverdb/quiverdb-go/torture"
	"github.com/quiverdb/quiverdb-go/torture/mutants"
)

const (
	exitOK         = 0
	exitViolations = 1
	exitUsage      = 2
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == torture.RealArg {
		os.Exit(torture.RealChild(os.Args[2:])) // a child of the tier real, to be killed
	}
	// Many small databases come and go; collecting them less often is worth the
	// memory, up to a limit.
	debug.SetGCPercent(800)
	debug.SetMemoryLimit(4 << 30)
	os.Exit(newApp(os.Stdout, os.Stderr, term.IsTerminal(int(os.Stderr.Fd()))).run(os.Args[1:]))
}

// app is what a run has of the world outside, and what it can do.
type app struct {
	stdout, stderr io.Writer
	terminal       bool // standard error is one
	tiers          []tier
	exam           func(mutants.Config) (mutants.Table, error)
	replayer       func(token string) (description string, found []torture.Violation, err error)
}

func newApp(stdout, stderr io.Writer, terminal bool) *app {
	return &app{stdout: stdout, stderr: stderr, terminal: terminal, tiers: tiers(), exam: mutants.Exam, replayer: torture.Replay}
}

func (a *app) run(args []string) int {
	o, err := a.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(a.stdout, a.help())
		return exitOK
	case err != nil:
		return a.usage(err)
	}
	stop, err := profileTo(o.cpuProfile)
	if err != nil {
		return a.usage(err)
	}
	defer stop()
	s := newSummary(o, args)
	if o.replay != "" {
		err = a.replay(o, s)
	} else {
		err = a.judge(o, s)
	}
	if err != nil && s.verdict() == exitOK {
		return a.usage(err)
	}
	s.finish()
	// What was found before something went wrong is told all the same, and counts
	// for more.
	err = errors.Join(err, a.tell(o, s))
	if s.verdict() != exitOK {
		if err != nil {
			fmt.Fprintln(a.stderr, "quiver-torture:", err)
		}
		return s.verdict()
	}
	if err != nil {
		return a.usage(err)
	}
	return exitOK
}

func (a *app) usage(err error) int {
	fmt.Fprintf(a.stderr, "quiver-torture: %v\nTry: quiver-torture -help\n", err)
	return exitUsage
}

// profileTo writes a profile of the processor's time until the returned function
// is called.
func profileTo(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		// The profile is a by-product: what is wrong with it shows when it is read.
		_ = f.Close()
	}, nil
}
