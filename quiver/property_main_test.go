package quiver_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// A state machine needs room for chains to grow and for a crash after that: the
// usual 30 steps are few. The race detector looks for what goroutines do, not for
// sequences, and makes everything slow. The command line still decides.
func init() {
	defaults := map[string]string{"rapid.steps": "40"}
	if raceDetector {
		defaults["rapid.checks"] = "20"
	}
	for name, value := range defaults {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// rounds is how often a test with goroutines is repeated.
func rounds(n int) int {
	if raceDetector {
		return max(1, n/4)
	}
	return n
}

// Every handle of every test has to be gone with all that it started.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
