package main

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// thing is a resource that writes down when it ends.
type thing struct {
	name string
	log  *[]string
	err  error
}

func (t *thing) end() error {
	*t.log = append(*t.log, t.name)
	return t.err
}

type otherThing struct{ thing }

func newTable() *table { return &table{entries: map[uintptr]entry{}} }

func TestHandlesEndFromTheLeaves(t *testing.T) {
	tab := newTable()
	var log []string
	add := func(name string, parent uintptr) uintptr {
		h, err := tab.add(&thing{name: name, log: &log}, parent)
		require.NoError(t, err)
		return h
	}
	db := add("db", 0)
	other := add("other db", 0)
	scanOfDB := add("scan of db", db)
	snap := add("snapshot", db)
	scanOfSnap := add("scan of snapshot", snap)
	kept := add("scan of other db", other)

	require.NoError(t, remove[*thing](tab, snap))
	assert.Equal(t, []string{"scan of snapshot", "snapshot"}, log)
	log = nil
	snap = add("second snapshot", db)
	add("its scan", snap)
	require.NoError(t, remove[*thing](tab, db))
	assert.Equal(t, []string{"its scan", "second snapshot", "scan of db", "db"}, log)
	for _, h := range []uintptr{db, scanOfDB, snap, scanOfSnap} {
		_, err := find[*thing](tab, h)
		require.ErrorIs(t, err, errStale)
		require.ErrorIs(t, remove[*thing](tab, h), errStale)
	}
	_, err := find[*thing](tab, kept)
	require.NoError(t, err)
}

func TestHandlesAreNeverUsedTwice(t *testing.T) {
	tab := newTable()
	var log []string
	seen := map[uintptr]bool{}
	for range 1000 {
		h, err := tab.add(&thing{log: &log}, 0)
		require.NoError(t, err)
		require.False(t, seen[h])
		seen[h] = true
		require.NoError(t, remove[*thing](tab, h))
	}
	assert.Empty(t, tab.entries)

	tab.last = ^uintptr(0)
	_, err := tab.add(&thing{name: "one too many", log: &log}, 0)
	require.ErrorIs(t, err, errHandles)
	assert.Equal(t, "one too many", log[len(log)-1], "it is not left open")
}

func TestHandlesOfAnotherKind(t *testing.T) {
	tab := newTable()
	var log []string
	h, err := tab.add(&thing{name: "a", log: &log}, 0)
	require.NoError(t, err)
	_, err = find[*otherThing](tab, h)
	require.ErrorIs(t, err, quiver.ErrInvalid)
	require.ErrorIs(t, remove[*otherThing](tab, h), quiver.ErrInvalid)
	_, err = find[*thing](tab, 0)
	require.ErrorIs(t, err, quiver.ErrInvalid)
	_, err = find[*thing](tab, h+1)
	require.ErrorIs(t, err, quiver.ErrInvalid)
	assert.Empty(t, log)
}

// TestHandleOfAClosedParent: what was being made when its parent was closed ends.
func TestHandleOfAClosedParent(t *testing.T) {
	tab := newTable()
	var log []string
	parent, err := tab.add(&thing{name: "parent", log: &log}, 0)
	require.NoError(t, err)
	require.NoError(t, remove[*thing](tab, parent))
	broken := errors.New("broken")
	_, err = tab.add(&thing{"child", &log, broken}, parent)
	require.ErrorIs(t, err, errStale)
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"parent", "child"}, log)
}

// TestHandleIsClosedOnce, whichever thread is the one.
func TestHandleIsClosedOnce(t *testing.T) {
	tab := newTable()
	var log []string
	h, err := tab.add(&thing{name: "a", log: &log}, 0)
	require.NoError(t, err)
	var all sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		all.Go(func() { results[i] = remove[*thing](tab, h) })
	}
	all.Wait()
	closed := 0
	for _, err := range results {
		if err == nil {
			closed++
			continue
		}
		assert.ErrorIs(t, err, errStale)
	}
	assert.Equal(t, 1, closed)
	assert.Len(t, log, 1)
}
