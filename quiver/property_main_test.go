package quiver_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// A state machine needs room for chains to grow and for a crash after that: the
// usual 30 steps are few. The command line still decides.
func init() {
	if err := flag.Set("rapid.steps", "40"); err != nil {
		panic(err)
	}
}

// Every handle of every test has to be gone with all that it started.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
