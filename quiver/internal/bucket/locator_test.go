package bucket

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func (l *locator) all(hash uint64) (indexes []int) {
	for i, at := l.next(hash, -1); i >= 0; i, at = l.next(hash, at) {
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	return indexes
}

// The locator is a multimap: few hashes, so that they collide, wrap around the
// end of the table and share home slots.
func TestLocatorIsAMultimap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLocator(0)
		model := map[uint64][]int{}
		hashes := rapid.SliceOfN(rapid.Uint64(), 1, 12).Draw(t, "hashes")
		for i := range hashes {
			hashes[i] = hashes[i] >> indexBits << indexBits // what the table keeps of a hash
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			h := rapid.SampledFrom(hashes).Draw(t, "hash")
			index := rapid.IntRange(0, 3).Draw(t, "index")
			if rapid.Bool().Draw(t, "add") {
				l.add(h, index)
				model[h] = append(model[h], index)
			} else {
				l.remove(h, index)
				if i := slices.Index(model[h], index); i >= 0 {
					model[h] = slices.Delete(model[h], i, i+1)
				}
			}
			total := 0
			for h, want := range model {
				slices.Sort(want)
				require.Equal(t, want, append([]int{}, l.all(h)...))
				total += len(want)
			}
			require.Equal(t, total, l.count)
			require.LessOrEqual(t, l.count*4, len(l.slots)*3)
		}
	})
}

func TestLocatorKeepsTheHighestIndex(t *testing.T) {
	l := newLocator(0)
	l.add(7<<indexBits, maxIndex)
	require.Equal(t, []int{maxIndex}, l.all(7<<indexBits))
}

func TestChainWalkEnds(t *testing.T) {
	for tail := range uint64(20) {
		for cycle := uint64(1); cycle < 20; cycle++ {
			w := chainWalk{limit: 1 << 40}
			steps := uint64(0)
			for id := uint64(0); w.step(id); steps++ {
				if id++; id == tail+cycle {
					id = tail
				}
				require.Less(t, steps, 10*(tail+cycle), "a circle of %d behind %d pages was not seen", cycle, tail)
			}
		}
	}
	w := chainWalk{limit: 5}
	for id := range uint64(5) {
		require.True(t, w.step(id))
	}
	require.False(t, w.step(5), "longer than there are pages")
}
