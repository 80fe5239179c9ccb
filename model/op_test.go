package model_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/model"
)

func text() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"", "a", " ", "\"", "\xff\x00", "put", "a\nb"}), rapid.String())
}

func op() *rapid.Generator[model.Op] {
	return rapid.Custom(func(t *rapid.T) model.Op {
		o := model.Op{Kind: model.Kind(rapid.IntRange(0, int(model.Scan)).Draw(t, "kind"))}
		switch o.Kind {
		case model.Put, model.Append:
			o.Key, o.Value = text().Draw(t, "key"), text().Draw(t, "value")
		case model.Batch:
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				c := model.Change{Key: text().Draw(t, "key"), Delete: rapid.Bool().Draw(t, "delete")}
				if !c.Delete {
					c.Value = text().Draw(t, "value")
				}
				o.Changes = append(o.Changes, c)
			}
		default:
			o.Key = text().Draw(t, "key")
		}
		return o
	})
}

func TestOpTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := op().Draw(t, "op")
		got, err := model.ParseOp(want.String())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

func TestParseOpRefuses(t *testing.T) {
	for _, text := range []string{"", "fly \"a\"", "put", "put \"a\"", "get a", "get \"a", "get \"a\" \"b\"",
		"batch fly \"a\"", "batch put \"a\"", "batch delete"} {
		_, err := model.ParseOp(text)
		assert.Error(t, err, text)
	}
}

func TestDescribe(t *testing.T) {
	long := string(make([]byte, 3000))
	for _, c := range []struct {
		op   model.Op
		r    model.Result
		want string
	}{
		{model.Op{Kind: model.Put, Key: "a", Value: "1"}, model.Result{}, `put "a" "1"`},
		{model.Op{Kind: model.Put, Key: "a", Value: "1"}, model.Result{Unknown: true}, `put "a" "1" -> ?`},
		{model.Op{Kind: model.Get, Key: "a"}, model.Result{Found: true}, `get "a" -> ""`},
		{model.Op{Kind: model.Get, Key: "a"}, model.Result{}, `get "a" -> no such key`},
		{model.Op{Kind: model.Delete, Key: "a"}, model.Result{Found: true}, `delete "a" -> true`},
		{model.Op{Kind: model.DeletePrefix, Key: "a"}, model.Result{N: 3}, `deleteprefix "a" -> 3`},
		{model.Op{Kind: model.Scan}, model.Result{Pairs: model.State{"b": "2", "a": "1"}}, `scan "" -> {"a"="1" "b"="2"}`},
		{model.Op{Kind: model.Put, Key: "a", Value: long}, model.Result{},
			`put "a" "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"…(3000 bytes, sum da865b0d)`},
	} {
		assert.Equal(t, c.want, model.Describe(c.op, c.r))
	}
}
