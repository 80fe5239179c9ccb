package faultfs

import (
	"fmt"
	"syscall"
)

// Effect is what a call that a fault strikes does before it fails.
type Effect uint8

const (
	// EffectBefore fails the call before it does anything. A sync struck so
	// may be tried again: its atoms are still pending.
	EffectBefore Effect = iota
	// EffectAfter fails a write or read after Fault.Bytes bytes.
	EffectAfter
	// EffectDone does the whole call and reports an error all the same. A
	// close always ends the handle, whatever the effect.
	EffectDone
	// EffectF1 fails a sync and marks the pages clean: the live view keeps
	// the new bytes, the disk keeps the old ones, and the next sync returns
	// nil without having written them.
	EffectF1
	// EffectF2 fails a sync and takes the new bytes back from the live view
	// too. Names do not go back: on a directory it is EffectF1.
	EffectF2
	// EffectF3 fails a sync that made everything durable.
	EffectF3
	// EffectF4 lets a sync succeed and reports the error at the next sync of
	// the file, once, whichever handle asks. On a directory it is EffectF3.
	EffectF4
	// EffectF5 fails a sync that made some of the atoms durable (Fault.Keep)
	// and dropped the others as EffectF1 does.
	EffectF5
)

var effectNames = [...]string{"before", "after", "done", "F1", "F2", "F3", "F4", "F5"}

func (e Effect) String() string {
	if int(e) < len(effectNames) {
		return effectNames[e]
	}
	return fmt.Sprintf("effect%d", e)
}

// ofSync tells whether the effect is one that only syncs have.
func (e Effect) ofSync() bool { return e >= EffectF1 }

// alternate is the F5 subset when a fault names none: every second atom.
const alternate = 0x5555555555555555

// Fault makes calls fail. It counts the calls that match it, from the moment
// of FS.Inject.
type Fault struct {
	Kind  Kind  // 0 = any; notes and silent changes are never struck
	Class Class // 0 = any; a rename matches by either of its names
	// N is the first matching call that fails, counted from 1; 0 = 1.
	N int
	// Times is how many matching calls fail, one after the other, before the
	// fault heals; 0 = one, or all from N on when Sticky is set.
	Times  int
	Sticky bool
	Errno  syscall.Errno // 0 = EIO
	Effect Effect
	Bytes  int64  // EffectAfter
	Keep   uint64 // EffectF5: bit i mod 64 = atom i persists; 0 = every second one
}

// matches tells whether a call is of the kind and class that the fault is for.
func (f *Fault) matches(c *Call) bool {
	if c.Kind&(KindNote|KindTamper) != 0 || f.Kind != 0 && f.Kind&c.Kind == 0 {
		return false
	}
	if f.Effect.ofSync() && c.Kind&KindFsync == 0 || f.Effect == EffectAfter && c.Kind&(KindRead|KindWrite) == 0 {
		return false
	}
	if f.Class == 0 || f.Class&ClassOf(c.Path) != 0 {
		return true
	}
	return c.To != "" && f.Class&ClassOf(c.To) != 0
}

// strikes tells whether the n-th matching call, from 1, fails.
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
