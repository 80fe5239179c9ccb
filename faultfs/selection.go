package faultfs

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Selection says which of a state's pending atoms, by their index in
// State.Pending, a power cut lets persist. It is a value: its methods return
// new selections. The zero value selects nothing.
type Selection struct {
	words    []uint64
	cutAtom  int // index + 1 of the data atom that is cut, 0 = none
	cutBytes int
}

// None selects no atom.
func None() Selection { return Selection{} }

// All selects the first n atoms.
func All(n int) Selection {
	w := make([]uint64, (n+63)/64)
	for i := range w {
		w[i] = ^uint64(0)
	}
	if n%64 != 0 {
		w[len(w)-1] = 1<<(n%64) - 1
	}
	return Selection{words: w}
}

// Of selects the atoms of the given indexes.
func Of(indexes ...int) Selection {
	var s Selection
	for _, i := range indexes {
		s.set(i)
	}
	return s
}

// Has tells whether atom i persists, wholly or cut.
func (s Selection) Has(i int) bool {
	return i/64 < len(s.words) && s.words[i/64]>>(i%64)&1 == 1
}

// With adds atom i.
func (s Selection) With(i int) Selection {
	s = s.clone()
	s.set(i)
	return s
}

// Without takes atom i out.
func (s Selection) Without(i int) Selection {
	s = s.clone()
	s.clear(i)
	return s
}

// Cut adds data atom i, of which only the first n bytes persist: a write that
// was in flight and tore inside a sector. At most one atom is cut. Under NoPSOW
// the whole sector is lost, to zeros if n is 0 and else to noise; there i may
// also be a cut that ends inside a sector.
func (s Selection) Cut(i, n int) Selection {
	s = s.With(i)
	s.cutAtom, s.cutBytes = i+1, n
	return s
}

// CutAtom is the atom that is cut and how many of its bytes persist; under
// NoPSOW the sector of that atom is lost. ok tells whether there is one.
func (s Selection) CutAtom() (atom, bytes int, ok bool) {
	return s.cutAtom - 1, s.cutBytes, s.cutAtom > 0
}

// Len is the number of selected atoms.
func (s Selection) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s *Selection) set(i int) {
	for len(s.words) <= i/64 {
		s.words = append(s.words, 0)
	}
	s.words[i/64] |= 1 << (i % 64)
}

func (s *Selection) clear(i int) {
	if i/64 < len(s.words) {
		s.words[i/64] &^= 1 << (i % 64)
	}
}

func (s Selection) clone() Selection {
	s.words = slices.Clone(s.words)
	return s
}

func (s *Selection) setRange(r [2]int) {
	for i := r[0]; i < r[1]; i++ {
		s.set(i)
	}
}

func (s *Selection) clearRange(r [2]int) {
	for i := r[0]; i < r[1]; i++ {
		s.clear(i)
	}
}

// cutOf is how many bytes of atom i persist, -1 for all of them.
func (s Selection) cutOf(i int) int {
	if s.cutAtom == i+1 {
		return s.cutBytes
	}
	return -1
}

// String is a hexadecimal number whose bit i stands for atom i, followed by
// "/atom:bytes" when an atom is cut.
func (s Selection) String() string {
	var b strings.Builder
	for i := len(s.words) - 1; i >= 0; i-- {
		if b.Len() == 0 {
			if s.words[i] != 0 {
				b.WriteString(strconv.FormatUint(s.words[i], 16))
			}
			continue
		}
		fmt.Fprintf(&b, "%016x", s.words[i])
	}
	if b.Len() == 0 {
		b.WriteByte('0')
	}
	if s.cutAtom > 0 {
		fmt.Fprintf(&b, "/%d:%d", s.cutAtom-1, s.cutBytes)
	}
	return b.String()
}

// ParseSelection reads what String wrote.
func ParseSelection(text string) (Selection, error) {
	var s Selection
	hex, cut, torn := strings.Cut(text, "/")
	if hex == "" {
		return s, fmt.Errorf("faultfs: empty selection %q", text)
	}
	for end := len(hex); end > 0; end -= 16 {
		w, err := strconv.ParseUint(hex[max(0, end-16):end], 16, 64)
		if err != nil {
			return Selection{}, fmt.Errorf("faultfs: selection %q: %w", text, err)
		}
		s.words = append(s.words, w)
	}
	if torn {
		atom, n, _ := strings.Cut(cut, ":")
		i, err1 := strconv.ParseUint(atom, 10, 31)
		k, err2 := strconv.ParseUint(n, 10, 31)
		if err1 != nil || err2 != nil {
			return Selection{}, fmt.Errorf("faultfs: selection %q: want /atom:bytes", text)
		}
		s = s.Cut(int(i), int(k))
	}
	return s, nil
}
