package faultfs

import "fmt"

// Effect is what a call that a fault strikes does, and what it reports.
type Effect uint8

const (
	// EffectBefore fails the call before it does anything. A sync struck so
	// may be tried again: its atoms are still pending.
	EffectBefore Effect = iota
	// EffectAfter fails a write or read after some bytes.
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
	// the file or directory, once, whichever handle asks.
	EffectF4
	// EffectF5 fails a sync that made some of the atoms durable (Fault.Keep)
	// and dropped the others as EffectF1 does.
	EffectF5

	// The effects from here on report no error.

	// EffectShort makes a write or read do some bytes only and return their
	// number with a nil error. No file may do that; a caller must notice.
	EffectShort
	// EffectEOF makes a read return some bytes and io.EOF, as if the file
	// ended there.
	EffectEOF
	// EffectLie returns nil and does nothing: a sync that lies, a lost write.
	EffectLie
	// EffectSwap returns nil, and the call is made after the next one that
	// can change the disk: the two change places. An error of the late call
	// reaches nobody; the log has it.
	EffectSwap
	// EffectStale answers from the past: a read gets the previous version of
	// each sector, size, stat and readdir tell the sizes that are durable.
	EffectStale
	// EffectFlip inverts one bit, number Fault.Bytes, of what a read returns.
	EffectFlip
	// EffectShuffle lists a directory in an order that Fault.Seed decides.
	EffectShuffle
)

var effectNames = [...]string{"before", "after", "done", "F1", "F2", "F3", "F4", "F5",
	"short", "eof", "lie", "swap", "stale", "flip", "shuffle"}

func (e Effect) String() string {
	if int(e) < len(effectNames) {
		return effectNames[e]
	}
	return fmt.Sprintf("effect%d", e)
}

// silent tells whether a call that the effect strikes reports no error.
func (e Effect) silent() bool { return e >= EffectShort }

// parted tells whether the effect stops a call after some bytes.
func (e Effect) parted() bool { return e == EffectAfter || e == EffectShort || e == EffectEOF }

// kinds is the set of calls that can have the effect, 0 for all.
func (e Effect) kinds() Kind {
	switch e {
	case EffectF1, EffectF2, EffectF3, EffectF4, EffectF5:
		return KindFsync
	case EffectAfter, EffectShort:
		return KindRead | KindWrite
	case EffectEOF, EffectFlip:
		return KindRead
	case EffectLie, EffectSwap:
		return kindDelayable
	case EffectStale:
		return KindRead | KindStat | KindSize | KindReadDir
	case EffectShuffle:
		return KindReadDir
	}
	return 0
}

// Part says after how many bytes a write or read stops. The zero value means
// the number in Fault.Bytes.
type Part uint8

const (
	PartBytes        Part = iota
	PartHalf              // half of the call's bytes
	PartAllButOne         // all bytes but the last
	PartSector            // one sector
	PartSectorButOne      // one byte less than a sector
)

var partNames = [...]string{"bytes", "half", "len-1", "S", "S-1"}

func (p Part) String() string {
	if int(p) < len(partNames) {
		return partNames[p]
	}
	return fmt.Sprintf("part%d", p)
}

// part is after how many of n bytes the struck call stops.
func (o *op) part(n int64) int64 {
	var k int64
	switch f := o.fault; f.Part {
	case PartHalf:
		k = n / 2
	case PartAllButOne:
		k = n - 1
	case PartSector:
		k = int64(o.f.d.mk.sector)
	case PartSectorButOne:
		k = int64(o.f.d.mk.sector) - 1
	default:
		k = f.Bytes
	}
	return min(max(k, 0), n)
}
