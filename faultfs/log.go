package faultfs

import (
	"iter"
	"strings"
	"sync"
)

// Log is what an FS recorded: the disk it began with and every call since.
// It is immutable, and enough to rebuild the disk after any of the calls
// without running the program again.
type Log struct {
	base    *disk // frozen
	baseSeq int   // the last call before the log
	lastSeq int
	records []*Record
	opts    Options

	once sync.Once
	past *history
}

// Records lists the calls in order. The caller must not change them.
func (l *Log) Records() []*Record { return l.records }

// String is one line a record.
func (l *Log) String() string {
	var b strings.Builder
	for _, r := range l.records {
		b.WriteString(r.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Fingerprint is a hash of all calls, what they wrote and what they returned:
// two runs of a repeatable program have the same one.
func (l *Log) Fingerprint() Digest {
	h := uint64(prime3)
	for _, r := range l.records {
		h = mix(h, hashName(r.String()))
		for _, a := range r.acts {
			switch a := a.(type) { // what writes put is in their text
			case replaceAct:
				h = mix(h, hashBytes(a.data))
			case patchAct:
				h = mix(h, hashBytes(a.data))
			}
		}
	}
	return Digest(h)
}

// Points yields every state of the disk on which a crash can strike: the one
// at the beginning of the log, then one after each call that changed it.
//
// A crash inside a call needs no point of its own. Of a write, a rename or a
// truncation in flight any part may have persisted: those are the selections
// of the state after it. Of a sync in flight any covered atom may have
// persisted: those are the selections of the state before it.
func (l *Log) Points() iter.Seq[*State] {
	return func(yield func(*State) bool) {
		d := l.base.fork()
		s := l.state(d, l.baseSeq)
		for _, r := range l.records {
			if len(r.acts) == 0 {
				continue
			}
			s.To = r.Seq - 1
			if !yield(s) {
				return
			}
			d.replay(r)
			s = l.state(d, r.Seq)
			s.rec = r
		}
		s.To = l.lastSeq
		yield(s)
	}
}

// StateAfter replays the log up to and with the call of the given number.
func (l *Log) StateAfter(seq int) *State {
	d := l.base.fork()
	from, to := l.baseSeq, l.lastSeq
	var last *Record
	for _, r := range l.records {
		if len(r.acts) == 0 {
			continue
		}
		if r.Seq > seq {
			to = r.Seq - 1
			break
		}
		d.replay(r)
		from, last = r.Seq, r
	}
	s := l.state(d, from)
	s.To, s.rec = to, last
	return s
}

func (l *Log) state(d *disk, from int) *State {
	return &State{From: from, d: d.freeze(), opts: l.opts}
}

// replay applies what a recorded call did.
func (d *disk) replay(r *Record) {
	for _, a := range r.acts {
		a.apply(d, r)
	}
}
