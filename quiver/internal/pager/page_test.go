package pager

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// supersede makes a new version the latest one, as the commit of an operation does.
func supersede(p *Pager, pg *Page, seq uint64) {
	pg.staged, pg.base = []byte{byte(seq)}, pg.latest.Load()
	p.install(pg, seq, p.open)
	p.visible.Store(seq)
}

// A reader without a pin that stands between a pinned one and what is visible
// must not be given the version that is kept for the pinned one: its own was
// passed over, and it has to look again.
func TestVersionsKeptForAPinAreNotShownToOthers(t *testing.T) {
	p := &Pager{open: newGroup()}
	pg := &Page{ID: 1}
	pg.latest.Store(&image{data: []byte{0}})
	for _, seq := range []uint64{5, 8, 10} {
		supersede(p, pg, seq)
	}
	require.True(t, pg.trim([]uint64{10, 10}))
	for _, seq := range []uint64{12, 15, 20} {
		supersede(p, pg, seq)
	}
	require.False(t, pg.trim([]uint64{20, 11}), "a version stays for the reader at 11")

	for s, want := range map[uint64]uint64{10: 10, 11: 10, 12: 0, 14: 0, 15: 0, 19: 0, 20: 20, 21: 20} {
		img, cold := pg.at(s)
		require.False(t, cold)
		if want == 0 {
			require.Nil(t, img, "at %d", s)
			continue
		}
		require.NotNil(t, img, "at %d", s)
		require.Equal(t, want, img.seq, "at %d", s)
	}
}
