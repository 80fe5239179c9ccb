package fuzz

import (
	"bytes"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// TestBuffersForget: what an input makes does not depend on the one before it. Else
// a failure could not be replayed.
func TestBuffersForget(t *testing.T) {
	full := append([]byte{3, 0, 1}, bytes.Repeat([]byte{0xA5}, 40000)...)
	empty := []byte{0}
	made := map[string]func(m *buffers, data []byte) []byte{
		"page":         func(m *buffers, data []byte) []byte { page, _ := m.recipe(data); return page },
		"freeze frame": func(m *buffers, data []byte) []byte { return m.frame(data, format.FrameHeaderSize, 16) },
		"store frame":  func(m *buffers, data []byte) []byte { return m.frame(data, format.StoreFrameHeaderSize, 8) },
		"stream":       func(m *buffers, data []byte) []byte { b, _ := m.recipeStream(reader{data}); return b },
		"value":        func(m *buffers, data []byte) []byte { return m.repeated(data, 3, 50000) },
	}
	for name, recipe := range made {
		used, want := new(buffers), bytes.Clone(recipe(new(buffers), empty))
		recipe(used, full)
		if got := recipe(used, empty); !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes behind another input", name)
		}
	}
}
