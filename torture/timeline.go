package torture

import (
	"github.com/quiverdb/quiverdb-go/model"
)

// timeline is what the model says of a run: the states that its operations
// make, numbered in their order, and which of them a disk may hold after a
// given call to the file system.
//
// State 0 is that of the beginning. An operation that changes pairs makes a
// state when it begins; it is acknowledged when it, or a later one, has
// returned as durable. Some never come true: those of refused operations, and
// those that were lost when a process died.
type timeline struct {
	states []model.State // nil: no database yet
	class  []int         // the first state with equal content
	begun  []int         // the last call before the state's operation
	// dropped is the last call after which the state cannot be, -1 while it can.
	dropped []int
	acks    []ack
	top     int // the state that operations build on
	lsn     uint64
	met     map[int]int // classes by the numbers of a prober's contents
	was     model.State // the state before state 0, nil if there is none
}

// ack says that a state was durable when a call had been made.
type ack struct {
	after int
	state int
	lsn   uint64 // LastLSN at that time, or more
}

const (
	everDropped = -1 << 30
	never       = 1 << 60
)

func newTimeline(start model.State, lsn uint64) *timeline {
	return &timeline{states: []model.State{start}, class: []int{0}, begun: []int{-1}, dropped: []int{never},
		acks: []ack{{after: -1, lsn: lsn}}, lsn: lsn}
}

// restart is a timeline that goes on from the top of this one.
func (t *timeline) restart() *timeline {
	next := newTimeline(t.states[t.top], t.lsn)
	if t.top > 0 {
		next.was = t.states[t.top-1]
	}
	return next
}

// begin enters the state that an operation is about to make.
func (t *timeline) begin(next model.State, call int) int {
	id := len(t.states)
	class := id
	for i, s := range t.states {
		if same(s, next) {
			class = i
			break
		}
	}
	t.states = append(t.states, next)
	t.class = append(t.class, class)
	t.begun = append(t.begun, call)
	t.dropped = append(t.dropped, never)
	return id
}

func same(a, b model.State) bool { return (a == nil) == (b == nil) && model.Equal(a, b) }

// accept makes the newest state the one to build on.
func (t *timeline) accept(id int) { t.top = id }

// refuse takes a state back: its operation did not happen, at no time.
func (t *timeline) refuse(id int) { t.dropped[id] = everDropped }

// ack says that everything up to the top is durable.
func (t *timeline) ack(call int) { t.acks = append(t.acks, ack{call, t.top, t.lsn}) }

// seen notes the LastLSN that the engine has shown.
func (t *timeline) seen(call int, lsn uint64) {
	if lsn > t.lsn {
		t.lsn = lsn
		t.acks = append(t.acks, ack{call, t.lastAck().state, lsn})
	}
}

func (t *timeline) lastAck() ack { return t.acks[len(t.acks)-1] }

// settle says that a new process found the state: the later ones are lost.
func (t *timeline) settle(id, call int) {
	for later := id + 1; later < len(t.states); later++ {
		if t.dropped[later] == never {
			t.dropped[later] = call
		}
	}
	t.top = id
	t.ackBorn(call)
}

// ackBorn is ack, save that an empty database whose init has not returned well
// may vanish again: opening and closing it does not make it more than it was.
func (t *timeline) ackBorn(call int) {
	if len(t.states[t.top]) > 0 || t.states[t.lastAck().state] != nil {
		t.ack(call)
	}
}

// possible lists the states that may be found now by a process that opens the
// database, the newest first.
func (t *timeline) possible() []int {
	w := t.window(never, never-1)
	var list []int
	for id := len(t.states) - 1; id >= w.low; id-- {
		if w.has(t, id) {
			list = append(list, id)
		}
	}
	return list
}

// window is what may be found on a disk.
type window struct {
	low, high int // states
	lsn       uint64
	from, to  int // calls
}

// window is for a disk that came to be with call from and was the same until
// after call to. It may be cut off at any time between: nothing counts that had
// not begun before call from, and everything that was acknowledged before the
// call after to.
func (t *timeline) window(from, to int) window {
	w := window{from: from, to: to}
	for id := range t.states {
		if t.begun[id] < from {
			w.high = id
		}
	}
	for _, a := range t.acks {
		if a.after <= to {
			w.low, w.lsn = a.state, a.lsn
		}
	}
	return w
}

// has tells whether the state may be found.
func (w window) has(t *timeline, id int) bool {
	return id >= w.low && id <= w.high && t.dropped[id] > w.to
}

// hasClass tells whether a state of that content may be found.
func (w window) hasClass(t *timeline, class int) bool {
	for id := w.low; id <= w.high; id++ {
		if t.class[id] == class && w.has(t, id) {
			return true
		}
	}
	return false
}

// classOf is the class of a content that a prober has met, -1 if the run never
// made such a state.
func (t *timeline) classOf(p *prober, holds int) int {
	if class, known := t.met[holds]; known {
		return class
	}
	class := -1
	for id, s := range t.states {
		if same(s, p.contents[holds]) {
			class = t.class[id]
			break
		}
	}
	if t.met == nil {
		t.met = map[int]int{}
	}
	t.met[holds] = class
	return class
}
