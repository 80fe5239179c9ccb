package faultfs

import (
	"slices"
	"syscall"
)

// Errors lists the faults that calls of the given kinds are known to suffer,
// each kind with each of its errors and effects, 0 for all kinds. They strike
// the first call; set N, Sticky, Here, Class or Site to aim them.
//
// Damage to what is read is not among them: EffectStale of a read, EffectFlip,
// EffectLie and EffectSwap.
func Errors(kinds Kind) []Fault {
	var list []Fault
	for i := range kindNames {
		if k := Kind(1) << i; kinds == 0 || kinds&k != 0 {
			list = append(list, errorsOf(k)...)
		}
	}
	return list
}

func errorsOf(k Kind) []Fault {
	switch k {
	case KindWrite:
		list := each(k, EffectBefore, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EFBIG)
		for _, f := range slices.Clone(list) {
			f.Effect = EffectDone
			list = append(list, f)
			f.Effect = EffectAfter
			list = append(list, parts(f)...)
		}
		return append(list, parts(Fault{Kind: k, Effect: EffectShort})...)
	case KindRead:
		list := each(k, EffectBefore, syscall.EIO, syscall.EAGAIN)
		list = append(list, parts(Fault{Kind: k, Effect: EffectShort})...)
		list = append(list, parts(Fault{Kind: k, Effect: EffectEOF})...)
		return append(list, Fault{Kind: k, Effect: EffectEOF})
	case KindSync, KindSyncData, KindSyncDir:
		var list []Fault
		for _, e := range []Effect{EffectBefore, EffectF1, EffectF2, EffectF3, EffectF4, EffectF5} {
			list = append(list, each(k, e, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT)...)
		}
		for _, f := range each(k, EffectF5, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT) {
			f.Keep = OtherHalf
			list = append(list, f)
		}
		return list
	case KindOpen, KindCreate:
		return each(k, EffectBefore, syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC, syscall.EACCES, syscall.EROFS, syscall.ENOENT, syscall.EINTR)
	case KindRename, KindRemove, KindTruncate, KindMkdir, KindAllocate:
		errnos := []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EBUSY, syscall.EXDEV}
		return append(each(k, EffectBefore, errnos...), each(k, EffectDone, errnos...)...)
	case KindClose, KindUnlock:
		return each(k, EffectBefore, syscall.EIO, syscall.EDQUOT, syscall.EINTR)
	case KindReadDir:
		return append(each(k, EffectBefore, syscall.EIO), Fault{Kind: k, Effect: EffectStale}, Fault{Kind: k, Effect: EffectShuffle, Seed: 1})
	case KindStat, KindSize:
		return append(each(k, EffectBefore, syscall.EIO), Fault{Kind: k, Effect: EffectStale})
	case KindLock:
		return each(k, EffectBefore, syscall.EIO, syscall.EWOULDBLOCK)
	case KindHolder:
		return append(each(k, EffectBefore, syscall.EIO, syscall.ENOSPC), each(k, EffectDone, syscall.EIO)...)
	}
	return nil
}

func each(k Kind, e Effect, errnos ...syscall.Errno) []Fault {
	list := make([]Fault, len(errnos))
	for i, no := range errnos {
		list[i] = Fault{Kind: k, Errno: no, Effect: e}
	}
	return list
}

// parts is the fault with each of the places where a call stops.
func parts(f Fault) []Fault {
	list := []Fault{f, f, f, f, f}
	list[0].Bytes = 1
	list[1].Part = PartSectorButOne
	list[2].Part = PartSector
	list[3].Part = PartHalf
	list[4].Part = PartAllButOne
	return list
}
