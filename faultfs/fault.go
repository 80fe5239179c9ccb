package faultfs

import "syscall"

// alternate is the F5 subset when a fault names none: every second atom.
const alternate = 0x5555555555555555

// OtherHalf is the F5 subset (Fault.Keep) of the atoms that are lost when a fault
// names none: of the two each atom is lost in one, also where a sync covers one.
const OtherHalf = ^uint64(alternate)

// Fault makes calls fail, or lie. It counts the calls that match it, from the
// moment of FS.Inject.
type Fault struct {
	Kind  Kind  // 0 = any; notes and silent changes are never struck
	Class Class // 0 = any; a rename matches by either of its names
	// Site is the place of the call in the code, as Site.Place tells it, or
	// only the innermost file:line; "" = any.
	Site string
	// N is the first matching call that is struck, counted from 1; 0 = 1.
	N int
	// Times is how many matching calls are struck, one after the other, before
	// the fault heals; 0 = one, or all from N on when Sticky or Here is set.
	Times  int
	Sticky bool
	// Here makes the fault sticky for a place: from call N on it strikes the
	// matching calls on the same path that touch a byte that call N touched.
	Here   bool
	Errno  syscall.Errno // 0 = EIO; of no use to effects that report no error
	Effect Effect
	Part   Part   // EffectAfter, EffectShort, EffectEOF: after how many bytes
	Bytes  int64  // the same as a number; EffectFlip: the bit
	Keep   uint64 // EffectF5: bit i mod 64 = atom i persists; 0 = every second one
	Seed   uint64 // EffectShuffle
}

// matches tells whether a call is one that the fault is for.
func (f *Fault) matches(r *Record) bool {
	c := &r.Call
	if c.Kind&(KindNote|KindTamper) != 0 || f.Kind != 0 && f.Kind&c.Kind == 0 {
		return false
	}
	if can := f.Effect.kinds(); can != 0 && can&c.Kind == 0 {
		return false
	}
	if f.Site != "" && f.Site != r.Caller && f.Site != r.Place() {
		return false
	}
	if f.Class == 0 || f.Class&ClassOf(c.Path) != 0 {
		return true
	}
	return c.To != "" && f.Class&ClassOf(c.To) != 0
}

// strikes tells whether the n-th matching call, from 1, is struck.
func (f *Fault) strikes(n int) bool {
	first := max(f.N, 1)
	switch {
	case n < first:
		return false
	case f.Times > 0:
		return n < first+f.Times
	}
	return f.Sticky || n == first
}

func (f *Fault) errno() syscall.Errno {
	if f.Errno == 0 {
		return syscall.EIO
	}
	return f.Errno
}

func (f *Fault) keep() uint64 {
	if f.Keep == 0 {
		return alternate
	}
	return f.Keep
}
