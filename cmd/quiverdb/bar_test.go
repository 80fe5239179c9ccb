package main

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bar of every phase comes to 100 %, and is taken away before the next one
// and before the result.
func TestBarsEndAtTheEnd(t *testing.T) {
	s := newDatabase(t)
	s.must("put --path DB greeting hello")
	s.bars, s.terminal = true, true
	dir := filepath.Dir(s.path)
	frame := regexp.MustCompile(`\r([a-z ]+?) +(\d+)%`)
	for _, c := range []struct {
		line   []string
		phases []string
	}{
		{[]string{"backup --path DB --out", filepath.Join(dir, "full")}, []string{"read log", "backup"}},
		{[]string{"restore --verify --from", filepath.Join(dir, "full"), "--path", filepath.Join(dir, "twin")}, []string{"restore", "recount", "check"}},
		{[]string{"check --path DB"}, []string{"read log", "check"}},
		{[]string{"repair --path DB"}, []string{"read log", "recount"}},
		{[]string{"stats --path DB"}, []string{"read log", "count"}},
	} {
		got := s.run(c.line[0], c.line[1:]...)
		require.Equal(t, exitDone, got.code, got.err)
		ended := map[string]string{}
		var phases []string
		for _, m := range frame.FindAllStringSubmatch(got.err, -1) {
			if ended[m[1]] == "" {
				phases = append(phases, m[1])
			}
			ended[m[1]] = m[2]
		}
		require.Equal(t, c.phases, phases, "%s: %q", c.line[0], got.err)
		for _, phase := range phases {
			require.Equal(t, "100", ended[phase], "%s: %q", c.line[0], got.err)
		}
		require.Regexp(t, `\r *\r$`, got.err, "the last bar stays")
	}
}
