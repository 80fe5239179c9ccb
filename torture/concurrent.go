package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// HistoryReport is what concurrent histories with crashes showed.
type HistoryReport struct {
	Histories  int         `json:"histories"`
	Crashes    int         `json:"crashes"` // those inside a recovery among them
	Calls      int         `json:"calls"`
	InDoubt    int         `json:"in_doubt"` // calls that a crash cut short
	Met        int         `json:"met"`      // calls that began while another one ran
	Unknown    int         `json:"unknown"`  // histories without a verdict in the time
	Violations []Violation `json:"violations"`
	Seconds    float64     `json:"seconds"`
}

// String is one line.
func (r HistoryReport) String() string {
	return fmt.Sprintf("%d histories with %d crashes, %d calls (%d met another one, %d in doubt), %d without a verdict: %d violations; %.1f s",
		r.Histories, r.Crashes, r.Calls, r.Met, r.InDoubt, r.Unknown, len(r.Violations), r.Seconds)
}

// Histories lets several clients work on one handle, crashes at a random call,
// opens what is left, goes on, and asks whether all that was told could have
// happened one after another. It makes rounds histories, or goes on for the
// Duration. A seed gives the same calls each time, but not the same order.
func Histories(c PartConfig, rounds int) HistoryReport {
	w := newCrew(c)
	var r HistoryReport
	w.do(func(yield func(func()) bool) {
		for n := 0; n < rounds || w.seconds() < w.c.Duration.Seconds(); n++ {
			seed := w.c.Seed<<32 + uint64(n)
			job := func() {
				h := newHistory(seed, w.c.Mutate)
				found := w.guard(historyName(seed), h.violations)
				w.keep(found, func() { h.count(&r) })
			}
			if !yield(job) {
				return
			}
		}
	})
	r.Violations, r.Seconds = w.violations(), w.seconds()
	return r
}

const historyToken = "history1"

func historyName(seed uint64) string { return historyToken + ";" + strconv.FormatUint(seed, 10) }

// replayHistory makes a history of a seed again, several times: the order of
// its calls is left to chance.
func replayHistory(token string, m Mutation) (string, []Violation, error) {
	seed, err := strconv.ParseUint(strings.TrimPrefix(token, historyToken+";"), 10, 64)
	if err != nil {
		return "", nil, fmt.Errorf("torture: token %q: %w", token, err)
	}
	var lines []string
	for range 50 {
		h := newHistory(seed, m)
		found := h.violations()
		if lines = h.text(); len(found) > 0 {
			return strings.Join(lines, "\n") + "\n", found, nil
		}
	}
	return strings.Join(lines, "\n") + "\n", nil, nil
}

// LeftToChance tells whether the case of a token may go otherwise when it is
// replayed: the calls of a history take turns as they come, and a real process is
// killed when the machine gets to it.
func LeftToChance(token string) bool {
	kind, _, _ := strings.Cut(strings.TrimSpace(token), ";")
	return kind == historyToken || kind == realToken
}

// history is what several clients did and were told, over several crashes. Time
// is counted in the beginnings and ends of calls.
type history struct {
	seed   uint64
	rng    *rand.Rand
	mutate Mutation
	draw   drawing
	knobs  quiver.Options
	law    faultfs.Profile
	fsys   vfs.FS // of the epoch
	// lookBack says that clients take snapshots and backups too.
	lookBack bool

	clock  atomic.Int64
	mu     sync.Mutex
	ops    []porcupine.Operation // since the last open
	from   model.State           // what was there then
	before []stretch

	lsn     uint64 // the highest that was shown
	crashes int
	unknown bool
	flaws   []flaw
}

// stretch is the part of a history between two moments at which everything was
// read, with nobody else at work.
type stretch struct {
	from model.State
	ops  []porcupine.Operation
}

const (
	historyClients = 5
	callsPerClient = 60 // between two crashes
	mostEpochs     = 4
	// verdictTime is how long porcupine may think about one history.
	verdictTime = 30 * time.Second
)

func newHistory(seed uint64, m Mutation) *history {
	rng := rand.New(rand.NewPCG(seed, 5))
	h := &history{seed: seed, rng: rng, mutate: m, draw: drawings()[rng.IntN(len(drawings()))]}
	h.knobs = quiver.Options{LogBytes: 32 << rng.IntN(3) << 10, LogChunkBytes: 8 << 10, NoSyncBytes: 16 << 10, ReservePages: 4,
		PageCachePages: rng.IntN(3) - 1, LocatorBytes: []int64{0, -1, 500}[rng.IntN(3)], OverflowThreshold: []int{0, 64}[rng.IntN(2)],
		NoDataFsync: rng.IntN(3) > 0, Inline: rng.IntN(3) == 0, LockWait: -1}
	h.lookBack = rng.IntN(2) == 0
	if laws := faultfs.Laws(); rng.IntN(2) == 0 {
		h.law = faultfs.Profile{Law: laws[rng.IntN(len(laws))], Seed: rng.Uint64N(1000)}
	}
	switch h.law.Law {
	// Under the first a power cut may take what was synced, under the second the
	// name that a rename replaces, which the contract of vfs rules out. The third
	// takes nothing.
	case faultfs.NoPSOW, faultfs.SplitRename, faultfs.Kill:
		h.law = faultfs.Profile{}
	}
	return h
}

func (h *history) flaw(rule, format string, args ...any) {
	h.flaws = append(h.flaws, flaw{rule, fmt.Sprintf(format, args...)})
}

func (h *history) count(r *HistoryReport) {
	r.Histories++
	r.Crashes += h.crashes
	if h.unknown {
		r.Unknown++
	}
	for _, s := range h.before {
		r.Met += met(s.ops)
		for _, o := range s.ops {
			e := o.Input.(event)
			if e.kind != eventCrash {
				r.Calls++
			}
			if e.inDoubt {
				r.InDoubt++
			}
		}
	}
}

// violations makes the history and judges it.
func (h *history) violations() (found []Violation) {
	h.run()
	for _, s := range h.before {
		if len(h.flaws) > 0 {
			break
		}
		switch linearizable(s.from, s.ops, h.draw.byKey, verdictTime) {
		case porcupine.Illegal:
			h.flaw("I3 linearizable", "%d calls after the open at %d (%s) cannot have happened one after another", len(s.ops), s.ops[0].Call, h.draw.name)
		case porcupine.Unknown:
			h.unknown = true
		}
	}
	for _, f := range h.flaws[:min(len(h.flaws), maxViolations)] {
		found = append(found, Violation{Rule: f.rule, Text: f.text, Token: historyName(h.seed), Steps: h.text()})
	}
	return found
}

// run goes through the epochs: each ends with a crash, the last one with a
// clean close.
func (h *history) run() {
	disk := faultfs.New(faultfs.Options{NoReads: true, Sector: []int{512, 4096}[h.rng.IntN(2)]})
	o := h.options(disk)
	if err := quiver.Init(root, quiver.InitOptions{FS: o.FS, Buckets: 1 + h.rng.IntN(3)}); err != nil {
		h.flaw("I19 works", "init: %v", err)
		return
	}
	for epoch := range 1 + h.rng.IntN(mostEpochs) {
		db, err := quiver.Open(root, o)
		if err != nil {
			h.flaw("I19 opens", "epoch %d: %v", epoch, err)
			return
		}
		if lsn := db.LastLSN(); lsn < h.lsn {
			h.flaw("I6 LSN", "LastLSN is %d after a crash, it was %d before", lsn, h.lsn)
		}
		if _, err := h.readAll(db); err != nil {
			h.flaw("I4 honest", "epoch %d: %v", epoch, err)
		}
		disk.StopAfter(disk.Seq() + h.rng.IntN(500))
		for client, err := range h.epoch(db, epoch) {
			if err != nil && !ofCrash(err) {
				h.flaw("I19 works", "epoch %d, client %d: %v", epoch, client, err)
			}
		}
		disk.Stop()
		_ = db.Close() // its process is dead
		if disk = h.crash(disk, epoch); disk == nil || len(h.flaws) > 0 {
			return
		}
		o = h.options(disk)
	}
	h.end(o, disk)
}

// ofCrash tells whether an error says nothing but that the disk has stopped. One
// that calls something damaged as well is not the crash's: a stopped disk returns
// no bytes that could be wrong.
func ofCrash(err error) bool {
	return errors.Is(err, faultfs.ErrCrashed) && !errors.Is(err, quiver.ErrCorrupt)
}

func (h *history) options(disk *faultfs.FS) *quiver.Options {
	o := h.knobs
	o.FS = h.mutate.apply(uneven{disk, new(atomic.Uint64)})
	h.fsys = o.FS
	return &o
}

// crash makes the disk that a power cut or the death of the process leaves, and
// sometimes one that a second crash, inside the recovery, leaves of that.
func (h *history) crash(disk *faultfs.FS, epoch int) *faultfs.FS {
	now := h.clock.Add(1)
	for i := range h.ops {
		if h.ops[i].Return == never {
			h.ops[i].Return = now
		}
	}
	h.ops = append(h.ops, porcupine.Operation{ClientId: historyClients, Input: event{kind: eventCrash}, Output: model.Result{},
		Call: h.clock.Add(1), Return: h.clock.Add(1)})
	for again := true; again; {
		h.crashes++
		state := disk.State()
		if h.rng.IntN(3) == 0 {
			disk = state.Kill()
		} else {
			state = state.Under(h.law)
			disk = state.Image(state.Lawful(h.someOf(len(state.Pending())))).FS()
		}
		again = h.rng.IntN(3) == 0
		if !again {
			break
		}
		disk.StopAfter(disk.Seq() + h.rng.IntN(80))
		db, err := quiver.Open(root, h.options(disk))
		if err != nil && !ofCrash(err) {
			h.flaw("I19 opens", "epoch %d, to be crashed: %v", epoch, err)
			return nil
		}
		disk.Stop()
		if err == nil {
			h.lsn = max(h.lsn, db.LastLSN())
			_ = db.Close() // its process is dead
		}
	}
	return disk
}

// someOf draws which of n pending changes persist.
func (h *history) someOf(n int) faultfs.Selection {
	share := []float64{0, 0.1, 0.5, 0.9, 1}[h.rng.IntN(5)]
	sel := faultfs.None()
	for i := range n {
		if h.rng.Float64() < share {
			sel = sel.With(i)
		}
	}
	return sel
}

// end reads everything, checks the pages, and closes.
func (h *history) end(o *quiver.Options, disk *faultfs.FS) {
	// A recount in the background would be in the way of the one below.
	o.Inline, o.NoRecount = true, true
	db, err := quiver.Open(root, o)
	if err != nil {
		h.flaw("I19 opens", "at the end: %v", err)
		return
	}
	state, err := h.readAll(db)
	if err != nil {
		h.flaw("I4 honest", "at the end: %v", err)
	}
	if _, err := db.Recount(context.Background(), nil); err != nil {
		h.flaw("I19 works", "recount: %v", err)
	}
	h.flaws = append(h.flaws, checkFindings(db, true, nil)...)
	if err := db.Close(); err != nil {
		h.flaw("I19 works", "close: %v", err)
	}
	view, err := rawView(disk)
	if err != nil || view == nil {
		h.flaw("I7 raw", "no database at the end: %v", err)
		return
	}
	for _, f := range slices.Concat(view.Faults, view.Closed(true)) {
		h.flaw("I7 raw", "at the end: %s", f)
	}
	if d := model.Diff(model.State(view.Pairs), state); d != "" {
		h.flaw("I7 raw", "at the end the bytes hold something else: %s", d)
	}
}

// readAll reads everything while no client works: one stretch of the history
// ends, the next one begins with what is there.
func (h *history) readAll(db *quiver.DB) (model.State, error) {
	call := h.clock.Add(1)
	items, err := db.ScanAll()
	if err != nil {
		return nil, err
	}
	state := model.State{}
	for _, item := range items {
		state[string(item.Key)] = string(item.Value)
	}
	add := func(o model.Op, r model.Result) {
		h.ops = append(h.ops, porcupine.Operation{ClientId: 0, Input: event{op: o}, Output: r, Call: call, Return: h.clock.Add(1)})
		call = h.clock.Add(1)
	}
	if h.draw.byKey {
		for i := range h.draw.keys {
			v, found := state[drawnKey(i)]
			add(model.Op{Kind: model.Get, Key: drawnKey(i)}, model.Result{Found: found, Value: v})
		}
	} else {
		add(model.Op{Kind: model.Scan}, model.Result{Pairs: state})
	}
	h.before = append(h.before, stretch{h.from, h.ops})
	h.from, h.ops = state, nil
	return state, nil
}

// text is the whole history.
func (h *history) text() (lines []string) {
	for _, s := range h.before {
		lines = append(lines, historyText(s.ops)...)
	}
	return append(lines, historyText(h.ops)...)
}
