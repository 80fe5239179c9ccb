package wal

import (
	"fmt"
	"slices"
)

// harm closes nothing: it fills a log with synced groups and then damages copies
// of it. What is read from them is what was acknowledged, without the last group
// if that was touched, or damage; and it is damage whenever a group other than
// the last was changed.
func (w *world) harm() error {
	if w.l.Used() > 0 || w.rng.IntN(4) > 0 {
		return nil
	}
	w.f.opsLeft, w.f.failSync = -1, -1
	for range 2 + w.rng.IntN(6) {
		if w.l.Used()+3 > w.l.Capacity() && int64(w.l.Used()+3)*stride+44 > w.o.LogBytes {
			break
		}
		if err := w.commit(1 + w.rng.IntN(3)); err != nil {
			return err
		}
	}
	if len(w.groups) < 2 {
		return nil
	}
	whole := w.f.live
	defer func() { w.f.live = whole }()
	for range 6 {
		b := slices.Clone(whole)
		var what string
		if w.rng.IntN(8) == 0 {
			b = b[:w.rng.IntN(len(b))]
			what = fmt.Sprintf("cut to %d bytes", len(b))
		} else {
			what = w.change(b)
		}
		w.f.live = b
		if err := w.judgeHarm(whole); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// change damages b anywhere.
func (w *world) change(b []byte) string {
	at := begin + w.rng.Int64N(int64(w.l.Used())*stride)
	other := begin + w.rng.Int64N(int64(w.l.Used())*stride)
	n := min(512, int64(len(b))-max(at, other))
	slotA, slotB := begin+(at-begin)/stride*stride, begin+(other-begin)/stride*stride
	switch w.rng.IntN(6) {
	case 0:
		clear(b[at : at+n])
		return fmt.Sprintf("%d zeros at %d", n, at)
	case 1:
		copy(b[at:at+n], b[other:other+n])
		return fmt.Sprintf("%d bytes at %d in the place of those at %d", n, other, at)
	case 2:
		copy(b[slotA:slotA+stride], b[slotB:slotB+stride])
		return fmt.Sprintf("record at %d in the place of that at %d", slotB, slotA)
	case 3:
		record := slices.Clone(b[slotA : slotA+stride])
		copy(b[slotA:], b[slotB:slotB+stride])
		copy(b[slotB:], record)
		return fmt.Sprintf("records at %d and %d swapped", slotA, slotB)
	default:
		b[at] ^= 1 << w.rng.IntN(8)
		return fmt.Sprintf("bit flipped at %d", at)
	}
}

func (w *world) judgeHarm(whole []byte) error {
	res, err := w.scan()
	if err != nil && isDamage(err) == nil {
		return err
	}
	last := w.groups[len(w.groups)-1]
	lastAt := begin + int64(w.l.Used()-last)*stride
	changed := func(from, to int64) bool {
		to = min(to, int64(len(whole)))
		return int64(len(w.f.live)) < to || !slices.Equal(w.f.live[from:to], whole[from:to])
	}
	before, inLast := changed(0, lastAt), changed(lastAt, lastAt+int64(last)*stride+endBytes)
	got := lsns(res)
	switch {
	case int64(len(w.f.live)) < begin+12:
		return nil // looks like a log that was cut
	case before && inLast:
		if err == nil && !slices.Equal(got, w.acked[:len(got)]) {
			return fmt.Errorf("read %v of %v", got, w.acked)
		}
	case before:
		if err == nil {
			return fmt.Errorf("no damage found, read %v of %v", got, w.acked)
		}
	case inLast:
		if err == nil && !slices.Equal(got, w.acked) && !slices.Equal(got, w.acked[:len(w.acked)-last]) {
			return fmt.Errorf("read %v of %v", got, w.acked)
		}
	case err != nil || !slices.Equal(got, w.acked):
		return fmt.Errorf("nothing that matters changed, but %w, read %v of %v", err, got, w.acked)
	}
	return nil
}
