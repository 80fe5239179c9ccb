package faultfs

// injected is a plan at work.
type injected struct {
	plan  Plan
	seen  []int // matching calls so far, by fault
	fired []int // calls struck so far, by fault
}

// match counts the call with every fault and returns the one that strikes it.
func (in *injected) match(c *Call) *Fault {
	var struck *Fault
	for i := range in.plan {
		f := &in.plan[i]
		if !f.matches(c) {
			continue
		}
		in.seen[i]++
		if struck == nil && f.strikes(in.seen[i]) {
			in.fired[i]++
			struck = f
		}
	}
	return struck
}

// Inject puts a plan to work in place of the one before; calls count from
// now. Nil heals the disk.
func (f *FS) Inject(p Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = injected{plan: append(Plan(nil), p...), seen: make([]int, len(p)), fired: make([]int, len(p))}
}

// Fired tells how many calls each fault of the plan has struck, so that a
// test can assert that its fault did strike.
func (f *FS) Fired() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.faults.fired...)
}
