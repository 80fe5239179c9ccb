package torture

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// TestAlphabetHasEverySymbol looks for what the specification of the judges
// wants tried, as far as the engine has it.
func TestAlphabetHasEverySymbol(t *testing.T) {
	k := DefaultKnobs()
	base := map[string]int{} // sizes of values in a start state
	for _, o := range startOf("chain", k).setup {
		base[o.Changes[0].Key] = o.Changes[0].Size
	}
	is := func(kind Kind, fits func(o Op) bool) func(Op) bool {
		return func(o Op) bool { return o.Kind == kind && (fits == nil || fits(o)) }
	}
	put := func(fits func(old, size int, there bool, c Change) bool) func(Op) bool {
		return is(OpPut, func(o Op) bool {
			c := o.Changes[0]
			old, there := base[c.Key]
			return fits(old, c.Size, there, c)
		})
	}
	for name, fits := range map[string]func(Op) bool{
		"put of a new key":              put(func(_, _ int, there bool, _ Change) bool { return !there }),
		"put, same size":                put(func(old, size int, there bool, _ Change) bool { return there && old == size }),
		"put, larger":                   put(func(old, size int, there bool, _ Change) bool { return there && size > old && size < 1024 }),
		"put, overflow chain":           put(func(_, size int, _ bool, _ Change) bool { return size > 2*pageSize }),
		"put, 18 bytes that start 0xFF": put(func(_, _ int, _ bool, c Change) bool { return c.Mark }),
		"delete, hit":                   is(OpDelete, func(o Op) bool { _, there := base[o.Changes[0].Key]; return there }),
		"delete, miss":                  is(OpDelete, func(o Op) bool { return o.Changes[0].Key == "missing" }),
		"delete, last key of a page":    is(OpDelete, func(o Op) bool { return o.Changes[0].Key == keyIn(0, 9, k.Buckets) }),
		"batch, two buckets": is(OpBatch, func(o Op) bool {
			return len(o.Changes) > 1 && o.Changes[0].Key != o.Changes[1].Key
		}),
		"batch, empty": is(OpBatch, func(o Op) bool { return len(o.Changes) == 0 }),
	} {
		assert.True(t, slices.ContainsFunc(alphabet(k), func(p []Op) bool { return slices.ContainsFunc(p, fits) }), name)
	}
	for kind := range Kind(len(kindNames)) {
		if kind == OpInit || kind == OpOpen || kind == OpClose {
			continue // every workload has them
		}
		phrases := alphabet(k)
		for _, f := range families() {
			phrases = slices.Concat(phrases, f.phrases(k))
		}
		assert.True(t, slices.ContainsFunc(phrases, func(p []Op) bool { return slices.ContainsFunc(p, is(kind, nil)) }), kind.String())
	}
}

// TestStartsAreWhatTheyAreCalled looks at the disks of the start states without
// the engine.
func TestStartsAreWhatTheyAreCalled(t *testing.T) {
	for _, k := range []Knobs{DefaultKnobs(), allKnobs()[47]} {
		var b bases
		for _, name := range append(Starts(), edgeStart) {
			base, err := b.get(name, k)
			require.NoError(t, err)
			v, err := rawView(base.disk)
			require.NoError(t, err)
			if name == "fresh" {
				assert.Nil(t, v)
				continue
			}
			require.NotNil(t, v, name)
			assert.Empty(t, v.Faults, name)
			assert.Equal(t, name != "dirty", v.Meta.Clean, name)
			assert.Equal(t, name == "free", len(v.Free) > 0, name)
			assert.Equal(t, name == "dirty", len(v.Log.Groups) > 0, name)
			assert.Equal(t, name == "empty", len(v.Pairs) == 0, name)
			assert.Equal(t, name == edgeStart, v.Meta.NextPage == raw.SegmentBytes/pageSize-2, name)
		}
	}
}

func TestOpsRoundTrip(t *testing.T) {
	for _, k := range allKnobs() {
		list := alphabet(k)
		for _, f := range families() {
			list = slices.Concat(list, f.phrases(k), f.pairs(k))
		}
		for _, ops := range list {
			back, err := parseOps(opsString(ops))
			require.NoError(t, err)
			assert.Equal(t, opsString(ops), opsString(back))
		}
		for k.Keep = range keepDedup + 1 {
			back, err := ParseKnobs(k.String())
			require.NoError(t, err)
			assert.Equal(t, k, back)
		}
	}
}
