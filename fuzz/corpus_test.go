package fuzz

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxCorpora bounds what is committed of inputs, in bytes.
const maxCorpora = 500 << 10

// TestCorpora: every property has its target and its seeds, every target and
// folder its property, and all are small. It does without regular expressions: all
// that this package imports has coverage counters, through which the engine walks
// after every input.
func TestCorpora(t *testing.T) {
	names := slices.Sorted(maps.Keys(Properties()))
	source, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for line := range strings.Lines(string(source)) {
		name, body, ok := strings.Cut(strings.TrimPrefix(line, "func "), "(")
		if !ok || !strings.HasPrefix(line, "func Fuzz") {
			continue
		}
		if !strings.Contains(body, `run(f, "`+name+`")`) {
			t.Errorf("%s runs another property: %s", name, body)
		}
		targets = append(targets, name)
	}
	slices.Sort(targets)
	if !slices.Equal(names, targets) {
		t.Errorf("properties %v, targets %v", names, targets)
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "fuzz"))
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		folders = append(folders, e.Name())
		if seeds, err := os.ReadDir(filepath.Join("testdata", "fuzz", e.Name())); err != nil || len(seeds) < 3 {
			t.Errorf("%s has %d seeds, %v", e.Name(), len(seeds), err)
		}
	}
	if !slices.Equal(names, folders) {
		t.Errorf("properties %v, folders of seeds %v", names, folders)
	}
	if n := size(t, "testdata") + size(t, "folder"); n > maxCorpora {
		t.Errorf("the corpora have %d bytes, more than %d", n, maxCorpora)
	}
}

func size(t *testing.T, dir string) (bytes int64) {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}
