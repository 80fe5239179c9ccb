package mutants

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUnmet: what a run has come by is met, by any frame of its place, and nothing else.
func TestUnmet(t *testing.T) {
	root, err := FindRoot()
	require.NoError(t, err)
	keys := func(list []Site) map[string]int {
		rows, err := unmet(root, list)
		require.NoError(t, err)
		n := map[string]int{}
		for _, r := range rows {
			n[r.Title]++
		}
		return n
	}
	all := keys(nil)
	assert.Greater(t, len(all), 20, "functions of the engine that sync")
	assert.Contains(t, all, "unmet pager.replaceOnce")
	assert.NotContains(t, all, "unmet quiver.Sync", "that is no call to the disk")
	some := keys(sites(t))
	assert.NotContains(t, some, "unmet pager.replaceOnce")
	assert.Contains(t, some, "unmet backup.Finish", "the session makes no backup")
}

// TestHeadings: a heading of SURVIVORS.md that speaks of nobody is told.
func TestHeadings(t *testing.T) {
	list := unused(nil, nil)
	require.Len(t, list, len(headings()))
	assert.Equal(t, "error", list[0].State())
	key := headings()[0]
	for _, r := range unused([]Row{{Title: key}}, nil) {
		assert.NotEqual(t, key, r.Title)
	}
}

// TestNumber: sites that differ in their lines alone have numbers, in that order.
func TestNumber(t *testing.T) {
	list := []Site{{Kind: "sync", Place: "a.f:20<b.g:9"}, {Kind: "sync", Place: "a.f:3<b.g:10"}, {Kind: "sync", Place: "a.h:1"}}
	number(list)
	assert.Equal(t, "sync a.f<b.g #1", list[0].Key())
	assert.Equal(t, "sync a.f<b.g #2", list[1].Key())
	assert.Equal(t, "sync a.h", list[2].Key())
}
