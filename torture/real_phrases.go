package torture

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// realOps is about how many operations a child is given, where none of them ends
// its process.
const realOps = 24

// realPhrases is what the tiers do: phrases of the alphabet on a start state. Each
// child goes on with what the last one has left.
type realPhrases struct {
	knobs Knobs
	start string
	lives [][]numbered
	model *model.Store
}

// numbered is an operation, and what tells its values from all others.
type numbered struct {
	op     Op
	number int
}

func newRealPhrases(rng *rand.Rand) *realPhrases {
	knobs := allKnobs()
	w := &realPhrases{knobs: knobs[rng.IntN(len(knobs))], start: Starts()[rng.IntN(len(Starts()))], model: model.New(nil)}
	s, all := startOf(w.start, w.knobs), alphabet(w.knobs)
	number := 0
	add := func(ops []Op) {
		life := &w.lives[len(w.lives)-1]
		for _, o := range ops {
			number++
			*life = append(*life, numbered{o, number})
		}
	}
	// The first child makes the start state, and is left alone.
	setup := s.setup
	if s.open {
		setup = append(setup, Op{Kind: OpKill})
	}
	w.lives = append(w.lives, nil)
	add(setup)
	ops := s.warm
	for len(w.lives) < roundsAFolder {
		w.lives = append(w.lives, nil)
		for len(ops) < realOps {
			ops = append(ops, all[rng.IntN(len(all))]...)
		}
		n := realOps
		for i, o := range ops[:n] {
			if o.Kind == OpKill {
				n = i + 1
				break
			}
		}
		add(ops[:n])
		ops = ops[n:]
	}
	return w
}

func (w *realPhrases) life(f *realFolder, round int) life {
	list := w.lives[round]
	ops, first := make([]Op, len(list)), 0
	for i, o := range list {
		ops[i] = o.op
	}
	if len(list) > 0 {
		first = list[0].number
	}
	f.tell("%s, %s: %s", w.start, w.knobs, opsString(ops))
	return life{args: []string{phrasesChild, f.dir, w.knobs.String(), strconv.Itoa(first), opsString(ops)},
		calm: round == 0 && w.start != "fresh", lines: len(list) + 2, time: 60 * time.Millisecond}
}

func (w *realPhrases) believe(f *realFolder, round int, t told) {
	list, m := w.lives[round], w.model
	returned := max(len(t.lines)-1, 0) // the first line is about the open
	if returned > len(list) {
		f.flaw("harness", "the child told %d lines about %d operations", len(t.lines), len(list))
		return
	}
	var held []model.State // by snapshots
	for i, line := range t.lines {
		what, want := "open", model.Result{}
		if i > 0 {
			what = list[i-1].op.String()
			want, held = w.returned(list[i-1], held)
			f.report.Acked++
		}
		wanted := phraseLine(want, m.Seen(), held)
		got, text, _ := strings.Cut(line, " ")
		lsn, err := strconv.ParseUint(text, 10, 64)
		if got != wanted || err != nil {
			f.flaw("I4 honest", "%s, line %d of the child: %q; the model says %q", what, i+1, line, wanted)
			return
		}
		f.lsn = max(f.lsn, lsn)
	}
	f.tell("%d operations returned", returned)
	switch {
	case t.finished:
		m.Sync() // by the close
	case len(t.lines) > 0 && returned < len(list):
		o := list[returned]
		f.tell("may have begun: %v", o.op)
		if o.op.Kind.writes() {
			m.Start(o.op.modelOp(o.number))
		}
	}
}

// returned enters an operation that has returned, and gives what it must have
// told, and what the snapshots hold after it.
func (w *realPhrases) returned(o numbered, held []model.State) (model.Result, []model.State) {
	m := w.model
	switch k := o.op.Kind; k {
	case OpReopen, OpReadOnly:
		held = nil
		m.Sync()
	case OpSnap:
		held = append(held, m.Seen())
		m.Sync()
	case OpSnapEnd:
		held = held[min(1, len(held)):]
	case OpSync, OpCheckpoint:
		m.Sync()
	default:
		if !k.writes() {
			break
		}
		call := o.op.modelOp(o.number)
		_, want := model.Apply(m.Seen(), call)
		if id := m.Start(call); k == OpNoSync || k == OpBatch && len(call.Changes) == 0 {
			m.See(id)
		} else {
			m.Ack(id)
		}
		return want, held
	}
	return model.Result{}, held
}

func (w *realPhrases) compare(f *realFolder, db *quiver.DB) {
	got, err := content(db, nil)
	if err != nil {
		f.flaw("I4 honest", "%v", err)
		return
	}
	if _, err := w.model.Settle(got); err != nil {
		f.flaw("I3 no hole", "%v", err)
	}
}

// phraseLine stands for what an operation returned, what the database holds after
// it, and what each snapshot holds.
func phraseLine(r model.Result, all model.State, held []model.State) string {
	sums := []string{strconv.FormatUint(resultSum(r), 16), strconv.FormatUint(resultSum(model.Result{Pairs: all}), 16)}
	for _, s := range held {
		sums = append(sums, strconv.FormatUint(resultSum(model.Result{Pairs: s}), 16))
	}
	return strings.Join(sums, ",")
}
