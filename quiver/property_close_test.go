package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// TestCloseWhileOthersWork: every call returns what it did, or that the handle
// is closed; the first is there after opening again, the second is not.
func TestCloseWhileOthersWork(t *testing.T) {
	for round := range rounds(60) {
		rng := rand.New(rand.NewPCG(uint64(round), 5))
		o := concurrentOptions(rng, unevenDisk(uint64(round)))
		db := openFresh(t, o, dbDir, 1+rng.IntN(8))
		done := make(chan model.State)
		after := int64(rng.IntN(400))
		go func() { done <- workUntilClosed(t, db, after) }()
		var want model.State
		select {
		case want = <-done:
		case <-time.After(time.Minute):
			t.Fatalf("round %d: somebody waits for ever", round)
		}
		disk := o.FS.(interface {
			Handles() int
			Locks() int
		})
		assert.Zero(t, disk.Handles()+disk.Locks(), "files and locks held after Close")
		db, err := quiver.Open(dbDir, &o)
		require.NoError(t, err)
		require.False(t, db.Recovery().Unclean)
		content, err := scanAll(db, quiver.ScanOptions{})
		require.NoError(t, err)
		require.Empty(t, model.Diff(content, want), "round %d", round)
		mustCheck(t, db, true)
		require.NoError(t, db.Close())
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

// workUntilClosed lets goroutines make all kinds of calls, closes after so many,
// and gives what was written.
func workUntilClosed(t *testing.T, db *quiver.DB, after int64) model.State {
	var calls, closes atomic.Int64
	var mu sync.Mutex
	want := model.State{}
	var wg sync.WaitGroup
	for client := range 4 {
		wg.Go(func() {
			own := writeUntilClosed(t, db, client, &calls)
			mu.Lock()
			defer mu.Unlock()
			for k, v := range own {
				want[k] = v
			}
		})
	}
	for client := range 3 {
		wg.Go(func() { lookUntilClosed(t, db, client, &calls) })
	}
	for range 2 {
		wg.Go(func() {
			for calls.Load() < after {
				time.Sleep(10 * time.Microsecond)
			}
			if err := db.Close(); err == nil {
				closes.Add(1)
			} else {
				assert.ErrorIs(t, err, quiver.ErrClosed)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, closes.Load(), "Close has succeeded once")
	return want
}

// writeUntilClosed gives what the calls that returned nil have written.
func writeUntilClosed(t *testing.T, db *quiver.DB, client int, calls *atomic.Int64) model.State {
	rng := rand.New(rand.NewPCG(uint64(client), 6))
	own := model.State{}
	for i := 0; ; i++ {
		o := model.Op{Kind: model.Put, Key: fmt.Sprintf("%d/%d", client, rng.IntN(20)), Value: tag(client, i, rng)}
		noSync := false
		switch rng.IntN(8) {
		case 0:
			o.Kind, o.Value = model.Delete, ""
		case 1:
			o.Kind, o.Value = model.Append, "+"
		case 2:
			o = model.Op{Kind: model.DeletePrefix, Key: fmt.Sprintf("%d/1", client)}
		case 3, 4:
			noSync = rng.IntN(2) == 0
			o = model.Op{Kind: model.Batch, Changes: []model.Change{{Key: o.Key, Value: o.Value}, {Key: fmt.Sprintf("%d/b", client), Value: o.Value}}}
		}
		_, err := clientCall{o, noSync}.make(db)
		calls.Add(1)
		if err != nil {
			assert.ErrorIs(t, err, quiver.ErrClosed, "%v", o)
			return own
		}
		own, _ = model.Apply(own, o)
	}
}

// lookUntilClosed makes the calls that change no pair.
func lookUntilClosed(t *testing.T, db *quiver.DB, client int, calls *atomic.Int64) {
	rng := rand.New(rand.NewPCG(uint64(client), 7))
	ctx := context.Background()
	looks := map[int]func() error{
		0: func() error { _, _, err := db.Get([]byte("0/1")); return err },
		1: func() error { _, err := db.Has([]byte("1/2")); return err },
		2: func() error { _, err := db.ScanAll(); return err },
		3: func() error { _, err := scanAll(db, quiver.ScanOptions{Sorted: true}); return err },
		4: func() error { _, err := db.Stats(); return err },
		5: func() error { r, err := db.Check(ctx, quiver.CheckOptions{}); assert.Empty(t, r.Findings); return err },
		6: func() error { _, err := db.Recount(ctx, nil); return err },
		7: func() error { _, err := db.Usage(ctx, nil); return err },
		8: db.Checkpoint,
		9: db.Sync,
	}
	for {
		n := rng.IntN(len(looks))
		err := looks[n]()
		calls.Add(1)
		if err != nil && !errors.Is(err, quiver.ErrRecounting) {
			assert.ErrorIs(t, err, quiver.ErrClosed, "call %d", n)
			return
		}
	}
}
