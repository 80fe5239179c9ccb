package mutants

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// overlay writes the changed files of a patch to a folder, and the list of them
// that go build -overlay takes. It returns the path of the list.
func (p Patch) overlay(root, dir string) (string, error) {
	texts, err := p.apply(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range texts {
		to := filepath.Join(dir, fmt.Sprintf("%02d-%s", len(replace), filepath.Base(file)))
		if err := os.WriteFile(to, []byte(text), 0o666); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	return list, os.WriteFile(list, b, 0o666)
}

// apply gives the texts of the files that the patch changes.
func (p Patch) apply(root string) (map[string]string, error) {
	texts := map[string]string{}
	for _, h := range p.Hunks {
		text, have := texts[h.File]
		if !have {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(h.File)))
			if err != nil {
				return nil, fmt.Errorf("patch %s: %w", p.ID, err)
			}
			text = string(b)
		}
		text, err := h.apply(text)
		if err != nil {
			return nil, fmt.Errorf("patch %s: %w", p.ID, err)
		}
		texts[h.File] = text
	}
	return texts, nil
}

// Lay lays out a mutant of the catalogue in a folder, which is made if it is not
// there, and returns the path of the list for go build -overlay.
func Lay(id, dir string) (string, error) {
	root, err := FindRoot()
	if err != nil {
		return "", err
	}
	list, err := Catalogue()
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	for _, p := range list {
		if p.ID == id && p.Awaits == "" {
			return p.overlay(root, dir)
		}
	}
	return "", fmt.Errorf("mutants: there is no mutant %q that can be built", id)
}
