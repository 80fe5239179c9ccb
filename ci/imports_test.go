package ci

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// A wall says which packages of ours the packages under a folder may import.
// An entry that ends in "/..." covers the folder and all below it. The first
// wall whose folder fits decides, so the narrower ones come first.
type wall struct {
	dir     string
	allowed []string
	// tests: whether the wall holds for test files too. Elsewhere a test may
	// import the judges (faultfs, model, vfs); the compiler still refuses cycles.
	tests bool
}

// The direction: format knows bytes, vfs knows disks, pager alone knows the
// order of writes, quiver is words for users; faultfs, model and torture know
// nothing of pages, so that the engine can be rewritten and the judges stay.
func walls() []wall {
	return []wall{
		{dir: "quiver/format/...", allowed: []string{"quiver/format/..."}, tests: true},
		{dir: "quiver/vfs/...", allowed: []string{"quiver/vfs/..."}, tests: true},
		{dir: "quiver/internal/invariants/...", tests: true},
		{dir: "quiver/internal/pager/...", allowed: []string{
			"quiver/internal/pager/...", "quiver/internal/wal", "quiver/internal/invariants", "quiver/format/...", "quiver/vfs/..."}},
		{dir: "quiver/internal/bucket/...", allowed: []string{
			"quiver/internal/bucket/...", "quiver/internal/pager", "quiver/internal/invariants", "quiver/format/...", "quiver/vfs/..."}},
		{dir: "quiver/internal/...", allowed: []string{
			"quiver/internal/invariants", "quiver/format/...", "quiver/vfs/..."}},
		{dir: "quiver/...", allowed: []string{
			"quiver", "quiver/internal/...", "quiver/format/...", "quiver/vfs/..."}},
		{dir: "faultfs/...", allowed: []string{"faultfs/...", "quiver/vfs/..."}, tests: true},
		{dir: "model/...", allowed: []string{"model/..."}, tests: true},
		{dir: "torture/...", allowed: []string{"torture/...", "quiver", "quiver/vfs/...", "faultfs/...", "model/..."}},
		{dir: "fuzz/...", allowed: []string{"fuzz/...", "quiver/...", "faultfs/...", "model/...", "torture/..."}},
		{dir: "cmd/...", allowed: []string{"cmd/...", "quiver", "quiver/format/...", "quiver/vfs/...", "torture/..."}},
		{dir: "ci/...", allowed: []string{"ci/..."}, tests: true},
	}
}

// covers says whether the pattern names dir.
func covers(pattern, dir string) bool {
	base, deep := strings.CutSuffix(pattern, "/...")
	return dir == base || deep && strings.HasPrefix(dir, base+"/")
}

// importPath is the unquoted path of an import, relative to our module if it is ours.
func importPath(quoted string) (path string, ours bool) {
	p, err := strconv.Unquote(quoted)
	if err != nil {
		return quoted, false
	}
	if p == modulePath {
		return ".", true
	}
	return strings.CutPrefix(p, modulePath+"/")
}

func checkImports(s source) []string {
	if s.syntax == nil {
		return nil
	}
	w, found := wallOf(s.dir())
	if !found {
		return []string{s.path + ": no wall is written down for this folder"}
	}
	if s.isTest() && !w.tests {
		return nil
	}
	var findings []string
	for _, imp := range s.syntax.Imports {
		path, ours := importPath(imp.Path.Value)
		if ours && !anyCovers(w.allowed, path) {
			findings = append(findings, fmt.Sprintf("%s:%d: %s must not import %s", s.path, s.line(imp.Pos()), s.dir(), path))
		}
	}
	return findings
}

func wallOf(dir string) (wall, bool) {
	for _, w := range walls() {
		if covers(w.dir, dir) {
			return w, true
		}
	}
	return wall{}, false
}

func anyCovers(patterns []string, dir string) bool {
	for _, p := range patterns {
		if covers(p, dir) {
			return true
		}
	}
	return false
}

func TestImportRule(t *testing.T) {
	ours := func(pkg string) string { return "package p\nimport _ \"" + modulePath + "/" + pkg + "\"\n" }
	tryRule(t, checkImports, []ruleCase{
		{"command may use the engine", "cmd/quiverdb/a.go", ours("quiver"), 0},
		{"command may not reach into it", "cmd/quiverdb/a.go", ours("quiver/internal/pager"), 1},
		{"pager may use the log", "quiver/internal/pager/a.go", ours("quiver/internal/wal"), 0},
		{"log may not use the pager", "quiver/internal/wal/a.go", ours("quiver/internal/pager"), 1},
		{"keys live in pages", "quiver/internal/bucket/a.go", ours("quiver/internal/pager"), 0},
		{"pages know no keys", "quiver/internal/pager/a.go", ours("quiver/internal/bucket"), 1},
		{"pager may not use the engine", "quiver/internal/pager/a.go", ours("quiver"), 1},
		{"format knows bytes only", "quiver/format/a.go", ours("quiver/vfs"), 1},
		{"also in its tests", "quiver/format/a_test.go", ours("quiver/vfs"), 1},
		{"disk knows no bytes", "quiver/vfs/os/a.go", ours("quiver/format"), 1},
		{"disk may use itself", "quiver/vfs/vfstest/a.go", ours("quiver/vfs"), 0},
		{"model knows nothing of ours", "model/a.go", ours("quiver/vfs"), 1},
		{"nor do its tests", "model/a_test.go", ours("quiver"), 1},
		{"the crashing disk knows the seam", "faultfs/a.go", ours("quiver/vfs"), 0},
		{"the crashing disk knows no engine", "faultfs/a.go", ours("quiver"), 1},
		{"torture knows no pages", "torture/a.go", ours("quiver/format"), 1},
		{"torture drives all", "torture/a.go", ours("faultfs"), 0},
		{"the engine knows no judge", "quiver/a.go", ours("torture"), 1},
		{"but its tests may", "quiver/a_test.go", ours("faultfs"), 0},
		{"a folder that begins alike is another one", "quiverx/a.go", "package p\n", 1},
		{"others' packages are not this rule's business", "model/a.go", "package p\nimport _ \"os\"\n", 0},
	})
}
