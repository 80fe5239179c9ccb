package format

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Offsets gives what All gives, whether or not there are dead records, and Fits
// foretells what Insert does.
func TestOffsetsAndFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := make(KV, PageSizeMin)
		InitKV(p, 7)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			key := fmt.Appendf(nil, "k%d", rapid.IntRange(0, 30).Draw(t, "key"))
			hash := Hash64(key)
			if rapid.IntRange(0, 3).Draw(t, "op") == 0 {
				p.Delete(hash, key)
				continue
			}
			value := make([]byte, rapid.IntRange(0, 400).Draw(t, "len"))
			_, present := p.Get(hash, key)
			fits := p.Fits(len(key), len(value), present)
			require.Equal(t, fits, p.Insert(hash, key, value))
		}
		want := map[string]string{}
		for k, v := range p.All() {
			want[string(k)] = string(v)
		}
		got := map[string]string{}
		offsets := p.Offsets(nil)
		require.True(t, slices.IsSorted(offsets))
		for _, off := range offsets {
			k, v := p.Record(off)
			got[string(k)] = string(v)
		}
		require.Equal(t, want, got)
		require.Len(t, offsets, p.Used())
	})
}

// NewRoom is the border between what Insert takes and what it does not.
func TestNewRoomIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := make(KV, PageSizeMin)
		InitKV(p, 7)
		top := rapid.SampledFrom([]int{2, 14, 300, 3000}).Draw(t, "longest")
		for i := range rapid.IntRange(0, 500).Draw(t, "records") {
			key := fmt.Appendf(nil, "%04d", i)
			p.Insert(Hash64(key), key, make([]byte, rapid.IntRange(0, top).Draw(t, "len")))
		}
		room := p.NewRoom()
		if record := room - RecordSize(3, 0); record >= 0 {
			require.True(t, p.Fits(3, record, false))
			require.False(t, p.Fits(3, record+1, false))
		} else {
			require.False(t, p.Fits(3, 0, false))
		}
	})
}
