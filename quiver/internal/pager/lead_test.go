package pager

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// noHooks is a layer above that keeps nothing.
type noHooks struct{}

func (noHooks) Undone(uint32, uint64) {}
func (noHooks) Recycled(*Page)        {}

func openEmpty(t *testing.T) *Pager {
	t.Helper()
	o := Options{FS: vfs.NewMem(), Clock: vfs.SystemClock(), Logger: slog.New(slog.DiscardHandler), Inline: true, LockWait: -1,
		LogBytes: 1 << 20, LogChunkBytes: 1 << 16, MaxBatchBytes: 1 << 20, NoSyncBytes: 1 << 20, CacheBytes: 1 << 20}
	require.NoError(t, Init("/db", InitOptions{PageSize: 4096, Buckets: 4}, o))
	p, err := Open("/db", o)
	require.NoError(t, err)
	p.Start(noHooks{})
	return p
}

// writePage is an operation that makes a page.
func writePage(t *testing.T, p *Pager, sync bool) {
	t.Helper()
	tx, err := p.Begin(sync)
	require.NoError(t, err)
	pg, data, err := tx.Alloc()
	require.NoError(t, err)
	format.InitKV(data, pg.ID)
	require.NoError(t, tx.Commit(sync))
}

// handOn is the end of a leader's turn.
func handOn(p *Pager) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if next := p.open; next.waiters > 0 {
		next.lead <- struct{}{}
	} else {
		p.leading = false
	}
}

// A snapshot flushes the group to whose waiter the leadership is on its way. The
// waiter then finds both, the end of its group and the leadership, and whichever
// it looks at first must not let the other get lost: with nobody to lead
// everybody waits for ever.
func TestLeadershipOutlivesTheGroupItWasSentTo(t *testing.T) {
	p := openEmpty(t)
	for range 50 {
		// Somebody leads, while a batch without a sync and one who waits for it come.
		p.mu.Lock()
		p.leading = true
		p.mu.Unlock()
		writePage(t, p, false)
		p.mu.Lock()
		g := p.open
		leads := p.join(g)
		p.mu.Unlock()
		require.False(t, leads)
		handOn(p)

		sn, err := p.BeginSnapshot(false, func(uint64, []uint64) (Keeper, error) { return nil, nil })
		require.NoError(t, err)
		sn.End()
		require.NoError(t, p.await(g, leads))
		require.False(t, p.leading, "the leadership is lost")
		writePage(t, p, true)
	}
	require.NoError(t, p.Close())
}
