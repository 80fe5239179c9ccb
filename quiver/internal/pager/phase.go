package pager

// Phase tells how far something is that takes long: at its start, now and then,
// and when all of it is done, and only then, that it is. A phase of nothing is
// told once. A nil Phase tells nobody.
type Phase struct {
	tell        func(done, total int64)
	total, next int64
	every       int64
}

// phaseSteps and phaseEvery bound how often a phase is told: each hundredth part,
// and each 256 of what it counts, so that a large one moves too.
const (
	phaseSteps = 100
	phaseEvery = 256
)

// BeginPhase tells of the start; tell may be nil.
func BeginPhase(tell func(done, total int64), total int64) *Phase {
	if tell == nil {
		return nil
	}
	f := &Phase{tell: tell, total: total, every: min(max(total/phaseSteps, 1), phaseEvery)}
	f.At(0)
	return f
}

// At tells how much is done. That it is all is left to End.
func (f *Phase) At(done int64) {
	if f == nil || done < f.next || done >= f.total {
		return
	}
	f.next = done + f.every
	f.tell(done, f.total)
}

// End tells that the phase has succeeded.
func (f *Phase) End() {
	if f != nil {
		f.tell(f.total, f.total)
	}
}

// beginPhase is BeginPhase for a phase of Open.
func (p *Pager) beginPhase(name string, total int64) *Phase {
	if p.o.Progress == nil {
		return nil
	}
	return BeginPhase(func(done, total int64) { p.o.Progress(name, done, total) }, total)
}

// beginSome is beginPhase for a phase that does not exist where there is nothing to do.
func (p *Pager) beginSome(name string, total int) *Phase {
	if total == 0 {
		return nil
	}
	return p.beginPhase(name, int64(total))
}
