// Command quiver-torture judges the engine by crashes and errors on a disk in
// memory; package torture says how.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strings"

	"github.com/quiverdb/quiverdb-go/torture"
)

const (
	exitOK         = 0
	exitViolations = 1
	exitUsage      = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("quiver-torture", flag.ContinueOnError)
	flags.SetOutput(stderr)
	tier := flags.String("tier", string(torture.Quick), "quick, full, night or random")
	duration := flags.Duration("duration", 0, "time for random workloads, that of the tier included")
	seed := flags.Uint64("seed", 1, "of the random workloads")
	workers := flags.Int("workers", 0, "0 = one for each processor")
	only := flags.String("only", "", "crash, errors, or parts of a workload, with two commas between them: judge those tasks alone")
	limit := flags.Int("limit", 20, "violations after which the run ends")
	replay := flags.String("replay", "", "token of a violation: judge that case alone")
	asJSON := flags.Bool("json", false, "print the report as JSON")
	profile := flags.String("cpuprofile", "", "write a profile to this file")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return exitUsage
	}
	// Many small databases come and go; collecting them less often is worth
	// the memory.
	debug.SetGCPercent(800)
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(stderr, err)
			return exitUsage
		}
		defer pprof.StopCPUProfile()
	}
	if *replay != "" {
		return replayOne(*replay, stdout, stderr)
	}
	t, err := torture.ParseTier(*tier)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	report := torture.Run(torture.Config{Tier: t, Duration: *duration, Seed: *seed, Workers: *workers, Limit: *limit, Only: keep(*only),
		Found: func(v torture.Violation) { fmt.Fprintln(stderr, v) }})
	if *asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			fmt.Fprintln(stderr, err)
			return exitUsage
		}
	} else {
		fmt.Fprintln(stdout, report)
	}
	return verdict(len(report.Violations))
}

// keep selects tasks by words with two commas between them: what they do, or parts
// of their text.
func keep(only string) func(torture.Task) bool {
	return func(t torture.Task) bool {
		for _, word := range strings.Split(only, ",,") {
			fits := strings.Contains(t.Workload.String(), word)
			switch word {
			case "crash":
				fits = !t.OnlyErrors
			case "errors":
				fits = t.Errors
			}
			if !fits {
				return false
			}
		}
		return true
	}
}

func replayOne(token string, stdout, stderr io.Writer) int {
	description, found, err := torture.Replay(token)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	fmt.Fprint(stdout, description)
	for _, v := range found {
		fmt.Fprintln(stdout, v)
	}
	if len(found) == 0 {
		fmt.Fprintln(stdout, "no violation")
	}
	return verdict(len(found))
}

func verdict(violations int) int {
	if violations > 0 {
		return exitViolations
	}
	return exitOK
}
