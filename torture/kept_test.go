package torture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKept judges the cases again that once were violations, and every crash of their
// runs: a change of the engine moves the calls whose numbers the tokens name.
func TestKept(t *testing.T) {
	files, err := filepath.Glob("testdata/*.token")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".token"), func(t *testing.T) {
			t.Parallel()
			token := readToken(t, file)
			_, found, err := Replay(token)
			require.NoError(t, err)
			for _, v := range found {
				assert.Fail(t, v.String())
			}
			found, err = Again(PartConfig{Workers: 1}, []string{token})
			require.NoError(t, err)
			for _, v := range found {
				assert.Fail(t, v.String())
			}
		})
	}
}

// readToken reads a file of comments and one token.
func readToken(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var tokens []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			tokens = append(tokens, line)
		}
	}
	require.Len(t, tokens, 1, file)
	return tokens[0]
}
