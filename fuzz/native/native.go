// Package native runs properties under the fuzzing engine of Go.
package native

import (
	"flag"
	"runtime"
	"runtime/debug"
	"testing"
)

// Run makes a target of a property. The seeds are the files in testdata/fuzz.
func Run(f *testing.F, property func([]byte) error) {
	if isWorker() {
		// The engine starts a process for each core and runs every input on a fresh
		// goroutine of it. With more than one processor for Go's scheduler each of them
		// would wake another thread, which costs more than most decoders.
		runtime.GOMAXPROCS(1)
		// The heap is small, so memory is cheaper than collecting it often.
		debug.SetGCPercent(400)
	}
	// What is made once is made before the engine looks at coverage.
	_ = property(nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := property(data); err != nil {
			t.Fatal(err)
		}
	})
}

// isWorker tells the processes that try inputs from the one that keeps the corpus.
func isWorker() bool {
	f := flag.Lookup("test.fuzzworker")
	return f != nil && f.Value.String() == "true"
}
