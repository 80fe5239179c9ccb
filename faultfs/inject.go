package faultfs

// injected is a plan at work.
type injected struct {
	plan  Plan
	seen  []int   // matching calls so far, by fault
	fired []int   // calls struck so far, by fault
	at    []*Call // the first call struck, by fault
	sited bool    // some fault asks for the place of the call
}

// match counts the call with every fault and returns the one that strikes it.
func (in *injected) match(r *Record) *Fault {
	var struck *Fault
	for i := range in.plan {
		f := &in.plan[i]
		if !f.matches(r) {
			continue
		}
		in.seen[i]++
		if struck == nil && in.strikes(i, &r.Call) {
			if in.fired[i]++; in.at[i] == nil {
				first := r.Call
				in.at[i] = &first
			}
			struck = f
		}
	}
	return struck
}

// strikes tells whether fault i strikes a matching call that was just counted.
func (in *injected) strikes(i int, c *Call) bool {
	f := &in.plan[i]
	if !f.Here || in.at[i] == nil {
		return f.strikes(in.seen[i])
	}
	return in.at[i].touches(c) && (f.Times == 0 || in.fired[i] < f.Times)
}

// touches tells whether two calls are on one path and, where they read or
// write, on a common byte.
func (c *Call) touches(other *Call) bool {
	if c.Path != other.Path {
		return false
	}
	const ranged = KindRead | KindWrite | KindAllocate
	if c.Kind&ranged == 0 || other.Kind&ranged == 0 {
		return true
	}
	return c.Off < other.Off+other.Len && other.Off < c.Off+c.Len
}

// Inject puts a plan to work in place of the one before; calls count from
// now. Nil heals the disk.
func (f *FS) Inject(p Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = injected{plan: append(Plan(nil), p...), seen: make([]int, len(p)), fired: make([]int, len(p)), at: make([]*Call, len(p))}
	for i := range p {
		f.faults.sited = f.faults.sited || p[i].Site != ""
	}
}

// Fired tells how many calls each fault of the plan has struck, so that a
// test can assert that its fault did strike.
func (f *FS) Fired() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.faults.fired...)
}
