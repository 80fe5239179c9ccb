package quiver_test

import (
	"errors"
	"syscall"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// open opens the database on the disk as it is.
func (m *machine) open(t *rapid.T) {
	db, err := quiver.Open(dbDir, m.k.on(m.disk))
	require.NoError(t, err)
	m.db = db
}

// reopen closes and opens, with other options. Nothing may be lost, not even
// what had no sync of its own.
func (m *machine) reopen(t *rapid.T) {
	require.NoError(t, m.db.Close())
	require.ErrorIs(t, m.db.Close(), quiver.ErrClosed)
	require.ErrorIs(t, m.db.Put(nil, nil), quiver.ErrClosed)
	m.ref.Sync()
	cut := rapid.Bool().Draw(t, "power cut after Close")
	if cut {
		m.disk = m.disk.State().Crash(drawSelection(t, m.disk.State()))
	}
	if rapid.Bool().Draw(t, "other options") {
		inline := m.k.Inline // the actions go by it
		m.k.Options = drawOptions(t, m.k.PageSize)
		m.k.Inline = inline
		m.s = newShapes(m.k)
	}
	t.Logf("reopen with %v", m.k)
	m.open(t)
	if !m.shaken {
		require.False(t, m.db.Recovery().Unclean, "unclean after a clean Close")
	}
	m.shaken = m.shaken && !cut
}

// drawSelection draws which of the pending atoms a power cut leaves. The number
// of draws does not depend on the number of atoms, so that a run can be shrunk.
func drawSelection(t *rapid.T, state *faultfs.State) faultfs.Selection {
	n := len(state.Pending())
	switch rapid.SampledFrom([]string{"none", "all", "some", "some", "prefix"}).Draw(t, "atoms left") {
	case "none":
		return faultfs.None()
	case "all":
		return faultfs.All(n)
	case "prefix":
		return faultfs.All(n * rapid.IntRange(0, 16).Draw(t, "sixteenths") / 16)
	}
	x := rapid.Uint64().Draw(t, "atoms")
	limit := rapid.SampledFrom([]uint64{1, 4, 8, 12, 15}).Draw(t, "density")
	var list []int
	for i := range n {
		x = x*6364136223846793005 + 1442695040888963407
		if x>>60 < limit {
			list = append(list, i)
		}
	}
	return faultfs.Of(list...)
}

// stop ends the process or the machine at this moment and gives what is left.
func (m *machine) stop(t *rapid.T) {
	state := m.disk.State()
	m.disk.Stop()
	_ = m.db.Close()
	m.disk = m.after(t, state)
	m.orphans = true
}

func (m *machine) after(t *rapid.T, state *faultfs.State) *faultfs.FS {
	m.shaken = rapid.IntRange(0, 3).Draw(t, "power stays on") == 0
	if m.shaken {
		t.Log("killed")
		return state.Kill()
	}
	sel := drawSelection(t, state)
	t.Logf("power cut, %v of %d pending atoms", sel, len(state.Pending()))
	return state.Crash(sel)
}

// settle opens after a crash and takes the state that is found, if it is legal.
func (m *machine) settle(t *rapid.T) {
	m.open(t)
	m.accept(t)
}

func (m *machine) accept(t *rapid.T) {
	content, err := scanAll(m.db, quiver.ScanOptions{})
	require.NoError(t, err)
	i, err := m.ref.Settle(content)
	require.NoError(t, err)
	require.GreaterOrEqual(t, m.db.LastLSN(), m.lsn, "LastLSN went back")
	t.Logf("recovered state %d: %+v", i, m.db.Recovery())
}

func (m *machine) crash(t *rapid.T) {
	m.stop(t)
	m.settle(t)
	checkFindings(t, m.db, false)
}

// crashInside stops the machine within a call: after any number of calls of the
// disk, or right before one of those that decide.
func (m *machine) crashInside(t *rapid.T) {
	switch point := rapid.SampledFrom([]string{"any", "sync log", "sync log", "sync segment", "rename"}).Draw(t, "crash at"); point {
	case "any":
		m.disk.StopAfter(m.disk.Seq() + rapid.IntRange(0, 30).Draw(t, "calls before the crash"))
		m.inDoubt(t, faultfs.ErrCrashed)
	default:
		f := map[string]faultfs.Fault{
			"sync log":     {Kind: kindSync, Class: faultfs.ClassWAL},
			"sync segment": {Kind: kindSync, Class: faultfs.ClassSeg},
			"rename":       {Kind: faultfs.KindRename},
		}[point]
		f.N, f.Sticky, f.Errno = rapid.IntRange(1, 3).Draw(t, "n"), true, syscall.EIO
		m.disk.Inject(faultfs.Plan{f})
		m.inDoubt(t, f.Errno)
		m.disk.Inject(nil)
	}
	m.stop(t)
	m.settle(t)
	checkFindings(t, m.db, false)
}

// inDoubt makes a call that may meet the cause, and leaves it in doubt then.
func (m *machine) inDoubt(t *rapid.T, cause error) {
	kind := rapid.SampledFrom([]string{"write", "write", "write", "no sync", "sync", "checkpoint", "close"}).Draw(t, "call")
	var err error
	switch kind {
	case "write", "no sync":
		o := m.s.write(t)
		if kind == "no sync" || rapid.Bool().Draw(t, "batch") {
			o = m.s.batch(t)
		}
		i := m.ref.Start(o)
		r := model.Result{}
		if kind == "write" {
			r, err = execute(m.db, o)
		} else {
			err = m.db.WriteNoSync(batchOf(o))
		}
		t.Logf("%s: %s: %v", kind, call{o, r}, err)
		switch {
		case err == nil && kind == "write":
			m.agree(t, o, r)
			m.ref.Ack(i)
		case err == nil:
			m.ref.See(i)
		case errors.Is(err, quiver.ErrFull), m.tooLarge(o, err):
			m.ref.Refuse(i)
		}
	default:
		err = map[string]func() error{"sync": m.db.Sync, "checkpoint": m.db.Checkpoint, "close": m.db.Close}[kind]()
		t.Logf("%s: %v", kind, err)
		if err == nil {
			m.ref.Sync()
		}
	}
	if err != nil && !errors.Is(err, quiver.ErrTooLarge) {
		require.ErrorIs(t, err, cause)
	}
}

// crashInOpen stops the machine, and again while it is being recovered.
func (m *machine) crashInOpen(t *rapid.T) {
	m.stop(t)
	for range rapid.IntRange(1, 3).Draw(t, "crashes in recovery") {
		n := rapid.IntRange(0, 80).Draw(t, "calls before the crash")
		m.disk.StopAfter(m.disk.Seq() + n)
		db, err := quiver.Open(dbDir, m.k.on(m.disk))
		t.Logf("open, crash after %d calls: %v", n, err)
		if err != nil {
			require.ErrorIs(t, err, faultfs.ErrCrashed)
			m.disk = m.after(t, m.disk.State())
			continue
		}
		m.db = db
		// What could be read is durable, whatever happens next.
		if content, err := scanAll(m.db, quiver.ScanOptions{}); err == nil {
			_, err = m.ref.Settle(content)
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, faultfs.ErrCrashed)
		}
		m.stop(t)
	}
	m.settle(t)
	checkFindings(t, m.db, false)
}

// fault makes calls of the disk fail within one call of the engine.
func (m *machine) fault(t *rapid.T) {
	f := drawFault(t)
	t.Logf("fault %v", f.String())
	m.disk.Inject(faultfs.Plan{f})
	m.inDoubt(t, f.Errno)
	struck := m.disk.Fired()[0] > 0
	m.disk.Inject(nil)
	m.orphans = m.orphans || struck // pages may have been reserved in vain
	m.shaken = m.shaken || struck
	err := m.db.Writable()
	if err == nil {
		return
	}
	if !errors.Is(err, quiver.ErrClosed) {
		require.True(t, struck, "%v without a fault", err)
		m.poisoned(t, f)
	}
	_ = m.db.Close()
	m.stop(t)
	m.settle(t)
}

// poisoned: writes are refused with the first cause, and reads go on.
func (m *machine) poisoned(t *rapid.T, f faultfs.Fault) {
	for name, err := range map[string]error{"Put": m.db.Put([]byte("a"), nil), "Sync": m.db.Sync(), "Checkpoint": m.db.Checkpoint()} {
		require.ErrorIs(t, err, quiver.ErrPoisoned, name)
		require.ErrorIs(t, err, f.Errno, name)
	}
	content, err := scanAll(m.db, quiver.ScanOptions{})
	require.NoError(t, err)
	if d := model.Diff(content, m.ref.Seen()); d != "" {
		t.Fatalf("poisoned: %s", d)
	}
	s, err := m.db.Stats()
	require.NoError(t, err)
	require.True(t, s.Poisoned)
}

func drawFault(t *rapid.T) faultfs.Fault {
	kinds := []faultfs.Kind{faultfs.KindWrite, faultfs.KindSync | faultfs.KindSyncData, faultfs.KindSyncDir, faultfs.KindRename,
		faultfs.KindTruncate, faultfs.KindAllocate, faultfs.KindCreate}
	f := faultfs.Fault{
		Kind:   rapid.SampledFrom(kinds).Draw(t, "kind"),
		Class:  rapid.SampledFrom([]faultfs.Class{0, 0, faultfs.ClassWAL, faultfs.ClassSeg, faultfs.ClassMeta | faultfs.ClassTmp}).Draw(t, "class"),
		N:      rapid.IntRange(1, 4).Draw(t, "n"),
		Sticky: rapid.Bool().Draw(t, "sticky"),
		Errno:  rapid.SampledFrom(errnos).Draw(t, "errno"),
	}
	switch {
	case f.Kind&faultfs.KindFsync != 0:
		f.Effect = rapid.SampledFrom([]faultfs.Effect{faultfs.EffectBefore, faultfs.EffectDone, faultfs.EffectF1, faultfs.EffectF2,
			faultfs.EffectF3, faultfs.EffectF5}).Draw(t, "effect")
		f.Keep = rapid.Uint64().Draw(t, "keep")
	case f.Kind == faultfs.KindWrite:
		f.Effect = rapid.SampledFrom([]faultfs.Effect{faultfs.EffectBefore, faultfs.EffectAfter, faultfs.EffectDone}).Draw(t, "effect")
		f.Bytes = int64(rapid.IntRange(0, 5000).Draw(t, "bytes"))
	default:
		f.Effect = rapid.SampledFrom([]faultfs.Effect{faultfs.EffectBefore, faultfs.EffectDone}).Draw(t, "effect")
	}
	return f
}
