package torture

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// shown is a persisted snapshot as a handle shows it.
type shown struct {
	id    string
	lsn   uint64
	ended bool
	got   model.State
	// gone are keys that cannot be read any more: those of one that has ended may
	// say so. all says so of the whole snapshot.
	gone map[string]bool
	all  bool
}

// differs compares what could be read with the state that the snapshot is of.
func (s shown) differs(want model.State) string {
	if s.all {
		return ""
	}
	expect := maps.Clone(want)
	for k := range s.gone {
		delete(expect, k)
	}
	return model.Diff(s.got, expect)
}

// readLasting reads all persisted snapshots by their IDs, with scans. gets are
// keys that are read alone too, keys are all that may be there.
func readLasting(db *quiver.DB, gets, keys []string) ([]shown, error) {
	infos, err := db.Snapshots()
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	var list []shown
	for _, in := range infos {
		s := shown{id: in.ID, lsn: in.LSN, ended: in.Ended}
		if err := s.read(db, gets, keys); err != nil {
			return nil, fmt.Errorf("snapshot %s (ended %v): %w", in.ID, in.Ended, err)
		}
		list = append(list, s)
	}
	return list, nil
}

func (s *shown) read(db *quiver.DB, gets, keys []string) error {
	sn, err := db.OpenSnapshot(s.id)
	switch {
	case s.ended && errors.Is(err, quiver.ErrSnapshotGone):
		s.all = true
		return nil
	case err != nil:
		return err
	case sn.LSN() != s.lsn || sn.ID() != s.id:
		err = fmt.Errorf("it opens as %s of LSN %d, the list says %d", sn.ID(), sn.LSN(), s.lsn)
	default:
		if s.got, err = content(sn, gets); s.ended && errors.Is(err, quiver.ErrSnapshotGone) {
			err = s.readWhatIsLeft(sn, keys)
		}
	}
	return errors.Join(err, sn.Close())
}

// readWhatIsLeft reads key by key, the one included that no workload names.
func (s *shown) readWhatIsLeft(sn *quiver.Snapshot, keys []string) error {
	s.got, s.gone = model.State{}, map[string]bool{}
	for _, k := range slices.Concat(keys, []string{lastKey}) {
		v, found, err := sn.Get([]byte(k))
		switch {
		case errors.Is(err, quiver.ErrSnapshotGone):
			s.gone[k] = true
		case err != nil:
			return fmt.Errorf("get %q: %w", k, err)
		case found:
			s.got[k] = string(v)
		}
	}
	return nil
}

// sameShown tells whether two handles show the same snapshots, apart from what is
// left of those that have ended.
func sameShown(a, b []shown) bool {
	return slices.EqualFunc(a, b, func(s, t shown) bool {
		return s.id == t.id && s.lsn == t.lsn && s.ended == t.ended && (s.ended || model.Equal(s.got, t.got))
	})
}

// stillShown compares what a handle shows now with what was shown before, of the
// same snapshots: those that have not ended show the same.
func stillShown(before, now []shown) string {
	if len(before) != len(now) {
		return fmt.Sprintf("%d snapshots are listed, there were %d", len(now), len(before))
	}
	for i, s := range now {
		switch {
		case s.id != before[i].id || s.ended != before[i].ended:
			return fmt.Sprintf("%s (ended %v) is listed, it was %s (ended %v)", s.id, s.ended, before[i].id, before[i].ended)
		case s.ended:
			for k, v := range s.got {
				if was, there := before[i].got[k]; !s.gone[k] && !before[i].gone[k] && !before[i].all && (!there || was != v) {
					return fmt.Sprintf("%s, which has ended, shows another value of %q", s.id, k)
				}
			}
		default:
			if d := model.Diff(s.got, before[i].got); d != "" {
				return s.id + ": " + d
			}
		}
	}
	return ""
}

// rawSnapshots reads the files of snapshots without the engine.
func rawSnapshots(disk *faultfs.FS, v *raw.View) (*raw.Snapshots, error) {
	return raw.ReadSnapshots(root, v, raw.ListFiles(disk.List(), disk.ReadFile))
}

// rawLasting compares the snapshots that the engine shows of a disk with what its
// bytes say, read without the engine before it was opened.
func (p *prober) rawLasting(o *outcome, kept *raw.Snapshots) {
	if len(kept.Entries) != len(o.snaps) {
		o.flaw("I7 raw", "the registry has %d snapshots, %d are listed", len(kept.Entries), len(o.snaps))
		return
	}
	for i, e := range kept.Entries {
		s := o.snaps[i]
		if e.ID != s.id || e.LSN != s.lsn || e.Ended != s.ended {
			o.flaw("I7 raw", "the registry has %+v, listed is %s of LSN %d, ended %v", e, s.id, s.lsn, s.ended)
		}
		if e.Ended {
			continue
		}
		pairs, faults, err := kept.Pairs(e)
		if err != nil {
			o.flaw("harness", "%v", err)
			return
		}
		for _, f := range faults {
			o.flaw("I7 raw", "%s", f)
		}
		if d := model.Diff(model.State(pairs), s.got); d != "" && len(faults) == 0 {
			o.flaw("I7 raw", "snapshot %s, read without the engine, holds something else: %s", e.ID, d)
		}
	}
}
