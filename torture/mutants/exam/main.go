// Command exam runs mutants under the judges and prints the table, or lays out
// one mutant for somebody else to build.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/torture/mutants"
)

const (
	exitOK        = 0
	exitSurvivors = 1
	exitUsage     = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("exam", flag.ContinueOnError)
	f.SetOutput(stderr)
	only := f.String("only", "", "`names` with commas between them: M01, auto, or auto: and a part of an operator")
	budget := f.Duration("budget", 8*time.Second, "`time` of the processor for each judge")
	workers := f.Int("workers", 2, "mutants at a time")
	full := f.Bool("full", false, "run all judges, also when two have found the mutant")
	asJSON := f.Bool("json", false, "print the table as JSON")
	lay := f.String("lay", "", "lay out the one mutant of -only in this `folder`, print the path for go build -overlay, and end")
	if err := f.Parse(args); err != nil || f.NArg() > 0 {
		return exitUsage
	}
	if *lay != "" {
		path, err := mutants.Lay(*only, *lay)
		if err != nil {
			fmt.Fprintln(stderr, err)
			return exitUsage
		}
		fmt.Fprintln(stdout, path)
		return exitOK
	}
	c := mutants.Config{Budget: *budget, Workers: *workers, Full: *full,
		Seen: func(r mutants.Row) { fmt.Fprintln(stderr, r) }}
	if *only != "" {
		c.Only = strings.Split(*only, ",")
	}
	t, err := mutants.Exam(c)
	if err == nil && *asJSON {
		err = json.NewEncoder(stdout).Encode(t)
	} else if err == nil {
		err = t.Write(stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitUsage
	case !t.Passed():
		return exitSurvivors
	}
	return exitOK
}
