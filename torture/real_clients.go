package torture

import (
	"fmt"
	"strconv"
	"time"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

const (
	realClients = 3
	realCalls   = 300 // of each client in one process
)

// realClientsWork is several clients in each child, each of which has keys of its
// own and does one thing after another.
type realClientsWork struct {
	models [realClients]*model.Store
}

func newRealClients() *realClientsWork {
	w := &realClientsWork{}
	for c := range w.models {
		w.models[c] = model.New(nil)
	}
	return w
}

func (w *realClientsWork) life(f *realFolder, round int) life {
	return life{args: []string{clientsChild, f.dir, strconv.FormatUint(f.seed, 10), strconv.Itoa(round)},
		lines: realClients * realCalls / 2, time: 120 * time.Millisecond}
}

func (w *realClientsWork) believe(f *realFolder, round int, t told) {
	if len(t.lines) == 0 {
		return
	}
	var lists [realClients][]event
	var next [realClients]int
	for c := range lists {
		lists[c] = realList(f.seed, round, c)
	}
	for _, line := range t.lines[1:] {
		var c, i int
		var sum, lsn uint64
		if _, err := fmt.Sscanf(line, "%d %d %x %d", &c, &i, &sum, &lsn); err != nil || c < 0 || c >= realClients || i != next[c] || i >= len(lists[c]) {
			// A line is written at once, but the last one may be cut.
			f.tell("line %q", line)
			break
		}
		next[c]++
		f.lsn = max(f.lsn, lsn)
		f.report.Acked++
		if want := w.believeOne(c, lists[c][i]); want != sum {
			f.flaw("I4 honest", "client %d, call %d: %s: it told something else", c, i, lists[c][i].describe(model.Result{}))
		}
	}
	for c, list := range lists {
		f.tell("client %d: %d calls returned", c, next[c])
		if next[c] == len(list) {
			continue
		}
		e := list[next[c]]
		f.tell("client %d, may have begun: %s", c, e.describe(model.Result{Unknown: true}))
		if e.kind != eventSync && e.op.Writes() {
			w.models[c].Start(e.op)
		}
	}
}

// believeOne enters a call that has returned, and gives the sum of what it must
// have told.
func (w *realClientsWork) believeOne(c int, e event) uint64 {
	m := w.models[c]
	if e.kind == eventSync {
		m.Sync()
		return 0
	}
	_, want := model.Apply(m.Seen(), e.op)
	if e.op.Writes() {
		id := m.Start(e.op)
		if e.kind == eventNoSync {
			m.See(id)
		} else {
			m.Ack(id)
		}
	}
	return resultSum(want)
}

func (w *realClientsWork) compare(f *realFolder, db *quiver.DB) {
	for c, m := range w.models {
		items, err := db.ScanPrefix([]byte(realPrefix(c)))
		if err != nil {
			f.flaw("I4 honest", "scan: %v", err)
			return
		}
		got := model.State{}
		for _, item := range items {
			got[string(item.Key)] = string(item.Value)
		}
		if _, err := m.Settle(got); err != nil {
			f.flaw("I3 no hole", "client %d: %v", c, err)
		}
	}
}
