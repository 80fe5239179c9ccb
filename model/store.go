package model

import (
	"fmt"
	"strings"
)

// Store is one sequence of commits, numbered from 1, of which the first are
// acknowledged, more may be seen, and the rest is in doubt:
//
//	acked ≤ seen ≤ started
//
// What is acknowledged survives every crash. What is only seen (batches without
// a sync) is read, and a crash may lose it from the end. What was started and
// neither refused nor seen is not read before the next crash; after it, it may be
// there. A crash leaves the state after one commit, whole. Not for concurrent use.
type Store struct {
	first       int // commit after which states[0] was
	states      []State
	acked, seen int
}

// New is a store with a content that counts as commit 0; nil is empty.
func New(start State) *Store {
	return &Store{states: []State{start.Clone()}}
}

// Start begins a commit on top of the newest one and returns its index.
func (m *Store) Start(o Op) int {
	next, _ := Apply(m.states[len(m.states)-1], o)
	m.states = append(m.states, next)
	return m.started()
}

func (m *Store) started() int { return m.first + len(m.states) - 1 }

// Ack: a commit is durable, and with it all that came before.
func (m *Store) Ack(index int) {
	m.See(index)
	m.acked = max(m.acked, index)
}

// See: a commit is visible, and with it all that came before, but a crash may
// lose it.
func (m *Store) See(index int) {
	m.State(index)
	m.seen = max(m.seen, index)
}

// Sync: all that is seen is durable.
func (m *Store) Sync() { m.acked = m.seen }

// Refuse: a commit did not happen and never will. It must be the newest one.
func (m *Store) Refuse(index int) {
	if index != m.started() || index <= m.seen {
		panic(fmt.Sprintf("model: commit %d is refused with %d seen and %d started", index, m.seen, m.started()))
	}
	m.states = m.states[:len(m.states)-1]
}

// Bounds are the commits between which a crash leaves one state.
func (m *Store) Bounds() (acked, started int) { return m.acked, m.started() }

// Seen is what reads give now. It must not be modified.
func (m *Store) Seen() State { return m.State(m.seen) }

// State is the content after a commit; those before the last Settle are gone.
func (m *Store) State(index int) State {
	if index < m.first || index > m.started() {
		panic(fmt.Sprintf("model: no state %d, only %d to %d", index, m.first, m.started()))
	}
	return m.states[index-m.first]
}

// Find is the newest commit of a range after which the content was this.
func (m *Store) Find(content State, acked, started int) (index int, ok bool) {
	for i := started; i >= acked; i-- {
		if Equal(content, m.State(i)) {
			return i, true
		}
	}
	return 0, false
}

// Settle judges the content that a crash has left. If it is a legal one the
// store goes on from there: that commit is acknowledged, for it was read after a
// recovery, and later ones are forgotten.
func (m *Store) Settle(content State) (index int, err error) {
	acked, started := m.Bounds()
	i, ok := m.Find(content, acked, started)
	if !ok {
		return 0, fmt.Errorf("model: no legal state after a crash: %s", m.Explain(content, acked, started))
	}
	m.states = []State{m.State(i)}
	m.first, m.acked, m.seen = i, i, i
	return i, nil
}

// explained bounds the states that Explain compares with.
const explained = 3

// Explain tells how a content differs from the last states of a range, and
// which older state it is, if it is one.
func (m *Store) Explain(content State, acked, started int) string {
	lines := []string{fmt.Sprintf("it must be a state from %d to %d", acked, started)}
	for i := started; i >= acked; i-- {
		if started-i >= explained && i != acked {
			continue
		}
		if d := Diff(content, m.State(i)); d != "" {
			lines = append(lines, fmt.Sprintf("  from state %d it differs: %s", i, d))
		} else {
			lines = append(lines, fmt.Sprintf("  it is state %d", i))
		}
	}
	if i, ok := m.Find(content, m.first, acked-1); ok {
		lines = append(lines, fmt.Sprintf("  it is the older state %d: acknowledged commits are lost", i))
	}
	return strings.Join(lines, "\n")
}
