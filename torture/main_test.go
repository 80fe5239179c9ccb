package torture

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == RealArg {
		os.Exit(testedChild(os.Args[2:]))
	}
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}
