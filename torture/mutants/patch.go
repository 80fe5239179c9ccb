package mutants

import (
	"bufio"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Patch is a mutant of the catalogue.
type Patch struct {
	ID     string   // M01
	Title  string   // what the developer does wrong
	Breaks string   // rules of the engine and invariants
	Judges []string // those that are expected to see it
	// Match is a part of the workloads that come by the mistake, where few do:
	// the judges of crashes begin with those.
	Match string
	// Awaits names a feature that the engine does not have yet; there are no
	// hunks then.
	Awaits string
	Hunks  []Hunk
}

// Hunk replaces one place in a source file. The old text tells the place: it
// must stand there exactly once.
type Hunk struct {
	File     string // from the root of the module
	Old, New string
}

const (
	markFile = "--- "
	markOld  = "<<<<"
	markNew  = "===="
	markEnd  = ">>>>"
)

// ParsePatch reads a file of the catalogue.
func ParsePatch(text string) (Patch, error) {
	var p Patch
	r := patchReader{lines: bufio.NewScanner(strings.NewReader(text))}
	err := r.read(&p)
	switch {
	case err != nil:
		return p, fmt.Errorf("patch %s, line %d: %w", p.ID, r.line, err)
	case p.ID == "" || p.Title == "" || p.Breaks == "":
		return p, fmt.Errorf("patch %q has no id, no title, or does not say what it breaks", p.ID)
	case (p.Awaits == "") != (len(p.Hunks) > 0):
		return p, fmt.Errorf("patch %s has neither hunks nor a feature that it awaits, or both", p.ID)
	}
	return p, nil
}

type patchReader struct {
	lines *bufio.Scanner
	line  int
	file  string
}

func (r *patchReader) next() (string, bool) {
	r.line++
	ok := r.lines.Scan()
	return r.lines.Text(), ok
}

func (r *patchReader) read(p *Patch) error {
	for {
		l, ok := r.next()
		if !ok {
			return nil
		}
		switch {
		case strings.TrimSpace(l) == "":
		case strings.HasPrefix(l, markFile):
			r.file = path.Clean(strings.TrimPrefix(l, markFile))
		case l == markOld:
			if err := r.hunk(p); err != nil {
				return err
			}
		default:
			if err := p.header(l); err != nil {
				return err
			}
		}
	}
}

func (p *Patch) header(l string) error {
	name, value, ok := strings.Cut(l, ":")
	value = strings.TrimSpace(value)
	if !ok || len(p.Hunks) > 0 {
		return fmt.Errorf("%q is no line of a header", l)
	}
	switch name {
	case "id":
		p.ID = value
	case "title":
		p.Title = value
	case "breaks":
		p.Breaks = value
	case "judges":
		p.Judges = strings.Fields(value)
		for _, j := range p.Judges {
			if !slices.Contains(judgeNames(), j) {
				return fmt.Errorf("there is no judge %q", j)
			}
		}
	case "match":
		p.Match = value
	case "awaits":
		p.Awaits = value
	default:
		return fmt.Errorf("unknown field %q", name)
	}
	return nil
}

func (r *patchReader) hunk(p *Patch) error {
	if r.file == "" {
		return fmt.Errorf("no file is named")
	}
	old, err := r.until(markNew)
	if err != nil {
		return err
	}
	text, err := r.until(markEnd)
	if err != nil {
		return err
	}
	if strings.TrimSpace(old) == "" || old == text {
		return fmt.Errorf("the hunk finds or changes nothing")
	}
	p.Hunks = append(p.Hunks, Hunk{File: r.file, Old: old, New: text})
	return nil
}

func (r *patchReader) until(mark string) (string, error) {
	var b strings.Builder
	for {
		l, ok := r.next()
		if !ok {
			return "", fmt.Errorf("no line %s", mark)
		}
		if l == mark {
			return b.String(), nil
		}
		b.WriteString(l)
		b.WriteByte('\n')
	}
}

// apply changes the sources, which map a file to its text.
func (h Hunk) apply(source string) (string, error) {
	switch n := strings.Count(source, h.Old); n {
	case 1:
		return strings.Replace(source, h.Old, h.New, 1), nil
	case 0:
		return "", fmt.Errorf("%s no longer has the text that is to be replaced:\n%s", h.File, h.Old)
	default:
		return "", fmt.Errorf("%s has the text that is to be replaced %d times:\n%s", h.File, n, h.Old)
	}
}
