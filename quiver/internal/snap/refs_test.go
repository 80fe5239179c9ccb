package snap

import (
	"fmt"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// refsMachine is a database that begins, ends and removes snapshots over one
// SnapStore, in any order, with crashes anywhere.
type refsMachine struct {
	d     *faultfs.FS
	st    *Store
	open  map[string]*Sidecar
	named map[string][]Frame // what the registry would name, with what was acknowledged
	next  int
	torn  bool // a crash may have left counts too high
}

func (m *refsMachine) ids() []string {
	var ids []string
	for id := range m.named {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (m *refsMachine) pick(t *rapid.T) string {
	if len(m.named) == 0 {
		t.Skip("no snapshot")
	}
	return rapid.SampledFrom(m.ids()).Draw(t, "id")
}

func (m *refsMachine) start(t *rapid.T) {
	var err error
	m.st, err = OpenStore(m.d, storeDir, pageSize, false)
	require.NoError(t, err)
	refs, err := References(m.d, root)
	require.NoError(t, err)
	leftOversFirst := rapid.Bool().Draw(t, "left-overs first")
	if !leftOversFirst {
		require.NoError(t, m.st.Raise(refs))
	}
	ids, err := List(m.d, root)
	require.NoError(t, err)
	for _, id := range ids {
		if _, ok := m.named[id]; !ok {
			require.NoError(t, Remove(id, durable(m.d, m.st)))
		}
	}
	if leftOversFirst {
		refs, err = References(m.d, root)
		require.NoError(t, err)
		require.NoError(t, m.st.Raise(refs))
	}
	m.open = map[string]*Sidecar{}
	for _, id := range m.ids() {
		m.open[id], err = Open(id, 100, durable(m.d, m.st), false)
		require.NoError(t, err)
	}
}

func (m *refsMachine) create(t *rapid.T) {
	m.next++
	id := fmt.Sprint("s", m.next)
	s, err := Create(id, 100, someHeads, durable(m.d, m.st))
	require.NoError(t, err)
	m.open[id], m.named[id] = s, nil
}

func (m *refsMachine) freeze(t *rapid.T) {
	id := m.pick(t)
	var frames []Frame
	for range rapid.IntRange(1, 3).Draw(t, "pages") {
		p := rapid.Uint64Range(1, 4).Draw(t, "page")
		frames = append(frames, pages(p, p)...)
	}
	require.NoError(t, m.open[id].Freeze(frames))
	m.named[id] = append(m.named[id], frames...)
}

func (m *refsMachine) remove(t *rapid.T) {
	id := m.pick(t)
	delete(m.named, id)
	require.NoError(t, m.open[id].Close())
	delete(m.open, id)
	require.NoError(t, Remove(id, durable(m.d, m.st)))
}

func (m *refsMachine) compact(t *rapid.T) {
	_, _, _, err := m.st.Compact()
	require.NoError(t, err)
}

// crash cuts the power, mostly within an operation that had not returned.
func (m *refsMachine) crash(t *rapid.T) {
	in := rapid.SampledFrom([]string{"freeze", "remove", "compact", "flush", "create"}).Draw(t, "in")
	id := ""
	if len(m.named) > 0 {
		id = m.pick(t)
	} else if in != "create" {
		in = "flush"
	}
	m.d.StopAfter(m.d.Seq() + rapid.IntRange(0, 20).Draw(t, "calls"))
	switch in {
	case "freeze":
		if m.open[id].Freeze(pages(1, 1, 2, 2, 3, 3, 4, 4)) == nil {
			m.named[id] = pages(1, 1, 2, 2, 3, 3, 4, 4)
		}
	case "remove":
		delete(m.named, id)
		_ = Remove(id, durable(m.d, m.st))
	case "compact":
		_, _, _, _ = m.st.Compact()
	case "flush":
		_ = m.st.Flush()
	case "create":
		_, _ = Create("left-over", 100, someHeads, durable(m.d, m.st))
	}
	m.torn = true
	state := m.d.State()
	n := len(state.Pending())
	sel := faultfs.None()
	for i := range n {
		if rapid.Bool().Draw(t, "persists") {
			sel = sel.With(i)
		}
	}
	m.d = state.Crash(sel)
	m.start(t)
}

func (m *refsMachine) restart(t *rapid.T) {
	for _, s := range m.open {
		require.NoError(t, s.Close())
	}
	require.NoError(t, m.st.Close())
	m.start(t)
}

func (m *refsMachine) recount(t *rapid.T) {
	refs, err := References(m.d, root)
	require.NoError(t, err)
	require.NoError(t, m.st.Recount(refs))
	m.torn = false
}

// check: each image has a reference for each snapshot that names it, none more
// where no crash was, and can be read; so can each page that was acknowledged.
func (m *refsMachine) check(t *rapid.T) {
	require.NoError(t, readableFromStore(m.d, m.st))
	refs, err := References(m.d, root)
	require.NoError(t, err)
	for h, im := range m.st.images {
		if !m.torn {
			require.Equal(t, refs[h], im.refs)
		}
	}
	for id, frames := range m.named {
		for _, f := range frames {
			require.NoError(t, holds(m.open[id], f))
		}
	}
}

// TestReferences: counts are right for any order of begin, freeze, remove,
// compact, restart and crash.
func TestReferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &refsMachine{d: newDisk(faultfs.Options{}), named: map[string][]Frame{}}
		m.start(t)
		t.Repeat(map[string]func(*rapid.T){
			"create": m.create, "freeze": m.freeze, "freeze again": m.freeze, "remove": m.remove,
			"compact": m.compact, "restart": m.restart, "crash": m.crash, "recount": m.recount,
			"": m.check,
		})
	})
}
