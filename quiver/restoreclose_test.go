package quiver_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// Each close of a file of a backup fails once: Restore tells, the folder is no
// database, and the same restore can be run again.
func TestRestoreTellsOfAFailedClose(t *testing.T) {
	for _, c := range []struct {
		from, file string
		closes     int
	}{
		{"/full", "manifest.json", 1}, {"/full", "dir.bin", 1}, {"/full", "pages.bin", 1},
		{"/incr", "manifest.json", 1}, {"/incr", "dir.bin", 1}, {"/incr", "pages.bin", 2},
	} {
		s := newBackupScene(t)
		if c.from == "/incr" {
			must(t, restoreTo(s.disk, "/copy", "/full"))
		}
		for n := 1; n <= c.closes+1; n++ {
			disk := s.disk.Snapshot()
			gate := &gateFS{FS: disk}
			closes, when := 0, fmt.Sprintf("%s/%s, close %d", c.from, c.file, n)
			gate.ask.Store(new(func(op, path string) error {
				if op == "close" && path == c.from+"/"+c.file {
					if closes++; closes == n {
						return syscall.EIO
					}
				}
				return nil
			}))
			_, err := quiver.Restore(t.Context(), "/copy", c.from, quiver.RestoreOptions{FS: gate})
			require.Equal(t, min(n, c.closes), closes, when)
			want := s.full
			if c.from == "/incr" {
				want = s.incr
			}
			if n <= c.closes {
				require.ErrorIs(t, err, syscall.EIO, when)
				must(t, restoreTo(disk, "/copy", c.from))
			} else {
				must(t, err)
			}
			mustHoldClosed(t, disk, "/copy", want, when)
			require.Zero(t, disk.Handles()+disk.Locks(), when)
		}
	}
}
