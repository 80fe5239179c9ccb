package quiver_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// waitCtx calls a function each time that somebody is about to wait for its end.
type waitCtx struct {
	context.Context
	waits func()
}

func (c *waitCtx) Done() <-chan struct{} {
	c.waits()
	return c.Context.Done()
}

// heldRecount is a recount that stands still at its start and frees nothing.
type heldRecount struct {
	held sync.WaitGroup
	goOn chan struct{}
	done chan error
}

var errHeld = errors.New("held and ended")

func holdRecount(db *quiver.DB) *heldRecount {
	h := &heldRecount{goOn: make(chan struct{}), done: make(chan error, 1)}
	ctx, cancel := context.WithCancelCause(context.Background())
	h.held.Add(1)
	var once sync.Once
	go func() {
		_, err := db.Recount(ctx, func(quiver.Progress) {
			once.Do(func() {
				h.held.Done()
				<-h.goOn
				cancel(errHeld)
			})
		})
		h.done <- err
	}()
	h.held.Wait()
	return h
}

func (h *heldRecount) end() error {
	close(h.goOn)
	return <-h.done
}

// A repair waits for each recount that runs when it wants to begin its own, which
// then frees what those have not.
func TestRepairWaitsForRecounts(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1, NoRecount: true}
	db := openFresh(t, o, "/db", 2)
	want := pairs{}
	mustPut(t, db, want, "long", blob("long", 20000))
	mustPut(t, db, want, "long", "short now: the old pages are free, and a kill makes orphans of them")
	o.FS = disk.State().Kill()
	must(t, db.Close())
	db = mustOpen(t, "/db", o)
	orphans := mustCheckOrphans(t, db)
	require.Positive(t, orphans)

	const recounts = 3
	running, waits := holdRecount(db), 0
	ctx := &waitCtx{Context: t.Context()}
	ctx.waits = func() {
		if running == nil {
			return
		}
		require.ErrorIs(t, running.end(), errHeld)
		running = nil
		if waits++; waits < recounts {
			running = holdRecount(db) // before the repair has begun its own
		}
	}
	r, err := db.Repair(ctx, quiver.RepairOptions{})
	must(t, err)
	require.Equal(t, recounts, waits)
	require.EqualValues(t, orphans, r.FreedPages)
	mustHold(t, db, want)
	mustCheck(t, db, true)
	must(t, db.Close())
}

// A repair that waits for a recount can be ended.
func TestRepairThatWaitsCanBeEnded(t *testing.T) {
	db := openFresh(t, quiver.Options{FS: faultfs.New(faultfs.Options{NoReads: true}), Inline: true, LockWait: -1}, "/db", 2)
	must(t, db.Put([]byte("key"), []byte("v")))
	running := holdRecount(db)
	cause := errors.New("enough")
	inner, cancel := context.WithCancelCause(t.Context())
	ctx := &waitCtx{inner, func() { cancel(cause) }}
	_, err := db.Repair(ctx, quiver.RepairOptions{})
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, running.end(), errHeld)
	must(t, db.Close())
}

func mustCheckOrphans(t *testing.T, db *quiver.DB) int64 {
	t.Helper()
	r, err := db.Check(t.Context(), quiver.CheckOptions{})
	must(t, err)
	return r.OrphanPages
}
