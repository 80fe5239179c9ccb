package quiver_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// history is what several clients did and were told, with the times of both.
type history struct {
	start time.Time
	seed  uint64
	from  model.State // what was there before
	// next draws the calls of a client, which has a number and a source of its own.
	next func(client, i int, rng *rand.Rand) clientCall
	mu   sync.Mutex
	ops  []porcupine.Operation
}

// clientCall is a call, or a batch without a sync.
type clientCall struct {
	model.Op
	noSync bool
}

func (c clientCall) make(db *quiver.DB) (model.Result, error) {
	if c.noSync {
		return model.Result{}, db.WriteNoSync(batchOf(c.Op))
	}
	return execute(db, c.Op)
}

// never is the time at which a call returned that did not.
const never = math.MaxInt64

// run lets clients work until each has made its calls, or met an error. After
// an error a write is in doubt for ever, and a read tells nothing.
func (h *history) run(db *quiver.DB, clients, calls int) (stopped error) {
	h.start = time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(h.seed, uint64(client)))
			ops := make([]porcupine.Operation, 0, calls)
			var failed error
			for i := range calls {
				c := h.next(client, i, rng)
				began := time.Since(h.start)
				r, err := c.make(db)
				o := porcupine.Operation{ClientId: client, Input: c.Op, Output: r, Call: int64(began), Return: int64(time.Since(h.start))}
				if err != nil {
					failed = err
					o.Return = never
					if !c.Writes() {
						break
					}
				}
				ops = append(ops, o)
				if err != nil {
					break
				}
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			h.ops = append(h.ops, ops...)
			stopped = errors.Join(stopped, failed)
		})
	}
	wg.Wait()
	return stopped
}

// add appends a call that was made when all others were over.
func (h *history) add(o model.Op, r model.Result) {
	at := int64(time.Since(h.start))
	h.ops = append(h.ops, porcupine.Operation{ClientId: 99, Input: o, Output: r, Call: at, Return: at})
}

// met counts the calls that began before one that had begun earlier was over.
func (h *history) met() (n int) {
	slices.SortFunc(h.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	over := int64(-1)
	for _, o := range h.ops {
		if o.Call <= over {
			n++
		}
		over = max(over, o.Return)
	}
	return n
}

// judge asks whether the calls could have happened one after another.
func (h *history) judge(t *testing.T, byKey bool) {
	t.Helper()
	m := porcupine.Model{
		Init: func() any { return h.from },
		Step: func(state, in, out any) (bool, any) {
			return model.Step(state.(model.State), in.(model.Op), out.(model.Result))
		},
		Equal:             func(a, b any) bool { return model.Equal(a.(model.State), b.(model.State)) },
		DescribeOperation: func(in, out any) string { return model.Describe(in.(model.Op), out.(model.Result)) },
	}
	if byKey {
		m.Partition = func(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
			of := map[string]int{}
			for _, o := range ops {
				key := o.Input.(model.Op).Key
				i, ok := of[key]
				if !ok {
					i = len(parts)
					of[key], parts = i, append(parts, nil)
				}
				parts[i] = append(parts[i], o)
			}
			return parts
		}
	}
	switch result := porcupine.CheckOperationsTimeout(m, h.ops, time.Minute); result {
	case porcupine.Ok:
	case porcupine.Unknown:
		t.Fatalf("seed %d: no verdict within the time", h.seed)
	default:
		t.Fatalf("seed %d: not linearizable: %d calls\n%s", h.seed, len(h.ops), h.text())
	}
}

// text is the whole history by time, for somebody who looks for the reason.
func (h *history) text() string {
	var b strings.Builder
	for _, o := range h.ops {
		fmt.Fprintf(&b, "client %d [%d, %d] %s\n", o.ClientId, o.Call, o.Return, model.Describe(o.Input.(model.Op), o.Output.(model.Result)))
	}
	return b.String()
}

// unevenDisk is a disk on which calls that change something take their time, so
// that others come between.
func unevenDisk(seed uint64) *faultfs.FS {
	var n atomic.Uint64
	n.Store(seed)
	return faultfs.New(faultfs.Options{NoReads: true, Before: func(c faultfs.Call) {
		if c.Kind&(faultfs.KindWrite|faultfs.KindFsync|faultfs.KindRead) == 0 {
			return
		}
		for range n.Add(1) * 2654435761 >> 8 % 4 {
			runtime.Gosched()
		}
	}})
}

// tag is a value that tells who wrote it and when, of a length that is now and
// then beyond what stands in the page of its key.
func tag(client, i int, rng *rand.Rand) string {
	v := fmt.Sprintf("%d.%d.", client, i)
	if rng.IntN(8) == 0 {
		v += strings.Repeat("v", rng.IntN(6000))
	}
	return v
}

// singleKeys draws calls about one key each.
func singleKeys(keys int) func(client, i int, rng *rand.Rand) clientCall {
	return func(client, i int, rng *rand.Rand) clientCall {
		o := model.Op{Key: fmt.Sprintf("k%d", rng.IntN(keys))}
		switch n := rng.IntN(20); {
		case n < 7:
			o.Kind = model.Get
		case n < 9:
			o.Kind = model.Has
		case n < 14:
			o.Kind, o.Value = model.Put, tag(client, i, rng)
		case n < 17:
			o.Kind = model.Delete
		case n < 19:
			o.Kind, o.Value = model.Append, fmt.Sprintf("+%d.%d", client, i)
		default:
			o = model.Op{Kind: model.Batch, Key: o.Key, Changes: []model.Change{{Key: o.Key, Value: tag(client, i, rng)}}}
		}
		return clientCall{Op: o}
	}
}

// severalKeys draws batches and scans too.
func severalKeys(keys int) func(client, i int, rng *rand.Rand) clientCall {
	single := singleKeys(keys)
	return func(client, i int, rng *rand.Rand) clientCall {
		switch n := rng.IntN(10); {
		case n < 3:
			return clientCall{Op: drawBatch(keys, client, i, rng)}
		case n < 6:
			return clientCall{Op: model.Op{Kind: model.Scan}}
		case n == 6:
			return clientCall{Op: model.Op{Kind: model.DeletePrefix, Key: "k"}}
		}
		return single(client, i, rng)
	}
}

func drawBatch(keys, client, i int, rng *rand.Rand) model.Op {
	o := model.Op{Kind: model.Batch}
	for range 2 + rng.IntN(3) {
		c := model.Change{Key: fmt.Sprintf("k%d", rng.IntN(keys)), Delete: rng.IntN(4) == 0}
		if !c.Delete {
			c.Value = tag(client, i, rng)
		}
		o.Changes = append(o.Changes, c)
	}
	return o
}

// withoutSync draws as severalKeys, with batches that have no sync of their own.
// Their handle sees them at once, and everybody through it.
func withoutSync(keys int) func(client, i int, rng *rand.Rand) clientCall {
	several := severalKeys(keys)
	return func(client, i int, rng *rand.Rand) clientCall {
		c := several(client, i, rng)
		c.noSync = c.Kind == model.Batch && rng.IntN(4) > 0
		return c
	}
}

// concurrentOptions are sizes at which clients meet cuts of the log, eviction
// and page reuse.
func concurrentOptions(rng *rand.Rand, fs vfs.FS) quiver.Options {
	return quiver.Options{FS: fs, LogBytes: 32 << rng.IntN(3) << 10, LogChunkBytes: 8 << 10, NoSyncBytes: 16 << 10, ReservePages: 4,
		PageCachePages: rng.IntN(3) - 1, LocatorBytes: []int64{0, -1, 500}[rng.IntN(3)], OverflowThreshold: []int{0, 64}[rng.IntN(2)],
		NoDataFsync: rng.IntN(3) > 0, Inline: rng.IntN(3) == 0, LockWait: -1}
}

func openFresh(t *testing.T, o quiver.Options, dir string, buckets int) *quiver.DB {
	t.Helper()
	require.NoError(t, quiver.Init(dir, quiver.InitOptions{FS: o.FS, Buckets: buckets}))
	db, err := quiver.Open(dir, &o)
	require.NoError(t, err)
	return db
}
