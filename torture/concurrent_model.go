package torture

import (
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/quiverdb/quiverdb-go/model"
)

// eventKind is what happens at one moment of a concurrent history.
type eventKind uint8

const (
	eventCall   eventKind = iota // a call, durable when it returns if it writes
	eventNoSync                  // a batch without a sync of its own
	eventSync                    // what is visible becomes durable
	eventCrash                   // what is not durable is lost, from some point on
	// eventSnapshot reads what is visible at one moment, and makes it durable: a
	// snapshot, or a backup that is restored.
	eventSnapshot
)

// event is a call of a client, or a crash. One in doubt was cut short by a
// crash: it happened before that, or not at all.
type event struct {
	kind    eventKind
	op      model.Op
	inDoubt bool
}

// world is a state of the database: the durable one, and those that batches
// without a sync made on top of it, of which a crash loses the newest ones, some
// or all.
type world struct {
	durable model.State
	pending []model.State
}

func (w world) visible() model.State {
	if n := len(w.pending); n > 0 {
		return w.pending[n-1]
	}
	return w.durable
}

// steps are the worlds that an event may lead to; none if it cannot have told
// what it did.
func (w world) steps(e event, r model.Result) []world {
	r.Unknown = r.Unknown || e.inDoubt
	var next world
	switch e.kind {
	case eventCrash:
		list := []world{{durable: w.durable}}
		for _, s := range w.pending {
			list = append(list, world{durable: s})
		}
		return list
	case eventSync:
		next = world{durable: w.visible()}
	default:
		ok, after := model.Step(w.visible(), e.op, r)
		switch {
		case !ok:
			return nil
		case e.kind == eventSnapshot:
			next = world{durable: w.visible()}
		case !e.op.Writes():
			return []world{w}
		case e.kind == eventNoSync:
			next = world{w.durable, append(slices.Clip(w.pending), after)}
		default:
			next = world{durable: after}
		}
	}
	if e.inDoubt {
		return []world{w, next}
	}
	return []world{next}
}

func (w world) equal(v world) bool {
	return model.Equal(w.durable, v.durable) && slices.EqualFunc(w.pending, v.pending, model.Equal)
}

// hash does without an order of the keys: their sums are added.
func (w world) hash() uint64 {
	sum := uint64(len(w.pending))
	for k, v := range w.visible() {
		h := fnv.New64a()
		_, _ = io.WriteString(h, k+"="+v) // a hash takes everything
		sum += h.Sum64()
	}
	return sum
}

// describe is an event for people.
func (e event) describe(r model.Result) string {
	text := ""
	switch e.kind {
	case eventCrash:
		return "crash"
	case eventSync:
		text = "sync"
	case eventNoSync:
		text = "without sync: "
		fallthrough
	default:
		r.Unknown = r.Unknown || e.inDoubt
		text += model.Describe(e.op, r)
	}
	if e.inDoubt {
		text += " (in doubt)"
	}
	return text
}

// linearizable asks whether the events could have happened one after another.
func linearizable(from model.State, ops []porcupine.Operation, byKey bool, limit time.Duration) porcupine.CheckResult {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{world{durable: from}} },
		Step: func(state, in, out any) []any {
			var list []any
			for _, w := range state.(world).steps(in.(event), out.(model.Result)) {
				list = append(list, w)
			}
			return list
		},
		Equal: func(a, b any) bool { return a.(world).equal(b.(world)) },
		Hash:  func(a any) uint64 { return a.(world).hash() },
	}
	if byKey {
		m.Partition = partitionByKey
	}
	return porcupine.CheckOperationsTimeout(m.ToModel(), ops, limit)
}

// partitionByKey parts a history of calls about one key each. Crashes and syncs
// are of no account there: nothing is pending.
func partitionByKey(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
	of := map[string]int{}
	for _, o := range ops {
		e := o.Input.(event)
		if e.kind == eventCrash || e.kind == eventSync {
			continue
		}
		i, known := of[e.op.Key]
		if !known {
			i = len(parts)
			of[e.op.Key], parts = i, append(parts, nil)
		}
		parts[i] = append(parts[i], o)
	}
	return parts
}

// historyText is a history by time.
func historyText(ops []porcupine.Operation) []string {
	ops = slices.Clone(ops)
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	lines := make([]string, len(ops))
	for i, o := range ops {
		lines[i] = fmt.Sprintf("client %d, %d to %d: %s", o.ClientId, o.Call, o.Return, o.Input.(event).describe(o.Output.(model.Result)))
	}
	return lines
}
