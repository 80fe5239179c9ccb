package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// app is what the commands have of the world outside.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	isTerminal     func(io.Writer) bool
	fs             vfs.FS // nil = the real disk
	barDelay       time.Duration

	json    bool // --json: results and errors for machines
	running bool // a command has begun; an error before that is wrong use
}

// run does one command and gives the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: env, barDelay: barDelay}
	a.isTerminal = func(w io.Writer) bool {
		f, ok := w.(*os.File)
		return ok && term.IsTerminal(int(f.Fd()))
	}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	a.stdin = &interruptible{ctx: ctx, r: a.stdin}
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	if !a.running {
		err = usageError{err}
		a.json = a.json || saysJSON(args)
	}
	f := classify(err)
	if f.code == exitUsage {
		f.hint = cmd.CommandPath() + " --help"
	}
	f.report(a.stderr, a.json)
	return f.code
}

// saysJSON looks for --json in arguments that could not be parsed.
func saysJSON(args []string) bool {
	for _, arg := range args {
		switch arg {
		case "--json", "--json=true":
			return true
		case "--":
			return false
		}
	}
	return false
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "quiverdb",
		Short:         "Work on a QuiverDB database",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetUsageTemplate(usageTemplate)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "results and errors as JSON")
	root.AddCommand(
		a.initCommand(), a.putCommand(), a.getCommand(), a.delCommand(), a.scanCommand(),
		a.statsCommand(), a.statusCommand(), a.checkpointCommand(), a.checkCommand(), a.repairCommand(),
		a.loadCommand(), a.dumpCommand(), a.backupCommand(), a.restoreCommand(),
		a.snapshotsCommand(), a.snaprmCommand(), a.snapcompactCommand(), a.versionCommand(), exitCodesTopic(),
	)
	return root
}

const rootHelp = `Work on a QuiverDB database: one folder, one writing process or many reading ones.

  quiverdb init --path ./db
  quiverdb put --path ./db greeting hello
  quiverdb get --path ./db greeting
  quiverdb scan --path ./db --format hex

A key or a value is the text itself, hex:… for bytes in hexadecimal, @FILE for
the content of a file, or - for standard input.`

// The names of QuiverDB 1.2 are aliases that this template does not show.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of all commands:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasHelpSubCommands}}

More help:{{range .Commands}}{{if .IsAdditionalHelpTopicCommand}}
  {{.CommandPath}}: {{.Short}}{{end}}{{end}}{{end}}
`

// body makes a function a command's: what fails from here on is no wrong use of
// the command line by itself.
func (a *app) body(do func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.running = true
		return do(cmd, args)
	}
}

// result prints a value as one JSON document.
func (a *app) result(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// say prints a line of a result.
func (a *app) say(format string, args ...any) error {
	_, err := fmt.Fprintf(a.stdout, format+"\n", args...)
	return err
}

// note prints a line that is not part of the result.
func (a *app) note(format string, args ...any) error {
	_, err := fmt.Fprintf(a.stderr, format+"\n", args...)
	return err
}

// buffered gives a writer to standard output for results of many lines.
func (a *app) buffered(write func(w *bufio.Writer) error) error {
	w := bufio.NewWriterSize(a.stdout, 1<<16)
	err := write(w)
	// What was read before a failure is worth having.
	if flushErr := w.Flush(); err == nil {
		err = flushErr
	}
	return err
}

// truthy reads a switch of the environment.
func (a *app) truthy(name string) (bool, error) {
	v := a.env(name)
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "", "0", "false", "off", "no":
		return false, nil
	case "1", "true", "on", "yes":
		return true, nil
	default:
		return false, usagef("%s=%q is neither on nor off (1, true, yes, on; 0, false, no, off)", name, v)
	}
}

// jsonByDefault lets the environment decide where --json was not given.
func (a *app) jsonByDefault(cmd *cobra.Command, name string) error {
	on, err := a.truthy(name)
	if !cmd.Flags().Changed("json") {
		a.json = on
	}
	return err
}

// interruptible lets a command end at a signal while it waits for input. The
// read that waits is left behind: the process ends soon.
type interruptible struct {
	ctx context.Context
	r   io.Reader
	buf []byte
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	type result struct {
		n   int
		err error
	}
	if i.buf == nil {
		i.buf = make([]byte, 1<<16)
	}
	// A buffer of its own, since the caller may reuse p while the read goes on.
	buf := i.buf[:min(len(p), len(i.buf))]
	done := make(chan result, 1)
	go func() {
		n, err := i.r.Read(buf)
		done <- result{n, err}
	}()
	select {
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	case r := <-done:
		return copy(p, buf[:r.n]), r.err
	}
}
