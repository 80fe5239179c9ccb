package torture

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/anishathalye/porcupine"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// epoch lets the clients work until each has made its calls or met an error. A
// write that met one is in doubt, a read tells nothing. It returns the errors by
// client: what one of them met says nothing about what another one did.
func (h *history) epoch(db *quiver.DB, epoch int) (stopped [historyClients]error) {
	var clients sync.WaitGroup
	for client := range historyClients {
		rng := rand.New(rand.NewPCG(h.seed, uint64(16+epoch*historyClients+client)))
		clients.Go(func() {
			ops, lsn, err := h.client(db, client, epoch, rng)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.ops = append(h.ops, ops...)
			h.lsn = max(h.lsn, lsn)
			stopped[client] = err
		})
	}
	clients.Wait()
	return stopped
}

func (h *history) client(db *quiver.DB, client, epoch int, rng *rand.Rand) (ops []porcupine.Operation, lsn uint64, err error) {
	for i := range callsPerClient {
		tag := fmt.Sprintf("%d.%d.%d", epoch, client, i)
		if h.lookBack && rng.IntN(snapshotShare) == 0 {
			more, err := h.snapshot(db, client, tag, rng.IntN(4) == 0)
			if ops = append(ops, more...); err != nil {
				return ops, lsn, err
			}
		}
		e := h.draw.next(tag+".", rng)
		call := h.clock.Add(1)
		r, err := e.make(db)
		o := porcupine.Operation{ClientId: client, Input: e, Output: r, Call: call, Return: h.clock.Add(1)}
		if err == nil {
			ops = append(ops, o)
			lsn = max(lsn, db.LastLSN())
			continue
		}
		if e.kind != eventCall || e.op.Writes() {
			e.inDoubt = true
			o.Input, o.Return = e, never
			ops = append(ops, o)
		}
		return ops, lsn, err
	}
	return ops, lsn, nil
}

// make makes the call.
func (e event) make(db *quiver.DB) (r model.Result, err error) {
	o := e.op
	switch e.kind {
	case eventSync:
		return r, db.Sync()
	case eventNoSync:
		return r, db.WriteNoSync(batchOf(o))
	}
	switch o.Kind {
	case model.Put:
		err = db.Put([]byte(o.Key), []byte(o.Value))
	case model.Delete:
		r.Found, err = db.Delete([]byte(o.Key))
	case model.DeletePrefix:
		r.N, err = db.DeletePrefix([]byte(o.Key))
	case model.Append:
		err = db.Update([]byte(o.Key), func(old []byte, found bool) ([]byte, error) {
			r.Value, r.Found = string(old), found
			return append(slices.Clone(old), o.Value...), nil
		})
	case model.Batch:
		err = db.Write(batchOf(o))
	case model.Has:
		r.Found, err = db.Has([]byte(o.Key))
	case model.Scan:
		r.Pairs = model.State{}
		for item, err := range db.Scan(quiver.ScanOptions{Prefix: []byte(o.Key)}) {
			if err != nil {
				return r, err
			}
			r.Pairs[string(item.Key)] = string(item.Value)
		}
	default:
		var v []byte
		v, r.Found, err = db.Get([]byte(o.Key))
		r.Value = string(v)
	}
	return r, err
}

func batchOf(o model.Op) *quiver.Batch {
	b := &quiver.Batch{}
	for _, c := range o.Changes {
		if c.Delete {
			b.Delete([]byte(c.Key))
		} else {
			b.Put([]byte(c.Key), []byte(c.Value))
		}
	}
	return b
}

// met counts the calls that began before one that had begun earlier was over.
func met(ops []porcupine.Operation) (n int) {
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	over := int64(-1)
	for _, o := range ops {
		if o.Call <= over {
			n++
		}
		over = max(over, o.Return)
	}
	return n
}

// drawing is a way to draw calls.
type drawing struct {
	name  string
	keys  int
	byKey bool // the history can be judged key by key
	next  func(tag string, rng *rand.Rand) event
}

func drawings() []drawing {
	several := func(tag string, rng *rand.Rand) event { return drawSeveral(3, tag, rng) }
	return []drawing{
		{"single keys", 5, true, func(tag string, rng *rand.Rand) event { return drawSingle(5, tag, rng) }},
		{"several keys", 3, false, several},
		{"without sync", 3, false, func(tag string, rng *rand.Rand) event {
			e := several(tag, rng)
			switch {
			case e.op.Kind == model.Batch && rng.IntN(4) > 0:
				e.kind = eventNoSync
			case e.op.Kind == model.Put && rng.IntN(3) == 0:
				e = event{kind: eventSync}
			}
			return e
		}},
	}
}

func drawnKey(i int) string { return fmt.Sprintf("k%d", i) }

// tagged is a value that tells who wrote it and when, of a length that is now
// and then beyond what a page holds.
func tagged(tag string, rng *rand.Rand) string {
	if rng.IntN(8) == 0 {
		tag += strings.Repeat("v", rng.IntN(6000))
	}
	return tag
}

func drawSingle(keys int, tag string, rng *rand.Rand) event {
	o := model.Op{Key: drawnKey(rng.IntN(keys))}
	switch n := rng.IntN(20); {
	case n < 7:
		o.Kind = model.Get
	case n < 9:
		o.Kind = model.Has
	case n < 14:
		o.Kind, o.Value = model.Put, tagged(tag, rng)
	case n < 17:
		o.Kind = model.Delete
	case n < 19:
		o.Kind, o.Value = model.Append, "+"+tag
	default:
		o.Kind, o.Changes = model.Batch, []model.Change{{Key: o.Key, Value: tagged(tag, rng)}}
	}
	return event{op: o}
}

func drawSeveral(keys int, tag string, rng *rand.Rand) event {
	switch n := rng.IntN(10); {
	case n < 3:
		o := model.Op{Kind: model.Batch}
		for range 2 + rng.IntN(3) {
			c := model.Change{Key: drawnKey(rng.IntN(keys)), Delete: rng.IntN(4) == 0}
			if !c.Delete {
				c.Value = tagged(tag, rng)
			}
			o.Changes = append(o.Changes, c)
		}
		return event{op: o}
	case n < 6:
		return event{op: model.Op{Kind: model.Scan}}
	case n == 6:
		return event{op: model.Op{Kind: model.DeletePrefix, Key: "k"}}
	}
	return drawSingle(keys, tag, rng)
}

// uneven lets others go first, now and then, before a call to the disk.
type uneven struct {
	vfs.FS
	n *atomic.Uint64
}

func (u uneven) step() {
	for range u.n.Add(1) * 2654435761 >> 8 % 4 {
		runtime.Gosched()
	}
}

func (u uneven) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	f, err := u.FS.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return unevenFile{f, u}, nil
}

func (u uneven) Rename(from, to string) error {
	u.step()
	return u.FS.Rename(from, to)
}

func (u uneven) SyncDir(path string) error {
	u.step()
	return u.FS.SyncDir(path)
}

type unevenFile struct {
	vfs.File
	u uneven
}

func (f unevenFile) ReadAt(b []byte, off int64) (int, error) {
	f.u.step()
	return f.File.ReadAt(b, off)
}

func (f unevenFile) WriteAt(b []byte, off int64) (int, error) {
	f.u.step()
	return f.File.WriteAt(b, off)
}

func (f unevenFile) Sync() error {
	f.u.step()
	return f.File.Sync()
}

func (f unevenFile) SyncData() error {
	f.u.step()
	return f.File.SyncData()
}
