// Command quiverdb works on a QuiverDB database from the command line.
//
// Results go to standard output, everything else to standard error; the exit
// code says how it went (quiverdb help exit-codes). Commands that only look
// open the database read-only and never change a byte of it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks the command to end; with the handler gone, a second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
