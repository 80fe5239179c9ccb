package raw

import (
	"go/build"
	"strings"
	"testing"
)

// TestImports: a reading that shares code with the engine repeats its mistakes.
func TestImports(t *testing.T) {
	seen := map[string]bool{}
	var look func(dir string)
	look = func(dir string) {
		p, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range p.Imports {
			rest, ours := strings.CutPrefix(path, "github.com/quiverdb/quiverdb-go/")
			if !ours || seen[rest] {
				continue
			}
			seen[rest] = true
			if rest == "quiver" || strings.HasPrefix(rest, "quiver/") {
				t.Errorf("%s imports %s", dir, path)
			}
			look("../../" + rest)
		}
	}
	look(".")
	if len(seen) == 0 {
		t.Error("the imports are not where this test looks for them")
	}
}
