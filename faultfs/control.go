package faultfs

import "slices"

// Seq is the number of the last call. All calls count, from 1.
func (f *FS) Seq() int { return int(f.seq.Load()) }

// StopAfter makes every call with a number above seq do nothing and return an
// error that matches ErrCrashed, as after a crash of the machine.
func (f *FS) StopAfter(seq int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopAt = int64(seq)
}

// Stop is StopAfter from now on.
func (f *FS) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopAt = f.seq.Load()
}

// Note puts a text into the log, to mark what a program did between calls.
func (f *FS) Note(text string) {
	o, err := f.begin(Call{Kind: KindNote})
	if err != nil {
		return
	}
	o.rec.Note = text
	o.end(nil)
}

// Log is what was recorded so far.
func (f *FS) Log() *Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &Log{base: f.base, baseSeq: f.baseSeq, lastSeq: f.Seq(), records: slices.Clip(f.records), opts: f.opts}
}

// ResetLog starts the log anew, with the present disk as its beginning. Calls
// keep their numbers.
func (f *FS) ResetLog() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base, f.baseSeq, f.records = f.d.freeze(), f.Seq(), nil
}

// State is the disk at this moment.
func (f *FS) State() *State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &State{From: f.Seq(), To: f.Seq(), d: f.d.freeze(), opts: f.opts}
}

// Snapshot is the same disk, pending atoms included, as another FS that
// nobody has open. Neither sees what happens to the other.
func (f *FS) Snapshot() *FS { return f.State().Kill() }

// SyncAll makes everything that is live durable.
func (f *FS) SyncAll() {
	o, err := f.begin(Call{Kind: KindTamper})
	if err != nil {
		return
	}
	o.rec.Note = "sync all"
	o.do(settleAct{})
	o.end(nil)
}

// Handles is the number of files open now; locks do not count.
func (f *FS) Handles() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// Locks is the number of locks held now.
func (f *FS) Locks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}
