package torture

import (
	"strconv"
	"strings"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// heldSnapshot is a snapshot and what it has to show for its whole life.
type heldSnapshot struct {
	s    *quiver.Snapshot
	want model.State
}

func (r *run) snapshot() error {
	s, err := r.db.Snapshot()
	if err != nil {
		return err
	}
	r.snaps = append(r.snaps, heldSnapshot{s, r.line.states[r.line.top]})
	// It has made durable what had no sync of its own.
	r.line.ackBorn(r.disk.Seq())
	return nil
}

func (r *run) endSnapshot() error {
	if len(r.snaps) == 0 {
		return nil
	}
	s := r.snaps[0].s
	r.snaps = r.snaps[1:]
	return s.Close()
}

// lookBack reads the snapshots. Where errors are injected, one that cannot be
// read may say so.
func (r *run) lookBack() {
	for _, h := range r.snaps {
		got, err := content(h.s, r.keys)
		switch {
		case err != nil:
			_ = r.reading(err)
		case !model.Equal(got, h.want):
			r.flaw("I12 snapshot", "after %v: %s", r.steps[len(r.steps)-1].op, model.Diff(got, h.want))
		}
	}
}

// neutral takes the number of this process out of the names of snapshots' files:
// a run must make the same calls everywhere.
func neutral(path string) string {
	before, name, ok := strings.Cut(path, "/.snapshots/")
	if !ok {
		return path
	}
	rest, ok := strings.CutPrefix(name, strconv.Itoa(vfs.ProcessID())+"-")
	if !ok {
		return path
	}
	return before + temporaryFolder + rest
}
