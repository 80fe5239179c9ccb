package folder

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// fixedClock makes runs repeat themselves; process is the number in the names of
// snapshots.
type fixedClock struct{ process int }

func (fixedClock) Now() time.Time      { return time.Unix(1_760_000_000, 0) }
func (fixedClock) Sleep(time.Duration) {}
func (c fixedClock) ProcessID() int    { return c.process }

// maxSnapshots is how many snapshots of a folder are read.
const maxSnapshots = 4

// kept is what one handle answers about a snapshot of the registry.
type kept struct {
	ended bool
	pairs map[string][]byte
	err   error // why there are none, or not all
}

// lookSnapshots reads all snapshots that the registry names.
func (r *Recipe) lookSnapshots(db *quiver.DB, v *view) error {
	infos, err := db.Snapshots()
	if v.registryErr = err; err != nil {
		return r.typed(err)
	}
	if len(infos) == 0 {
		return nil
	}
	v.kept = map[string]*kept{}
	for _, info := range infos[:min(len(infos), maxSnapshots)] {
		k := &kept{ended: info.Ended, pairs: map[string][]byte{}}
		v.kept[info.ID] = k
		if k.err = k.read(db, info.ID); k.err != nil {
			if err := r.typed(k.err); err != nil && !errors.Is(k.err, quiver.ErrSnapshotGone) {
				return fmt.Errorf("snapshot %s: %w", info.ID, err)
			}
		}
	}
	return nil
}

func (k *kept) read(db *quiver.DB, id string) error {
	sn, err := db.OpenSnapshot(id)
	if err != nil {
		return err
	}
	for item, e := range sn.Scan(quiver.ScanOptions{}) {
		if err = e; err != nil {
			break
		}
		k.pairs[string(item.Key)] = item.Value
	}
	return errors.Join(err, sn.Close())
}

// ofSnapshots reports whether an open was refused for the files of snapshots, which
// only a writer needs to open a database.
func ofSnapshots(opened error) bool {
	var ce *quiver.CorruptionError
	return errors.As(opened, &ce) && (strings.HasPrefix(ce.Path, root+"/"+snapshotsName) || strings.HasPrefix(ce.Path, root+"/"+snapStoreName))
}

// snapshotsFail reports whether a handle could not read its snapshots.
func (v *view) snapshotsFail() bool {
	for _, k := range v.kept {
		if k.err != nil {
			return true
		}
	}
	return v.registryErr != nil
}

// rightSnapshots compares the snapshots with what the scene's held: what one
// answers without an error is all that it held, or, where much was changed, what
// once was right. Check reads what was frozen, and none of the pages that nothing but
// a snapshot leads to: it may find nothing where a snapshot cannot be read.
func (r *Recipe) rightSnapshots(v *view) error {
	for id, k := range v.kept {
		if r.Plain {
			if err := r.had(k.pairs); err != nil {
				return fmt.Errorf("snapshot %s: %w", id, err)
			}
		}
		want := r.Scene.Kept[id]
		// Without index.bin all images of store.bin are looked for. One that names others
		// is believed as far as the last of them, and what it does not name is refused.
		_, index := r.Files[snapStoreName+"/index.bin"]
		if r.Single && want != nil && k.err != nil && r.Last == snapStoreName+"/index.bin" && !index {
			return fmt.Errorf("snapshot %s fails without an index of the SnapStore: %w", id, k.err)
		}
		if k.err != nil || want == nil || !r.Single {
			continue
		}
		if d := diff(want, k.pairs); d != "" {
			return fmt.Errorf("snapshot %s: %s", id, d)
		}
	}
	return nil
}

// compareSnapshots lets the judge read the snapshots of a folder in which neither
// finds anything wrong.
func (r *Recipe) compareSnapshots(j *judge.View, v *view) error {
	if len(v.kept) == 0 {
		return nil
	}
	s, err := judge.ReadSnapshots(root, j, func(path string) ([]byte, error) {
		return r.Files[path[len(root)+1:]], nil
	})
	if err != nil || len(s.Faults) > 0 {
		return err
	}
	for _, e := range s.Entries {
		k := v.kept[e.ID]
		// The judge reads no page out of the SnapStore, where one without frames has
		// them, and of one that has ended the live pages may be newer.
		if k == nil || e.Ended || len(r.Files[snapshotsName+"/"+e.ID+"/freeze.bin"]) == 0 {
			continue
		}
		// Nor does it read hashindex.bin, which nothing ties to its snapshot.
		if hashes := snapshotsName + "/" + e.ID + "/hashindex.bin"; !bytes.Equal(r.Files[hashes], r.Scene.Files[hashes]) {
			continue
		}
		pairs, faults, err := s.Pairs(e)
		if err != nil {
			return err
		}
		if pairs == nil && k.err == nil {
			return fmt.Errorf("snapshot %s: the engine reads it, the judge: %s", e.ID, faults[0])
		}
		if len(faults) > 0 {
			continue
		}
		want := make(map[string][]byte, len(pairs))
		for key, value := range pairs {
			want[key] = []byte(value)
		}
		if k.err != nil {
			if r.Plain {
				return fmt.Errorf("snapshot %s: the judge reads %d pairs, the engine says %w", e.ID, len(pairs), k.err)
			}
			continue
		}
		if d := diff(want, k.pairs); d != "" {
			return fmt.Errorf("snapshot %s: %s", e.ID, d)
		}
	}
	return nil
}

// keptOn compares the snapshots of a folder that has been written to and opened
// again with what they held before.
func keptOn(before, after *view) error {
	for _, id := range slices.Sorted(maps.Keys(before.kept)) {
		k, again := before.kept[id], after.kept[id]
		if k.ended || k.err != nil {
			continue
		}
		switch {
		case again == nil:
			return fmt.Errorf("snapshot %s is gone", id)
		case again.err != nil:
			return fmt.Errorf("snapshot %s could be read, and now: %w", id, again.err)
		}
		if d := diff(k.pairs, again.pairs); d != "" {
			return fmt.Errorf("snapshot %s: %s", id, d)
		}
	}
	return nil
}

// snapOn begins a snapshot, writes, and looks whether it holds what was there; then
// it takes one that was there away. removed is the one, "" if none was.
func (r *Recipe) snapOn(db *quiver.DB, v *view, want map[string][]byte, step func(string, error) (bool, error), write func() error) (removed string, broken error) {
	before := maps.Clone(want)
	sn, err := db.Snapshot()
	begun, broken := step("snapshot", err)
	if broken != nil {
		return "", broken
	}
	if err := write(); err != nil {
		return "", err
	}
	if begun {
		k := kept{pairs: map[string][]byte{}}
		k.err = k.read(db, sn.ID())
		if _, broken = step("read snapshot", k.err); broken != nil {
			return "", broken
		}
		if d := diff(before, k.pairs); v.sound() && d != "" {
			return "", fmt.Errorf("a new snapshot: %s", d)
		}
		if _, broken = step("close snapshot", sn.Close()); broken != nil {
			return "", broken
		}
	}
	if ids := slices.Sorted(maps.Keys(v.kept)); len(ids) > 0 {
		done, broken := step("remove snapshot", db.RemoveSnapshot(ids[0]))
		if broken != nil {
			return "", broken
		}
		if done {
			removed = ids[0]
		}
	}
	_, err = db.CompactSnapStore()
	_, broken = step("compact", err)
	return removed, broken
}

// had checks that every value is one that its key had once.
func (r *Recipe) had(pairs map[string][]byte) error {
	for key, value := range pairs {
		if !slices.ContainsFunc(r.Scene.Ever[key], func(old []byte) bool { return bytes.Equal(old, value) }) {
			return fmt.Errorf("key %q has the value %.40q, which it never had", key, value)
		}
	}
	return nil
}
