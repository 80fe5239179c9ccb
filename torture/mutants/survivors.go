package mutants

import (
	_ "embed"
	"strings"
)

//go:embed SURVIVORS.md
var survivors string

// justified is the paragraph of SURVIVORS.md about an operator, "" if there is
// none. Its heading is the operator without line numbers.
func justified(o Operator) string { return paragraph(o.Key()) }

// headings are the operators of which SURVIVORS.md speaks.
func headings() []string {
	var list []string
	for line := range strings.Lines(survivors) {
		if key, ok := strings.CutPrefix(line, "## "); ok {
			list = append(list, strings.TrimSpace(key))
		}
	}
	return list
}

// Key is the operator without line numbers.
func (o Operator) Key() string {
	if o.Swap {
		return "swap " + o.Site.Key()
	}
	return "lie " + o.Site.Key()
}

// paragraph finds the text under the heading "## key", or under one of several
// such headings that stand together.
func paragraph(key string) string {
	_, rest, ok := strings.Cut("\n"+survivors, "\n## "+key+"\n")
	if !ok {
		return ""
	}
	var text []string
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "## ") {
			if len(text) > 0 {
				break
			}
			continue
		}
		if line != "" {
			text = append(text, line)
		}
	}
	return strings.Join(text, " ")
}
