package mutants

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// syncCall is a place in the source of the engine that syncs.
type syncCall struct {
	key  string // "unmet backup.syncBeside": package and function
	line string // as a place has it: "backup.syncBeside:182"
}

// unmet are the places in the source that sync and that no site comes by: no operator
// was made of them. SURVIVORS.md says of each why no case gets there.
func unmet(root string, sites []Site) ([]Row, error) {
	calls, err := syncCalls(filepath.Join(root, "quiver"))
	if err != nil {
		return nil, err
	}
	met := map[string]bool{}
	for _, s := range sites {
		for frame := range strings.SplitSeq(s.Place, "<") {
			pkg, _, _ := strings.Cut(frame, ".")
			met[pkg+frame[strings.LastIndexByte(frame, ':'):]] = true
		}
	}
	var rows []Row
	for _, c := range calls {
		pkg, _, _ := strings.Cut(c.line, ".")
		if !met[pkg+c.line[strings.LastIndexByte(c.line, ':'):]] {
			rows = append(rows, Row{ID: "auto unmet " + c.line, Title: c.key, Auto: true, Justified: paragraph(c.key)})
		}
	}
	return rows, nil
}

// syncCalls finds them. Package vfs is the disk; the package on top hands a Sync of its
// user on, and calls no disk itself.
func syncCalls(dir string) (list []syncCall, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "vfs" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Dir(path) == dir || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && syncs(call) {
					name := file.Name.Name + "." + fn.Name.Name
					list = append(list, syncCall{"unmet " + name, fmt.Sprintf("%s:%d", name, files.Position(call.Pos()).Line)})
				}
				return true
			})
		}
		return nil
	})
	return list, err
}

func syncs(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"Sync", "SyncData", "SyncDir"}, sel.Sel.Name)
}

// unused are the headings of SURVIVORS.md that speak of nobody.
func unused(rows []Row, list []entry) []Row {
	known := map[string]bool{}
	for _, r := range rows {
		known[r.Title] = true
	}
	for _, e := range list {
		if e.op != nil {
			known[e.op.Key()] = true
		}
	}
	var more []Row
	for _, key := range headings() {
		if !known[key] {
			more = append(more, Row{ID: "auto heading " + key, Title: key, Auto: true, Error: "SURVIVORS.md speaks of it, and there is no such operator"})
		}
	}
	return more
}
