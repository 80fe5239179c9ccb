package ci

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A rule reads one file and tells what is wrong with it, a finding a string
// that begins with the place.
type rule struct {
	name  string
	check func(source) []string
}

func houseRules() []rule {
	return []rule{
		{"imports go one way", checkImports},
		{"the engine reaches the system through vfs only", checkEngine},
		{"functions are short", checkFunctionLength},
		{"files are short", checkFileLength},
		{"nothing is left unfinished", checkWords},
	}
}

func TestHouseRules(t *testing.T) {
	sources := loadSources(t)
	require.Greater(t, len(sources), 10, "the sources are not where this test looks for them")
	for _, r := range houseRules() {
		t.Run(r.name, func(t *testing.T) {
			for _, s := range sources {
				for _, finding := range r.check(s) {
					assert.Fail(t, finding)
				}
			}
		})
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	for _, dir := range undocumented(loadSources(t)) {
		assert.Fail(t, dir+": no package comment stands directly above a package clause, so go doc is empty")
	}
}

// ruleCase is a sample and how many findings a rule must have in it.
type ruleCase struct {
	name string
	path string
	text string
	want int
}

func tryRule(t *testing.T, check func(source) []string, cases []ruleCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := check(sample(t, c.path, c.text))
			assert.Len(t, got, c.want, "findings: %q", got)
		})
	}
}
