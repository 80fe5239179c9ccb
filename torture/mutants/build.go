package mutants

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// lens makes the static rules silent in a process that asks for it by its
// environment. They end a run at their first finding, and the question is what
// the other judges would have seen.
func lens() Patch {
	const condition = `	if _, blind := os.LookupEnv("` + blindVariable + `"); blind {
		return
	}
`
	head := "func (r *rules) flaw(rule, format string, args ...any) {\n"
	return Patch{ID: "lens", Hunks: []Hunk{
		{File: "torture/rules.go", Old: head, New: head + condition},
		{File: "torture/rules.go", Old: "import (\n", New: "import (\n\t\"os\"\n"},
	}}
}

const blindVariable = "QUIVER_EXAM_BLIND"

// workshop builds the programs of one mutant.
type workshop struct {
	root    string // of the module
	dir     string // for what is built
	overlay string
	ignore  string // file of findings that the engine as it is gives rise to
}

// newWorkshop lays out the mutant. dir must be there.
func newWorkshop(root, dir string, p Patch) (*workshop, error) {
	p.Hunks = append(append([]Hunk{}, p.Hunks...), lens().Hunks...)
	list, err := p.overlay(root, dir)
	return &workshop{root: root, dir: dir, overlay: list}, err
}

// judge is the program that runs package torture.
func (w *workshop) judge(ctx context.Context) (string, error) {
	return w.build(ctx, "judge", "build", "./torture/mutants/judge")
}

// tests is the test program of a package.
func (w *workshop) tests(ctx context.Context, pkg string) (string, error) {
	return w.build(ctx, strings.ReplaceAll(pkg, "/", "-")+".test", "test", "./"+pkg)
}

func (w *workshop) build(ctx context.Context, name, verb, pkg string) (string, error) {
	out := filepath.Join(w.dir, name)
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	args := []string{verb, "-overlay", w.overlay, "-ldflags", "-s -w", "-o", out}
	if verb == "test" {
		args = append(args, "-c", "-vet=off")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = w.root
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", verb, pkg, err, b)
	}
	return out, nil
}

// packages are those whose files a patch changes, the engine itself last.
func (p Patch) packages() []string {
	list := []string{}
	for _, h := range p.Hunks {
		if dir := path.Dir(h.File); dir != "quiver" && !contains(list, dir) {
			list = append(list, dir)
		}
	}
	return append(list, "quiver")
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// FindRoot is the folder of the module that the working directory is in.
func FindRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		b, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module "+strings.TrimSuffix(modulePath, "/")+"\n") {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("mutants: %s is not in the source of the module, and the exam builds it", dir)
		}
	}
}
