package torture

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestScenesAreSound: without any harm every scene answers right, so that what is
// not right later comes from the harm; and the scenes of snapshots hold their files.
func TestScenesAreSound(t *testing.T) {
	var b bases
	for _, name := range silentScenes() {
		s, err := b.scene(name)
		require.NoError(t, err, name)
		if name != backupScene {
			for _, readOnly := range []bool{true, false} {
				j := &judge{s: s, disk: s.disk.Snapshot(), readOnly: readOnly}
				a, err := j.guarded()
				assert.NoError(t, err, "%s, read-only %v", name, readOnly)
				assert.Equal(t, allRight, a, "%s, read-only %v", name, readOnly)
			}
		}
		if !strings.HasPrefix(name, "kept") {
			continue
		}
		files := strings.Join(s.disk.List(), "\n")
		want := []string{"/registry.json", "/freeze.bin", "/index.bin"}
		if strings.Contains(name, "dedup") {
			want = append(want, "/.snapstore/store.bin", "/hashindex.bin")
		}
		for _, file := range want {
			assert.Contains(t, files, file, name)
		}
	}
}
