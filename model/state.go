package model

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// State is what a database holds: values by key. Functions of this package
// never modify a State that they are given.
type State map[string]string

// Clone is a copy that may be modified; never nil.
func (s State) Clone() State {
	c := make(State, len(s)+1)
	maps.Copy(c, s)
	return c
}

// Keys are the keys that begin with prefix, sorted.
func (s State) Keys(prefix string) []string {
	keys := make([]string, 0, len(s))
	for k := range s {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Equal reports whether both hold the same pairs.
func Equal(a, b State) bool { return maps.Equal(a, b) }

// diffKeys bounds the keys that Diff names.
const diffKeys = 5

// Diff names the first keys at which got is not what was wanted; it is empty
// for equal states.
func Diff(got, want State) string {
	var lines []string
	all := got.Clone()
	maps.Copy(all, want)
	different := 0
	for _, k := range all.Keys("") {
		g, gok := got[k]
		w, wok := want[k]
		if g == w && gok == wok {
			continue
		}
		if different++; different <= diffKeys {
			lines = append(lines, fmt.Sprintf("%s: got %s, want %s", short(k), shortOr(g, gok), shortOr(w, wok)))
		}
	}
	if different > diffKeys {
		lines = append(lines, fmt.Sprintf("and %d keys more", different-diffKeys))
	}
	return strings.Join(lines, "; ")
}

func shortOr(s string, there bool) string {
	if !there {
		return "no such key"
	}
	return short(s)
}

// short quotes a text; of a long one the beginning, with the length and a sum
// over all bytes, by which two long ones can be told apart.
func short(s string) string {
	const most = 24
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%q…(%d bytes, sum %08x)", s[:12], len(s), crc32.ChecksumIEEE([]byte(s)))
}
