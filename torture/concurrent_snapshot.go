package torture

import (
	"context"

	"github.com/anishathalye/porcupine"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// snapshotShare is how seldom a client takes a snapshot between two calls.
const snapshotShare = 40

// snapshot takes a snapshot, or a backup that it restores, and reads it while the
// others go on: what it shows must be the database at one moment of the call that
// took it.
func (h *history) snapshot(db *quiver.DB, client int, tag string, backup bool) ([]porcupine.Operation, error) {
	call := h.clock.Add(1)
	var s *quiver.Snapshot
	var err error
	if backup {
		_, err = db.Backup(context.Background(), backupFolder+"/"+tag, quiver.BackupOptions{})
	} else {
		s, err = db.Snapshot()
	}
	taken := h.clock.Add(1)
	if err != nil {
		// It may have made durable what had no sync of its own.
		return []porcupine.Operation{{ClientId: client, Input: event{kind: eventSync, inDoubt: true}, Output: model.Result{}, Call: call, Return: never}}, err
	}
	var state model.State
	if backup {
		state, err = h.restored(tag)
	} else {
		state, err = content(s, nil)
		err = firstOf(err, s.Close())
	}
	if err != nil {
		// That of the crash; but it was taken.
		return []porcupine.Operation{{ClientId: client, Input: event{kind: eventSync}, Output: model.Result{}, Call: call, Return: taken}}, err
	}
	var ops []porcupine.Operation
	add := func(o model.Op, r model.Result) {
		ops = append(ops, porcupine.Operation{ClientId: client, Input: event{kind: eventSnapshot, op: o}, Output: r, Call: call, Return: taken})
	}
	if !h.draw.byKey {
		add(model.Op{Kind: model.Scan}, model.Result{Pairs: state})
		return ops, nil
	}
	for i := range h.draw.keys {
		v, found := state[drawnKey(i)]
		add(model.Op{Kind: model.Get, Key: drawnKey(i)}, model.Result{Found: found, Value: v})
	}
	return ops, nil
}

// restored is what a backup restores to.
func (h *history) restored(tag string) (model.State, error) {
	to := copyFolder + "/" + tag
	if _, err := restore(to, backupFolder+"/"+tag, h.fsys); err != nil {
		return nil, err
	}
	db, err := quiver.OpenReadOnly(to, &quiver.Options{FS: h.fsys, LockWait: -1})
	if err != nil {
		return nil, err
	}
	state, err := content(db, nil)
	return state, firstOf(err, db.Close())
}

// firstOf is the error that came first: the crash that a close met must not
// excuse what was read before.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
