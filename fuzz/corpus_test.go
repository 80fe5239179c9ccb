package fuzz

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// maxCorpora bounds what is committed of inputs, in bytes.
const maxCorpora = 500 << 10

// TestCorpora: every property has its target and its seeds, every target and
// folder its property, and all are small.
func TestCorpora(t *testing.T) {
	names := slices.Sorted(maps.Keys(Properties()))
	source, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(.*run\(f, "(\w+)"\)`).FindAllSubmatch(source, -1) {
		if string(m[1]) != string(m[2]) {
			t.Errorf("%s runs %s", m[1], m[2])
		}
		targets = append(targets, string(m[1]))
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
