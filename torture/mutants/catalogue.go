package mutants

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
)

//go:embed catalogue/*.patch
var files embed.FS

// Catalogue is all mutants that stand in files, sorted by ID.
func Catalogue() ([]Patch, error) {
	entries, err := files.ReadDir("catalogue")
	if err != nil {
		return nil, err
	}
	var list []Patch
	for _, e := range entries {
		b, err := files.ReadFile("catalogue/" + e.Name())
		if err != nil {
			return nil, err
		}
		p, err := ParsePatch(string(b))
		if err != nil {
			return nil, err
		}
		if p.ID+".patch" != e.Name() {
			return nil, fmt.Errorf("patch %s stands in file %s", p.ID, e.Name())
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Patch) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}
