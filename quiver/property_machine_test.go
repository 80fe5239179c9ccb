package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

const dbDir = "db"

// machine drives a database on a disk that crashes, and the reference beside it.
type machine struct {
	k    knobs
	s    *shapes
	disk *faultfs.FS
	db   *quiver.DB
	ref  *model.Store
	lsn  uint64 // highest LastLSN that was seen: it never goes back
	// orphans: there may be pages that a crash left unreachable.
	orphans bool
	// shaken: the clean flag may be off though nothing has to be recovered. Either the
	// last process died in a Close, whose flag was not durable, and a session that
	// changes nothing leaves it so; or the first step of a session failed.
	shaken bool
}

// TestStateMachine draws options and a sequence of calls, crashes and faults
// among them, and compares the whole content with the reference after each.
func TestStateMachine(t *testing.T) {
	for _, inline := range []bool{true, false} {
		t.Run(fmt.Sprintf("inline %t", inline), func(t *testing.T) {
			t.Parallel()
			runMachine(t, inline)
		})
	}
}

func runMachine(t *testing.T, inline bool) {
	rapid.Check(t, func(t *rapid.T) {
		k := drawKnobs(t)
		k.Inline = inline
		t.Logf("%v", k)
		m := &machine{k: k, s: newShapes(k), ref: model.New(nil), disk: faultfs.New(faultfs.Options{Sector: k.Sector, NoReads: true})}
		require.NoError(t, quiver.Init(dbDir, quiver.InitOptions{PageSize: k.PageSize, Buckets: k.Buckets, FS: m.disk}))
		m.open(t)
		defer func() {
			m.disk.Stop()
			_ = m.db.Close()
		}()
		t.Repeat(m.actions())
		m.checkAll(t)
		m.reopen(t)
		m.checkAll(t)
		require.NoError(t, m.db.Close())
		require.Zero(t, m.disk.Handles(), "open files after Close")
		require.Zero(t, m.disk.Locks(), "locks after Close")
	})
}

func (m *machine) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"":             m.invariant,
		"put":          func(t *rapid.T) { m.write(t, m.s.put(t)) },
		"put many":     m.putMany,
		"write":        func(t *rapid.T) { m.write(t, m.s.write(t)) },
		"batch":        func(t *rapid.T) { m.write(t, m.s.batch(t)) },
		"no sync":      m.writeNoSync,
		"update":       m.update,
		"too long":     m.tooLong,
		"read":         m.read,
		"scan":         m.scan,
		"sync":         func(t *rapid.T) { m.settling(t, "sync", m.db.Sync) },
		"checkpoint":   func(t *rapid.T) { m.settling(t, "checkpoint", m.db.Checkpoint) },
		"check":        m.check,
		"recount":      m.recount,
		"reopen":       m.reopen,
		"beside":       m.readOnlyBeside,
		"crash":        m.crash,
		"crash inside": m.crashInside,
		"crash open":   m.crashInOpen,
	}
	if m.k.Inline {
		// Without goroutines of its own a handle meets faults in the call at hand.
		actions["fault"] = m.fault
		actions["full"] = m.full
	}
	return actions
}

// invariant is what must hold after every call.
func (m *machine) invariant(t *rapid.T) {
	content, err := scanAll(m.db, quiver.ScanOptions{})
	require.NoError(t, err)
	if d := model.Diff(content, m.ref.Seen()); d != "" {
		t.Fatalf("content: %s", d)
	}
	lsn := m.db.LastLSN()
	require.GreaterOrEqual(t, lsn, m.lsn, "LastLSN went back")
	m.lsn = lsn
	s, err := m.db.Stats()
	require.NoError(t, err)
	require.Equal(t, []any{m.k.PageSize, m.k.Buckets, lsn, false}, []any{s.PageSize, s.Buckets, s.LastLSN, s.Poisoned})
	require.GreaterOrEqual(t, s.HighestLSN, lsn)
}

// write makes a call that must succeed, or be refused for its size.
func (m *machine) write(t *rapid.T, o model.Op) {
	i := m.ref.Start(o)
	r, err := execute(m.db, o)
	t.Logf("%s: %v", call{o, r}, err)
	if m.tooLarge(o, err) {
		m.ref.Refuse(i)
		return
	}
	require.NoError(t, err)
	m.agree(t, o, r)
	m.ref.Ack(i)
}

// tooLarge reports a call that may be refused with that error.
func (m *machine) tooLarge(o model.Op, err error) bool {
	pages := 3 + 2*len(o.Changes) + (len(o.Value)+len(m.ref.Seen()[o.Key]))*2/m.k.PageSize
	return errors.Is(err, quiver.ErrTooLarge) && m.k.smallBatch() && (o.Kind == model.DeletePrefix || pages*m.k.PageSize >= int(m.k.MaxBatchBytes)/3)
}

// agree compares what a call told with the reference.
func (m *machine) agree(t *rapid.T, o model.Op, r model.Result) {
	if ok, _ := model.Step(m.ref.Seen(), o, r); !ok {
		_, want := model.Apply(m.ref.Seen(), o)
		t.Fatalf("%s, want %s", call{o, r}, call{o, want})
	}
}

// call prints itself when somebody looks.
type call struct {
	o model.Op
	r model.Result
}

func (c call) String() string { return model.Describe(c.o, c.r) }

func (m *machine) putMany(t *rapid.T) {
	for range rapid.IntRange(1, 25).Draw(t, "puts") {
		m.write(t, m.s.put(t))
	}
}

func (m *machine) writeNoSync(t *rapid.T) {
	for range rapid.IntRange(1, 4).Draw(t, "batches") {
		o := m.s.batch(t)
		i := m.ref.Start(o)
		err := m.db.WriteNoSync(batchOf(o))
		t.Logf("without sync: %s: %v", call{o, model.Result{}}, err)
		if m.tooLarge(o, err) {
			m.ref.Refuse(i)
			continue
		}
		require.NoError(t, err)
		m.ref.See(i)
	}
}

var errAborted = errors.New("aborted by the caller")

// update: fn may replace, delete, or abort.
func (m *machine) update(t *rapid.T) {
	o := model.Op{Kind: model.Delete, Key: m.s.key(t)}
	var next []byte
	if rapid.Bool().Draw(t, "replace") {
		o.Kind, o.Value = model.Put, m.s.value(t, o.Key)
		next = append([]byte{}, o.Value...)
	}
	abort := rapid.IntRange(0, 3).Draw(t, "abort") == 0
	want, there := m.ref.Seen()[o.Key]
	calls := 0
	i := m.ref.Start(o)
	err := m.db.Update([]byte(o.Key), func(old []byte, found bool) ([]byte, error) {
		calls++
		if found != there || string(old) != want || found == (old == nil) {
			return nil, errors.New("not the value of the reference")
		}
		scribble(old)
		if abort {
			return next, errAborted
		}
		return next, nil
	})
	t.Logf("update to %s, abort %t: %v", call{o, model.Result{Unknown: true}}, abort, err)
	require.Equal(t, 1, calls, "fn is called once")
	switch {
	case abort:
		require.ErrorIs(t, err, errAborted)
		m.ref.Refuse(i)
	case m.tooLarge(o, err):
		m.ref.Refuse(i)
	default:
		require.NoError(t, err)
		m.ref.Ack(i)
	}
}

func (m *machine) tooLong(t *rapid.T) {
	key := make([]byte, m.db.MaxKeyLen()+1)
	require.ErrorIs(t, m.db.Put(key, nil), quiver.ErrTooLarge)
	b := &quiver.Batch{}
	b.Put([]byte("key00"), []byte("must not be there alone"))
	b.Put(key, nil)
	require.ErrorIs(t, m.db.Write(b), quiver.ErrTooLarge)
	require.ErrorIs(t, m.db.WriteNoSync(b), quiver.ErrTooLarge)
	if n := m.db.MaxValueLen(); n < 1<<20 {
		require.ErrorIs(t, m.db.Put([]byte("key00"), make([]byte, n+1)), quiver.ErrTooLarge)
	}
	require.ErrorIs(t, m.db.Update(key, func([]byte, bool) ([]byte, error) { panic("called") }), quiver.ErrTooLarge)
	_, found, err := m.db.Get(key)
	require.NoError(t, err)
	require.False(t, found)
	existed, err := m.db.Delete(key)
	require.NoError(t, err)
	require.False(t, existed)
	m.ref.Sync()
}

// settling makes a call after which all that is visible is durable.
func (m *machine) settling(t *rapid.T, name string, fn func() error) {
	t.Log(name)
	require.NoError(t, fn())
	m.ref.Sync()
}

// checkFindings waits for a recount in the background to be over.
func checkFindings(t *rapid.T, db *quiver.DB, strict bool) quiver.CheckReport {
	for {
		r, err := db.Check(context.Background(), quiver.CheckOptions{Strict: strict})
		if errors.Is(err, quiver.ErrRecounting) {
			continue
		}
		require.NoError(t, err)
		require.Empty(t, r.Findings)
		return r
	}
}

func (m *machine) check(t *rapid.T) {
	t.Logf("check, strict %t", !m.orphans)
	r := checkFindings(t, m.db, !m.orphans)
	require.EqualValues(t, len(m.ref.Seen()), r.Pairs)
	require.Zero(t, r.ShadowedPairs)
}

func (m *machine) recount(t *rapid.T) {
	for {
		n, err := m.db.Recount(context.Background(), nil)
		if errors.Is(err, quiver.ErrRecounting) {
			continue
		}
		require.NoError(t, err)
		t.Logf("recount: %d freed", n)
		break
	}
	m.orphans = false
}

// checkAll ends a run: after a recount even what is only unusual is a finding.
func (m *machine) checkAll(t *rapid.T) {
	m.invariant(t)
	m.check(t)
	m.recount(t)
	m.check(t)
}
