// Command vectors reads the reference's databases through the command line and
// compares what comes out with what the reference saw.
//
// Snapshots are listed, removed and compacted, backups restored. It works on
// copies. Each database is read as it was left (a reading command
// must not change a byte, LOCK apart), then opened once by a writing command,
// recovery included, and read again.
//
//	vectors -bin FILE -dir FOLDER
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// names are the vectors that hold nothing but a database; kept.go has those with
// snapshots and backups, and streams are read by tests of their own.
func names() []string {
	return []string{
		"01-empty", "02-single", "03-small-churn", "04-overflow", "05-page-8192", "06-page-16384", "07-page-32768",
		"08-one-bucket", "09-threshold-64", "10-unclean", "11-wal-ahead", "12-wal-torn-tail", "13-wal-bad-crc",
		"14-wal-unknown-types", "15-torn-page", "16-wal-short-header", "17-tail-wins", "22-two-segments",
		"23-flag-lies", "24-flag-lies-torn", "25-wal-grows", "27-flag-lies-last-lsn", "28-clean-log-left",
	}
}

// exitCorrupt is what quiverdb answers to a damaged database.
const exitCorrupt = 12

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("vectors", flag.ContinueOnError)
	flags.SetOutput(stderr)
	bin := flags.String("bin", "", "the quiverdb binary to try")
	dir := flags.String("dir", "", "the folder of the reference's vectors")
	if err := flags.Parse(args); err != nil || *bin == "" || *dir == "" {
		fmt.Fprintln(stderr, "vectors: -bin and -dir are needed")
		return 2
	}
	failed, all := 0, 0
	for _, kind := range []struct {
		names []string
		try   func(ctx context.Context, bin, dir string) error
	}{{names(), tryVector}, {snapshotNames(), trySnapshots}, {backupNames(), tryBackups}} {
		for _, name := range kind.names {
			all++
			if err := kind.try(ctx, *bin, filepath.Join(*dir, name)); err != nil {
				fmt.Fprintf(stdout, "FAIL %s: %v\n", name, err)
				failed++
				continue
			}
			fmt.Fprintf(stdout, "ok   %s\n", name)
		}
	}
	fmt.Fprintf(stdout, "vectors: %d of %d read as the reference reads them\n", all-failed, all)
	if failed > 0 {
		return 1
	}
	return 0
}

func tryVector(ctx context.Context, bin, dir string) error {
	want, err := loadExpectation(filepath.Join(dir, "expect.json"))
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "quiver-vector")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	db, err := copyDatabase(dir, work)
	if err != nil {
		return err
	}
	var open []string
	if want.Refused {
		if err := mustRefuse(ctx, bin, db); err != nil {
			return err
		}
		open = []string{"--salvage"}
	}
	if err := unchanged(db, func() error { return scan(ctx, bin, db, open, want) }); err != nil {
		return fmt.Errorf("read-only: %w", err)
	}
	if out, err := exec.CommandContext(ctx, bin, append([]string{"checkpoint", "--path", db}, open...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("opening it to write: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := scan(ctx, bin, db, nil, want); err != nil {
		return fmt.Errorf("after recovery: %w", err)
	}
	return nil
}

// mustRefuse: a log damaged in its middle opens neither for reading nor for
// writing, and stays as it is.
func mustRefuse(ctx context.Context, bin, db string) error {
	for _, command := range []string{"scan", "checkpoint"} {
		err := unchanged(db, func() error {
			out, err := exec.CommandContext(ctx, bin, command, "--path", db).CombinedOutput()
			if code := exitCode(err); code != exitCorrupt {
				return fmt.Errorf("exit code %d instead of %d: %s", code, exitCorrupt, strings.TrimSpace(string(out)))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s on a damaged log: %w", command, err)
		}
	}
	return nil
}

func scan(ctx context.Context, bin, db string, more []string, want expectation) error {
	cmd := exec.CommandContext(ctx, bin, append([]string{"scan", "--path", db, "--format", "hex"}, more...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	bad := want.compare(out)
	if bad != nil {
		// The rest is drained, so that the process ends by itself and its own error is seen.
		if _, err := io.Copy(io.Discard, out); err != nil {
			return err
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("scan: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return bad
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}
