package mutants

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compiler checks the types of changed packages against the export data of all
// others: a mutant that does not compile is no mutant, and building each of
// them takes minutes.
type compiler struct {
	root   string
	export map[string]string
	fset   *token.FileSet
}

func newCompiler(t *testing.T, root string) *compiler {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", "./quiver/...", "./torture/...")
	cmd.Dir = root
	b, err := cmd.Output()
	require.NoError(t, err)
	c := &compiler{root: root, export: map[string]string{}, fset: token.NewFileSet()}
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); err == io.EOF {
			return c
		} else if err != nil {
			t.Fatal(err)
		}
		c.export[p.ImportPath] = p.Export
	}
}

// check compiles the packages that the texts belong to.
func (c *compiler) check(texts map[string]string) error {
	dirs := map[string]bool{}
	for file := range texts {
		dirs[path.Dir(file)] = true
	}
	lookup := func(p string) (io.ReadCloser, error) {
		if c.export[p] == "" {
			return nil, fmt.Errorf("no export data of %s", p)
		}
		return os.Open(c.export[p])
	}
	for dir := range dirs {
		files, err := c.parse(dir, texts)
		if err != nil {
			return err
		}
		conf := types.Config{Importer: importer.ForCompiler(c.fset, "gc", lookup)}
		if _, err := conf.Check(modulePath+dir, c.fset, files, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiler) parse(dir string, texts map[string]string) ([]*ast.File, error) {
	names, err := filepath.Glob(filepath.Join(c.root, filepath.FromSlash(dir), "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		matches, err := build.Default.MatchFile(filepath.Dir(name), filepath.Base(name))
		if err != nil {
			return nil, err
		}
		if !matches || strings.HasSuffix(name, "_test.go") {
			continue
		}
		var text any
		if changed, ok := texts[dir+"/"+filepath.Base(name)]; ok {
			text = changed
		}
		f, err := parser.ParseFile(c.fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// TestPatchesApplyAndCompile: a source file that has moved away from under a
// patch must be noticed by whoever moved it.
func TestPatchesApplyAndCompile(t *testing.T) {
	root, err := FindRoot()
	require.NoError(t, err)
	list, err := Catalogue()
	require.NoError(t, err)
	c := newCompiler(t, root)
	for _, p := range append(list, lens()) {
		t.Run(p.ID, func(t *testing.T) {
			texts, err := p.apply(root)
			require.NoError(t, err)
			require.NoError(t, c.check(texts))
		})
	}
}

// TestCatalogueIsComplete: the catalogue has the numbers 1 to 72, and each
// mutant names the judges that are expected to see it.
func TestCatalogueIsComplete(t *testing.T) {
	list, err := Catalogue()
	require.NoError(t, err)
	have := map[string]bool{}
	for _, p := range list {
		require.Regexp(t, regexp.MustCompile(`^M[0-9]{2}[b-z]?$`), p.ID)
		have[p.ID[:3]] = true
		assert.Equal(t, p.Awaits == "", len(p.Judges) > 0, "%s names no judges", p.ID)
	}
	for n := range 72 {
		assert.True(t, have[fmt.Sprintf("M%02d", n+1)], "M%02d is missing", n+1)
	}
}
