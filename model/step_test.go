package model_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/model"
)

func TestApply(t *testing.T) {
	start := model.State{"a": "1", "ab": "2", "b": ""}
	for _, c := range []struct {
		op   string
		next model.State
		want model.Result
	}{
		{`put "a" "9"`, model.State{"a": "9", "ab": "2", "b": ""}, model.Result{}},
		{`delete "b"`, model.State{"a": "1", "ab": "2"}, model.Result{Found: true}},
		{`delete "c"`, start, model.Result{}},
		{`deleteprefix "a"`, model.State{"b": ""}, model.Result{N: 2}},
		{`deleteprefix ""`, model.State{}, model.Result{N: 3}},
		{`append "a" "x"`, model.State{"a": "1x", "ab": "2", "b": ""}, model.Result{Found: true, Value: "1"}},
		{`append "c" "x"`, model.State{"a": "1", "ab": "2", "b": "", "c": "x"}, model.Result{}},
		{`batch put "c" "1" delete "c" delete "a" put "d" "4"`, model.State{"ab": "2", "b": "", "d": "4"}, model.Result{}},
		{`get "b"`, start, model.Result{Found: true}},
		{`get "c"`, start, model.Result{}},
		{`has "a"`, start, model.Result{Found: true}},
		{`scan "a"`, start, model.Result{Pairs: model.State{"a": "1", "ab": "2"}}},
	} {
		o, err := model.ParseOp(c.op)
		assert.NoError(t, err)
		next, r := model.Apply(start, o)
		assert.Equal(t, c.next, next, c.op)
		assert.Equal(t, c.want, r, c.op)
	}
	assert.Equal(t, model.State{"a": "1", "ab": "2", "b": ""}, start, "the state that was given is left alone")
}

// Step must accept what is right and nothing else: each field of a result counts.
func TestStepRefusesEveryWrongResult(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := model.State(rapid.MapOfN(text(), text(), 0, 5).Draw(t, "state"))
		o := op().Draw(t, "op")
		next, r := model.Apply(s, o)
		ok, got := model.Step(s, o, r)
		assert.True(t, ok)
		assert.Equal(t, next, got)
		ok, _ = model.Step(s, o, model.Result{Unknown: true})
		assert.True(t, ok)
		for _, wrong := range []model.Result{
			{Found: !r.Found, Value: r.Value, N: r.N, Pairs: r.Pairs},
			{Found: r.Found, Value: r.Value + "x", N: r.N, Pairs: r.Pairs},
			{Found: r.Found, Value: r.Value, N: r.N + 1, Pairs: r.Pairs},
			{Found: r.Found, Value: r.Value, N: r.N, Pairs: model.State{"no such key": ""}},
		} {
			ok, _ := model.Step(s, o, wrong)
			assert.False(t, ok, model.Describe(o, wrong))
		}
	})
}

func TestDiff(t *testing.T) {
	a := model.State{"a": "1", "b": ""}
	assert.Empty(t, model.Diff(a, a.Clone()))
	assert.Equal(t, `"b": got "", want no such key`, model.Diff(a, model.State{"a": "1"}))
	assert.Equal(t, `"a": got no such key, want "1"; "b": got "2", want ""`, model.Diff(model.State{"b": "2"}, a))
	many := model.State{}
	for _, k := range []string{"c", "d", "e", "f", "g", "h"} {
		many[k] = k
	}
	assert.Contains(t, model.Diff(many, nil), "and 1 keys more")
}
