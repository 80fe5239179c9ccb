package faultfs

// State is the disk at one moment: what is live, what is durable, and the
// atoms pending between the two. It is immutable and safe for concurrent use.
type State struct {
	// From and To are the calls between which the disk was in this state: it
	// came to be with call From and was the same after call To, because only
	// calls without effect on the disk lie between.
	From, To int

	d       *disk // frozen
	rec     *Record
	opts    Options
	profile Profile
	whole   *State // the state itself where this is a view of it; see Under
}

// Record is the call that made the state, nil at the beginning of a log.
func (s *State) Record() *Record { return s.rec }

// Pending lists the atoms that a power cut may lose, in the order of issue.
func (s *State) Pending() []Atom {
	list := make([]Atom, len(s.d.pending))
	for i, a := range s.d.pending {
		list[i] = *a
	}
	return list
}

// Crash cuts the power: the new disk holds what was durable and the selected
// pending atoms, all of it durable. Nobody has it open. What is selected beyond
// what the profile allows gets lost too; see Lawful.
func (s *State) Crash(sel Selection) *FS { return s.Image(sel).FS() }

// Kill ends every process but not the machine: all that was written is still
// to be seen, and what was pending is still pending. The new FS goes on with
// the numbering of calls, because the pending atoms keep their numbers.
func (s *State) Kill() *FS {
	if s.whole != nil {
		s = s.whole
	}
	return newFS(s.derived(), s.d.killed(), s.To)
}

// derived are the options of a disk made from this one: the hooks belong to
// the run that set them.
func (s *State) derived() Options {
	o := s.opts
	o.Before, o.Label = nil, nil
	return o
}
