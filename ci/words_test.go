package ci

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// The words are put together here, so that this file does not find itself.
var unfinished = regexp.MustCompile(`\b(` + strings.Join([]string{
	"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "not " + "implemented", "un" + "implemented", "for " + "now", "placeholder " + "implementation",
}, "|") + `)\b`)

func checkWords(s source) []string {
	var findings []string
	for i, line := range strings.Split(s.text, "\n") {
		if w := unfinished.FindString(line); w != "" {
			findings = append(findings, fmt.Sprintf("%s:%d: %q: finish it, or say in the changelog what is missing", s.path, i+1, w))
		}
	}
	return findings
}

func TestWordRule(t *testing.T) {
	tryRule(t, checkWords, []ruleCase{
		{"a note to oneself", "quiver/a.go", "package p\n\n// TO" + "DO: later\n", 1},
		{"two lines", "README.md", "FIX" + "ME\nand a HA" + "CK\n", 2},
		{"in a script", "ci/a.sh", "# good enough for " + "now\n", 1},
		{"inside another word", "quiver/a.go", "package p\n\nvar xTO" + "DOs, XX" + "XX int\n", 0},
		{"plain text", "README.md", "A hack is not shouted.\n", 0},
	})
}
