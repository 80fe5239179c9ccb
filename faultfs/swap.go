package faultfs

import "strconv"

// kindDelayable are the calls whose caller needs nothing but their nil.
const kindDelayable = KindMkdir | KindRemove | KindRename | KindWrite | KindTruncate | KindAllocate | KindFsync

// kindChanging are the calls that can change what a crash leaves.
const kindChanging = kindDelayable | KindCreate | KindHolder

// delayed is a call that changes place with the next one.
type delayed struct {
	rec *Record // of the call as its caller made it
	run func(*op) error
}

// evades takes a call that would succeed out of its place: EffectLie drops it,
// EffectSwap keeps it until the next changing call is over. It tells whether
// the caller gets its nil now.
func (o *op) evades(run func(*op) error) bool {
	if o.fault == nil {
		return false
	}
	switch o.fault.Effect {
	case EffectLie:
		return true
	case EffectSwap:
		if o.f.delayed == nil {
			o.f.delayed = &delayed{rec: o.rec, run: run}
			return true
		}
		// This call is the next one of an earlier pair.
		o.fault, o.rec.Fault = nil, ""
	}
	return false
}

// late makes the call that was to change place with the one that has just been
// logged, as a call of its own: a crash can strike between the two.
func (f *FS) late(after *Record) {
	d := f.delayed
	changing := after.Kind&kindChanging != 0 || after.Kind == KindOpen && len(after.acts) > 0
	if d == nil || d.rec == after || !changing || f.seq.Load() >= f.stopAt {
		return
	}
	f.delayed = nil
	c := d.rec.Call
	rec := &Record{Call: c, Start: f.Seq(), Label: d.rec.Label, Caller: d.rec.Caller, Outer: d.rec.Outer,
		Note: "in place of " + strconv.Itoa(d.rec.Seq), Inode: d.rec.Inode}
	rec.Seq = int(f.seq.Add(1))
	o := op{f: f, rec: rec, start: rec.Start}
	rec.Err = d.run(&o)
	f.records = append(f.records, rec)
}
