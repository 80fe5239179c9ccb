package model_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/model"
)

func put(k, v string) model.Op { return model.Op{Kind: model.Put, Key: k, Value: v} }

func TestSyncedCommitsSurvive(t *testing.T) {
	m := model.New(nil)
	m.Ack(m.Start(put("a", "1")))
	_, err := m.Settle(model.State{})
	require.ErrorContains(t, err, "older state 0: acknowledged commits are lost")
	i, err := m.Settle(model.State{"a": "1"})
	require.NoError(t, err)
	assert.Equal(t, 1, i)
}

func TestCrashLosesASuffixOfBatchesWithoutSync(t *testing.T) {
	m := model.New(nil)
	m.Ack(m.Start(put("a", "1")))
	m.See(m.Start(put("b", "2")))
	m.See(m.Start(put("c", "3")))
	assert.Equal(t, model.State{"a": "1", "b": "2", "c": "3"}, m.Seen(), "visible at once")
	for legal, content := range map[int]model.State{1: {"a": "1"}, 2: {"a": "1", "b": "2"}, 3: {"a": "1", "b": "2", "c": "3"}} {
		i, ok := m.Find(content, 1, 3)
		assert.True(t, ok)
		assert.Equal(t, legal, i)
	}
	_, err := m.Settle(model.State{"a": "1", "c": "3"})
	require.ErrorContains(t, err, `"b": got no such key, want "2"`, "a hole is no suffix")

	m.Sync()
	acked, started := m.Bounds()
	assert.Equal(t, []int{3, 3}, []int{acked, started})
}

func TestSyncedCommitCarriesThoseBefore(t *testing.T) {
	m := model.New(nil)
	m.See(m.Start(put("b", "2")))
	m.Ack(m.Start(put("a", "1")))
	_, err := m.Settle(model.State{"a": "1"})
	require.Error(t, err)
}

func TestInDoubtIsNotSeenAndMayBeThere(t *testing.T) {
	for _, there := range []bool{true, false} {
		m := model.New(model.State{"z": "0"})
		m.See(m.Start(put("a", "1")))
		m.Start(put("b", "2"))
		assert.Equal(t, model.State{"z": "0", "a": "1"}, m.Seen())
		after := m.Seen().Clone()
		if there {
			after["b"] = "2"
		}
		_, err := m.Settle(after)
		require.NoError(t, err)
		assert.Equal(t, after, m.Seen())
		acked, started := m.Bounds()
		assert.Equal(t, acked, started, "what was read after a crash is acknowledged")
		assert.Equal(t, acked+1, m.Start(put("c", "3")), "numbers go on")
	}
}

func TestRefusedNeverHappened(t *testing.T) {
	m := model.New(nil)
	m.Ack(m.Start(put("a", "1")))
	m.Refuse(m.Start(put("b", "2")))
	_, err := m.Settle(model.State{"a": "1", "b": "2"})
	require.Error(t, err)
	assert.Panics(t, func() { m.Refuse(1) }, "an acknowledged commit cannot be refused")
	m.Start(put("b", "2"))
	m.Start(put("c", "2"))
	assert.Panics(t, func() { m.Refuse(2) }, "later ones stand on it")
}

// Settle accepts a content exactly if it is one of the states from the
// acknowledged to the started, judged by a plain list of all states.
func TestSettleAgreesWithTheListOfStates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model.New(nil)
		states := []model.State{{}}
		acked := 0
		for i := range rapid.IntRange(0, 8).Draw(t, "commits") {
			o := put(fmt.Sprint(i%3), fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "value")))
			index := m.Start(o)
			next := states[len(states)-1].Clone()
			next[o.Key] = o.Value
			states = append(states, next)
			if rapid.Bool().Draw(t, "sync") {
				m.Ack(index)
				acked = index
			} else {
				m.See(index)
			}
		}
		c := rapid.IntRange(0, len(states)-1).Draw(t, "crash")
		legal := false
		for _, s := range states[acked:] {
			legal = legal || model.Equal(s, states[c])
		}
		_, err := m.Settle(states[c])
		assert.Equal(t, legal, err == nil)
	})
}
