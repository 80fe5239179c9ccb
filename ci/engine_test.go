package ci

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// inEngine: the rules of this file are for what must run unchanged on a disk
// that crashes and a clock that is set by hand. vfs is the one way out.
func inEngine(s source) bool {
	return s.syntax != nil && !s.isTest() && covers("quiver/...", s.dir()) && !covers("quiver/vfs/...", s.dir())
}

// bannedImport tells why the engine must not import a package, "" if it may.
func bannedImport(p string) string {
	switch {
	case p == "os" || strings.HasPrefix(p, "os/") || p == "io/ioutil" || strings.HasPrefix(p, "golang.org/x/sys"):
		return "the system is reached through vfs"
	case p == "log":
		return "the engine logs to the slog.Logger of its options"
	}
	return ""
}

// bannedCalls: names of a package that the engine must not use, nil for none.
func bannedCalls(p string) *regexp.Regexp {
	switch p {
	case "time":
		return realClock
	case "context":
		return realDeadline
	case "math/rand", "math/rand/v2":
		return globalRandom
	case "fmt":
		return printing
	}
	return nil
}

var (
	realClock    = regexp.MustCompile(`^(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)$`)
	realDeadline = regexp.MustCompile(`^With(Timeout|Deadline)(Cause)?$`)
	printing     = regexp.MustCompile(`^Print(f|ln)?$`)
	// These draw from the global source. What makes a source of one's own begins
	// with New.
	globalRandom = regexp.MustCompile(`^(Seed|Read|Int|Uint|Float|Norm|Exp|Perm|Shuffle|N$)`)
)

func checkEngine(s source) []string {
	if !inEngine(s) {
		return nil
	}
	var findings []string
	report := func(n ast.Node, what string) {
		findings = append(findings, fmt.Sprintf("%s:%d: %s", s.path, s.line(n.Pos()), what))
	}
	names := map[string]string{} // name in this file → import path
	for _, imp := range s.syntax.Imports {
		p, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			report(imp, err.Error())
			continue
		}
		if why := bannedImport(p); why != "" {
			report(imp, "import of "+p+": "+why)
		}
		name := importName(imp, p)
		if name == "." {
			report(imp, "dot import hides where names come from")
		}
		names[name] = p
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if what := bannedUse(n, names); what != "" {
			report(n, what)
		}
		return true
	})
	return findings
}

func importName(imp *ast.ImportSpec, p string) string {
	if imp.Name != nil {
		return imp.Name.Name
	}
	if base := path.Base(p); base != "v2" {
		return base
	}
	return path.Base(path.Dir(p))
}

// bannedUse reads uses, not only calls: a function that is stored is called
// later. An identifier that the parser resolved is a variable, not a package.
func bannedUse(n ast.Node, names map[string]string) string {
	if call, ok := n.(*ast.CallExpr); ok {
		if id, ok := call.Fun.(*ast.Ident); ok && id.Obj == nil && (id.Name == "print" || id.Name == "println") {
			return "the engine prints nothing: " + id.Name
		}
		return ""
	}
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok || id.Obj != nil {
		return ""
	}
	if banned := bannedCalls(names[id.Name]); banned != nil && banned.MatchString(sel.Sel.Name) {
		return "the engine must not use " + names[id.Name] + "." + sel.Sel.Name
	}
	return ""
}

func TestEngineRule(t *testing.T) {
	const engine = "quiver/internal/pager/a.go"
	body := func(imports, stmt string) string {
		return "package p\nimport (\n" + imports + "\n)\nfunc f() {\n" + stmt + "\n}\n"
	}
	tryRule(t, checkEngine, []ruleCase{
		{"os", engine, body(`"os"`, `os.Remove("x")`), 1},
		{"os/exec", engine, body(`"os/exec"`, `exec.Command("x")`), 1},
		{"os in vfs", "quiver/vfs/a.go", body(`"os"`, `os.Remove("x")`), 0},
		{"os in a test", "quiver/a_test.go", body(`"os"`, `os.Remove("x")`), 0},
		{"os in a command", "cmd/quiverdb/a.go", body(`"os"`, `os.Remove("x")`), 0},
		{"log", engine, body(`"log"`, ``), 1},
		{"log/slog", engine, body(`"log/slog"`, `slog.New(nil)`), 0},
		{"clock", engine, body(`"time"`, `time.Now()`), 1},
		{"clock stored", engine, body(`"time"`, `now := time.Now; now()`), 1},
		{"clock by another name", engine, body(`clk "time"`, `clk.Sleep(1)`), 1},
		{"timers", engine, body(`"time"`, "time.After(1)\ntime.NewTimer(1)\ntime.AfterFunc(1, nil)\ntime.Since(t)"), 4},
		{"durations", engine, body(`"time"`, `_ = 3 * time.Second`), 0},
		{"deadline", engine, body(`"context"`, `context.WithTimeout(nil, 1)`), 1},
		{"cancel", engine, body(`"context"`, `context.WithCancel(nil)`), 0},
		{"a variable that is called like the package", engine, body(`"time"`, `time := clock{}; time.Now()`), 0},
		{"global random", engine, body(`"math/rand/v2"`, `rand.IntN(3); rand.N(4)`), 2},
		{"global random, first version", engine, body(`"math/rand"`, `rand.Seed(3)`), 1},
		{"random of a seed", engine, body(`"math/rand/v2"`, `r := rand.New(rand.NewPCG(1, 2)); r.IntN(3)`), 0},
		{"printing", engine, body(`"fmt"`, `fmt.Println(); fmt.Printf(""); println()`), 3},
		{"formatting", engine, body(`"fmt"`, `fmt.Errorf(""); fmt.Fprintf(nil, "")`), 0},
		{"dot import", engine, body(`. "time"`, `Now()`), 1},
	})
}
