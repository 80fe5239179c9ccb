package ci

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/quiverdb/quiverdb-go"

// source is one text file of the project. syntax is nil unless it is Go.
type source struct {
	path   string // slash-separated, relative to the top
	text   string
	fset   *token.FileSet
	syntax *ast.File
}

func (s source) dir() string { return path.Dir(s.path) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

var generatedLine = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func (s source) isGenerated() bool { return generatedLine.MatchString(s.text) }

// line is the line number of a position.
func (s source) line(p token.Pos) int { return s.fset.Position(p).Line }

// newSource parses a file; rules are tried on samples through it too.
func newSource(name, text string) (source, error) {
	s := source{path: name, text: text, fset: token.NewFileSet()}
	if path.Ext(name) != ".go" {
		return s, nil
	}
	var err error
	s.syntax, err = parser.ParseFile(s.fset, name, text, parser.ParseComments)
	return s, err
}

// sample parses a piece of Go that a rule is tried on.
func sample(t *testing.T, name, text string) source {
	t.Helper()
	s, err := newSource(name, text)
	require.NoError(t, err)
	return s
}

// isText says which files people write: the rules read no others.
func isText(name string) bool {
	switch path.Ext(name) {
	case ".go", ".py", ".pyi", ".sh", ".md", ".c", ".h", ".toml", ".yml", ".yaml":
		return true
	}
	return name == ".ci/run"
}

// top is the folder that holds go.mod.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "go.mod"))
	return dir
}

// loadSources reads the text files of the checkout, whether committed or not.
// testdata is data: what stands in it may break rules on purpose.
func loadSources(t *testing.T) []source {
	t.Helper()
	root := top(t)
	var all []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if skippedDir(d.Name(), rel) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !isText(rel) {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		s, err := newSource(rel, string(text))
		all = append(all, s)
		return err
	})
	require.NoError(t, err)
	return all
}

func skippedDir(name, rel string) bool {
	if rel == "." || rel == ".ci" {
		return false
	}
	return name == "testdata" || strings.HasPrefix(name, ".")
}
