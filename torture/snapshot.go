package torture

import (
	"errors"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// heldSnapshot is a snapshot of this process and what it has to show for its
// whole life.
type heldSnapshot struct {
	s    *quiver.Snapshot
	want model.State
}

func (r *run) snapshot() error {
	e := &lasting{want: r.line.states[r.line.top], begin: moment{r.disk.Seq(), never}, end: notYet, remove: notYet}
	keep := r.w.Knobs.Keep != keepNone
	if keep {
		r.ledger.snaps = append(r.ledger.snaps, e)
	}
	s, err := r.db.Snapshot()
	if err != nil {
		return err
	}
	// It has made durable what had no sync of its own.
	r.line.ackBorn(r.disk.Seq())
	if !keep {
		r.snaps = append(r.snaps, heldSnapshot{s, e.want})
		return nil
	}
	e.id, e.lsn, e.begin.done = s.ID(), s.LSN(), r.disk.Seq()
	return s.Close()
}

func (r *run) endSnapshot() error {
	if r.w.Knobs.Keep == keepNone {
		if len(r.snaps) == 0 {
			return nil
		}
		s := r.snaps[0].s
		r.snaps = r.snaps[1:]
		return s.Close()
	}
	for _, e := range r.ledger.snaps {
		if e.id != "" && e.end.done == never && e.remove.begun == never {
			return r.during(&e.end, func() error { return r.db.EndSnapshot(e.id) })
		}
	}
	return nil
}

func (r *run) removeSnapshot() error {
	for _, e := range r.ledger.snaps {
		if e.id != "" && e.remove.done == never {
			return r.during(&e.remove, func() error {
				err := r.db.RemoveSnapshot(e.id)
				if errors.Is(err, quiver.ErrNoSnapshot) && e.remove.begun != never {
					return nil // an attempt that had failed has removed it
				}
				return err
			})
		}
	}
	return nil
}

// during notes when something was begun first, and when it had returned well.
func (r *run) during(m *moment, do func() error) error {
	first := m.begun == never
	begun := r.disk.Seq()
	err := do()
	if first {
		m.begun = begun
	}
	if err == nil {
		m.done = r.disk.Seq()
	}
	return err
}

// openSnapshots reads all that outlive their process.
func (r *run) openSnapshots() error {
	list, err := readLasting(r.db, r.keys, r.keys)
	if err != nil {
		return err
	}
	if r.unlisted() {
		return nil
	}
	if f := r.ledger.snapshots(list, r.now()); f != nil {
		r.flaws = append(r.flaws, *f)
	}
	for _, e := range r.ledger.snaps {
		if e.remove.done == never {
			continue
		}
		_, err := r.db.OpenSnapshot(e.id)
		switch {
		case errors.Is(err, quiver.ErrNoSnapshot):
		case r.faults != nil && err != nil:
			return err
		default:
			r.flaw("I12 snapshot", "%s was removed, and opens with %v", e.id, err)
		}
	}
	return nil
}

// now is the window of what is there while the process lives.
func (r *run) now() window { return window{from: never, to: r.disk.Seq()} }

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
	if r.w.Knobs.Keep == keepNone {
		return
	}
	if err := r.openSnapshots(); err != nil {
		_ = r.reading(err)
	}
}

// temporary tells whether a path is of a snapshot that ends with its process: the
// next open only tidies them up.
func (r *run) temporary(p string) bool {
	folder, inside := strings.CutPrefix(clean(p), inRoot(snapshotsName)+"/")
	id, _, _ := strings.Cut(folder, "/")
	return inside && id != "" && !strings.HasPrefix(id, "registry.json") &&
		!slices.ContainsFunc(r.ledger.snaps, func(e *lasting) bool { return e.id == id || e.id == "" })
}
