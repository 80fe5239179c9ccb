package quiver_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// placeholderLike has the shape that the format takes for a reference to a long
// value: 18 bytes of which the first is 0xFF.
const placeholderLike = "\xff\x00\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"

var prefixes = []string{"", "a", "key", "key1", "\xff", "no such prefix"}

// shapes draws keys and values for a page size.
type shapes struct {
	pageSize, threshold int
	keys                []string
}

// plainKeys is how many keys of the usual kind there are.
const plainKeys = 80

func newShapes(k knobs) *shapes {
	s := &shapes{pageSize: k.PageSize, threshold: k.threshold()}
	for i := range plainKeys {
		s.keys = append(s.keys, fmt.Sprintf("key%02d", i/2))
	}
	longest := strings.Repeat("L", format.MaxKeyLen(k.PageSize))
	special := []string{"", "a", "a\x00", "aa", "\xff", "\xff\xff", placeholderLike, longest, longest[:len(longest)-1] + "M"}
	s.keys = append(append(s.keys, special...), special...)
	return s
}

// key draws a number, for a key may be too long to be logged.
func (s *shapes) key(t *rapid.T) string {
	return s.keys[rapid.IntRange(0, len(s.keys)-1).Draw(t, "key")]
}

// lengths are those at which something changes in how a value is stored.
func (s *shapes) lengths(key string) []int {
	fill := s.pageSize - format.PageHeaderSize - 12 - len(key) // a record that fills a page
	chunk := format.ChunkSize(s.pageSize)
	return []int{0, 1, 17, 18, 19, s.threshold - 1, s.threshold, s.threshold + 1, fill - 1, fill, fill + 1, fill / 2, fill/2 + 1,
		chunk - 1, chunk, chunk + 1, 2 * chunk, 2*chunk + 1, 3 * chunk}
}

// value draws a value for a key.
func (s *shapes) value(t *rapid.T, key string) string {
	switch kind := rapid.IntRange(0, 9).Draw(t, "value kind"); {
	case kind < 6:
		return pattern(rapid.IntRange(0, 60).Draw(t, "value length"), t)
	case kind == 6:
		return placeholderLike
	case kind == 7:
		v := pattern(18, t)
		return "\xff" + v[1:]
	default:
		n := rapid.SampledFrom(s.lengths(key)).Draw(t, "value length")
		return pattern(min(max(0, n), 4*s.pageSize), t)
	}
}

// pattern makes n bytes that differ from those of another seed, and from
// themselves at another offset.
func pattern(n int, t *rapid.T) string {
	if n == 0 {
		return ""
	}
	x := uint32(rapid.IntRange(1, 1<<16).Draw(t, "value seed"))
	b := make([]byte, n)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

func (s *shapes) put(t *rapid.T) model.Op {
	key := s.key(t)
	return model.Op{Kind: model.Put, Key: key, Value: s.value(t, key)}
}

func (s *shapes) batch(t *rapid.T) model.Op {
	o := model.Op{Kind: model.Batch}
	for range rapid.IntRange(1, 8).Draw(t, "changes") {
		key := s.key(t)
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			o.Changes = append(o.Changes, model.Change{Key: key, Delete: true})
		} else {
			o.Changes = append(o.Changes, model.Change{Key: key, Value: s.value(t, key)})
		}
	}
	return o
}

// write draws any call that changes something.
func (s *shapes) write(t *rapid.T) model.Op {
	switch kind := rapid.IntRange(0, 9).Draw(t, "write"); {
	case kind < 4:
		return s.put(t)
	case kind < 6:
		return s.batch(t)
	case kind < 8:
		return model.Op{Kind: model.Delete, Key: s.key(t)}
	case kind == 8:
		return model.Op{Kind: model.Append, Key: s.key(t), Value: pattern(rapid.IntRange(0, 300).Draw(t, "more"), t)}
	default:
		return model.Op{Kind: model.DeletePrefix, Key: rapid.SampledFrom(prefixes).Draw(t, "prefix")}
	}
}
