package quiver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// A full restore that is run again into a folder with a file that no restore writes
// refuses it, and has removed nothing: what stands there may be all that is left.
func TestRestoreRunAgainOverWhatItDoesNotWrite(t *testing.T) {
	s := newBackupScene(t)
	must(t, restoreTo(s.disk, "/copy", "/full"))
	for _, name := range []string{"/copy/quiver-restore", "/copy/notes.txt"} {
		must(t, vfs.WriteNew(s.disk, name, nil, true))
	}
	before := s.disk.List()
	require.ErrorIs(t, restoreTo(s.disk, "/copy", "/full"), quiver.ErrExists)
	require.Equal(t, before, s.disk.List())

	must(t, s.disk.Remove("/copy/notes.txt"))
	must(t, restoreTo(s.disk, "/copy", "/full"))
	mustHoldClosed(t, s.disk, "/copy", s.full, "restored again")
}
