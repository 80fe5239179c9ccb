package mutants

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJudgeOf(t *testing.T) {
	const w = "v1;b3,c2,w24,k8,r2,n12,s4096,f0,l0|fresh|put(a=900);"
	for _, c := range []struct{ rule, token, judge string }{
		{"static R1 sync before ack", w + ";", JudgeRules},
		{"I3 no hole", w + ";crash 3 0", JudgeCrashes},
		{"I3 no hole", w + "write/*#1:EIO;crash 3 0", JudgeErrors},
		{"I4 honest", w + ";", JudgeModel},
		{"I7 raw", w + ";crash 3 0", JudgeRaw},
		{"I7 structure", w + ";crash 3 0", JudgeCheck},
		{"I16 no panic", w + ";", JudgePanic},
		{"I16 honest", "silent1;scene;bit /db/meta;", JudgeSilent},
		{"I15 linearizable", "history1;7", JudgeLinear},
		{"I21 progress", "", JudgeProgress},
	} {
		assert.Equal(t, c.judge, JudgeOf(c.rule, c.token), "%s %s", c.rule, c.token)
	}
}

// TestLikeForgetsDetails: the same mistake has other keys and numbers in each case.
func TestLikeForgetsDetails(t *testing.T) {
	a := Like("I17 surfaced", "no call told of the failed 314 sync /db/wal => sync: error {sync/wal#1:EIO}")
	b := Like("I17 surfaced", "no call told of the failed 27 sync /db/wal => sync: error {sync/wal#3+:EIO}\nmore")
	assert.Equal(t, a, b)
	assert.NotEqual(t, a, Like("I17 surfaced", "no call told of the failed 27 rename /db/wal => sync: error {}"))
}

func TestParsePatch(t *testing.T) {
	const head = "id: M99\ntitle: t\nbreaks: R1\njudges: rules\n"
	const hunk = "--- a/b.go\n<<<<\nold\n====\nnew\n>>>>\n"
	p, err := ParsePatch(head + hunk)
	require.NoError(t, err)
	assert.Equal(t, []Hunk{{File: "a/b.go", Old: "old\n", New: "new\n"}}, p.Hunks)
	for name, text := range map[string]string{
		"no hunk":            head,
		"no title":           "id: M99\nbreaks: R1\n" + hunk,
		"unknown judge":      strings.Replace(head, "rules", "dice", 1) + hunk,
		"unknown field":      "colour: red\n" + head + hunk,
		"no file":            head + strings.TrimPrefix(hunk, "--- a/b.go\n"),
		"changes nothing":    head + strings.Replace(hunk, "new", "old", 1),
		"no end":             head + strings.TrimSuffix(hunk, ">>>>\n"),
		"awaits and is here": "awaits: backup\n" + head + hunk,
	} {
		_, err := ParsePatch(text)
		assert.Error(t, err, name)
	}
}

func TestHunkStandsOnce(t *testing.T) {
	h := Hunk{File: "a.go", Old: "x\n", New: "y\n"}
	got, err := h.apply("a\nx\nb\n")
	require.NoError(t, err)
	assert.Equal(t, "a\ny\nb\n", got)
	for _, source := range []string{"a\nb\n", "x\nx\n"} {
		_, err := h.apply(source)
		assert.Error(t, err, source)
	}
}

func TestTable(t *testing.T) {
	tab := Table{Rows: []Row{
		{ID: "M01", Found: []Finding{{Judge: JudgeRules}, {Judge: JudgeCrashes}}},
		{ID: "M65", Awaits: "backup"},
		{ID: "auto lie", Auto: true, Justified: "nobody can tell"},
	}}
	assert.True(t, tab.Passed())
	assert.Equal(t, 1, tab.Twice(false))
	assert.Equal(t, 1, tab.Count("justified", true))
	var b strings.Builder
	require.NoError(t, tab.Write(&b))
	assert.Contains(t, b.String(), "catalogue: 1 run, 1 killed (1 by two judges), 0 justified, 0 stale, 0 survived, 0 errors, 1 await a feature")
	stale := Row{ID: "auto swap", Auto: true, Justified: "nobody can tell", Found: []Finding{{Judge: JudgeErrors}}}
	assert.False(t, Table{Rows: []Row{stale}}.Passed(), "what was noticed has no excuse")
	tab.Rows = append(tab.Rows, Row{ID: "M02"})
	assert.False(t, tab.Passed())
	assert.False(t, Table{}.Passed(), "an exam of nobody proves nothing")
}

// TestParagraph: several headings share the text below the last of them.
func TestParagraph(t *testing.T) {
	assert.Empty(t, paragraph("lie sync nobody"))
	first := paragraph("lie sync pager.makeSegment<pager.makeFiles")
	assert.Contains(t, first, "The file is empty.")
	assert.NotContains(t, first, "last_lsn", "that is of the next heading")
	assert.Equal(t, first, paragraph("swap sync pager.makeSegment<pager.makeFiles"))
}
