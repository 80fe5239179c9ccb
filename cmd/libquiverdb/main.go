// Command libquiverdb is the C library of QuiverDB:
//
//	go build -buildmode=c-shared -o libquiverdb.so ./cmd/libquiverdb
//
// Its interface is quiverdb.h, which is all that its users need; README.md tells
// how to link it and what holds for threads, forks and memory.
//
// A call passes three layers. The functions of the header are C (gate.c): they
// refuse a forked process without touching the Go runtime, which is dead there.
// The exported functions of this package turn C's arguments into Go's, and
// panics and errors into a result and the thread's error (call.go, errors.go).
// Package quiver does the work.
package main

import (
	"fmt"
	"os"
)

// main is what a program for this package would do; a library never runs it.
func main() {
	fmt.Fprintln(os.Stderr, "libquiverdb is a C library: CGO_ENABLED=1 go build -buildmode=c-shared -o libquiverdb.so ./cmd/libquiverdb")
	os.Exit(2)
}
