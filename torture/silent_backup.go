package torture

import (
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// backupScene is the name of a scene without a database: a full backup and an
// incremental one are damaged, and restored.
const backupScene = "backup"

func (b *bases) backupScene() (*scene, error) {
	k := DefaultKnobs()
	k.Buckets = 2
	from, err := b.get(backedStart, k)
	if err != nil {
		return nil, err
	}
	disk := faultfs.New(faultfs.Options{NoReads: true})
	s := &scene{name: backupScene, w: Workload{Knobs: k, Start: backedStart}, values: map[string]map[string]bool{}}
	for _, backup := range from.ledger.backups {
		s.backups = append(s.backups, backup)
		s.remember(backup.want)
	}
	for _, p := range from.disk.List() {
		if !outside(p) {
			continue
		}
		data, err := from.disk.ReadFile(p)
		if err == nil {
			err = putFile(disk, p, data)
		}
		if err != nil {
			return nil, err
		}
	}
	disk.SyncAll()
	s.past, s.disk, s.keys = disk.Log(), disk.Snapshot(), s.w.keys()
	return s, nil
}

// restores restores the backups one over the other. Each is right, or refused with
// a typed error and leaves what was there; who opens what a refused one has left
// is refused too.
func (j *judge) restores() (answer, error) {
	a := allRight
	var now model.State
	for _, b := range j.s.backups {
		before := withoutLock(j.disk)
		j.disk.Inject(j.h.plan)
		_, err := restore(root, b.dir(), j.mutate.apply(quiet{j.disk}))
		j.disk.Inject(nil)
		if n := j.disk.Handles() + j.disk.Locks(); n > 0 {
			return "", fmt.Errorf("restoring %s (error: %w) left %d files or locks open", b.dir(), err, n)
		}
		if err != nil {
			a = refused
			// An incremental one that damage makes look full goes over nothing.
			if err := j.typed(err); err != nil && !(now != nil && errors.Is(err, quiver.ErrExists)) {
				return "", fmt.Errorf("I14 restoring %s: %w", b.dir(), err)
			}
			if now != nil && len(j.h.plan) == 0 && withoutLock(j.disk) != before {
				return "", fmt.Errorf("I14 restoring %s is refused (%w) and has changed the database", b.dir(), err)
			}
		} else {
			now = b.want
		}
		if err := j.holds(now, err != nil); err != nil {
			return "", fmt.Errorf("I14 after restoring %s: %w", b.dir(), err)
		}
	}
	last := j.s.backups[len(j.s.backups)-1]
	if _, err := restore("alone", last.dir(), j.mutate.apply(quiet{j.disk})); err == nil {
		return "", fmt.Errorf("I14 %s is restored without the one that it goes over", last.dir())
	}
	return a, nil
}

// holds looks for a state in the database, nil for none. half says that it may be
// incomplete.
func (j *judge) holds(want model.State, half bool) error {
	db, err := quiver.OpenReadOnly(root, j.s.options(quiet{j.disk}))
	if err != nil {
		if _, ok := refusal(err); ok && (want == nil || half && len(j.h.plan) > 0) {
			return nil
		}
		return err
	}
	got, err := content(db, j.s.keys)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if want == nil {
		return errors.New("there is a database")
	}
	if d := model.Diff(got, want); d != "" {
		return errors.New(d)
	}
	return nil
}
