package faultfs

import (
	"errors"
	"io/fs"
	"math"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// ErrCrashed is matched by the error of every call on a stopped FS.
var ErrCrashed = errors.New("faultfs: the machine has stopped")

// Options describes a disk. The zero value is the strictest one.
type Options struct {
	// Sector is what the disk writes atomically, in bytes: 512 or 4096;
	// 0 = 4096.
	Sector int
	// MaxHandles bounds the files and locks open at once; 0 = no limit. See
	// FS.SetMaxHandles.
	MaxHandles int
	// Budget is the room for file data in bytes, counted in whole sectors;
	// 0 = no limit. Names take no room.
	Budget int64
	// Callers makes records carry file and line of the caller.
	Callers bool
	// NoReads keeps successful reading calls out of the log. They are counted
	// and numbered all the same. See FS.LogReads.
	NoReads bool
	// Label tells who makes a call: the goroutine, the operation of the program,
	// whatever tells one call from another. It is asked once for each call, on
	// the goroutine that makes it, before Before.
	Label func() string
	// Before is called before each call is made, outside all locks; it may
	// block. A sync covers what was written before Before was called.
	Before func(Call)
}

func (o Options) sector() int {
	if o.Sector == 0 {
		return 4096
	}
	return o.Sector
}

// FS is a disk in memory, with the durability of its content modelled. It
// implements vfs.FS and is safe for concurrent use.
type FS struct {
	opts Options
	seq  atomic.Int64 // last call; written under mu

	mu      sync.Mutex
	d       *disk
	nextIno ino
	handles map[ino]int // open handles and locks by inode
	locks   map[ino]*lockState
	open    int // handles open now
	held    int // locks held now
	budget  int64
	stopAt  int64 // last call that is still made
	faults  injected
	delayed *delayed
	places  map[stack]codePlace
	echoes  []echo

	maxHandles    int   // 0 = no limit
	handlesAfter  int64 // the last call that it is not for
	readOnlyAfter int64 // the last call that may change the disk
	misuse        misuse
	counts        *counters // made with the first call

	base    *disk
	baseSeq int
	records []*Record

	changes int      // calls that have changed the disk
	past    *history // when so many calls had
	pastAt  int
}

var _ vfs.FS = (*FS)(nil)

// New makes an empty disk. It panics when Options.Sector is neither 0, 512
// nor 4096.
func New(o Options) *FS {
	if s := o.sector(); s != 512 && s != 4096 {
		panic("faultfs: Options.Sector must be 512 or 4096")
	}
	return newFS(o, newDisk(o.sector()), 0)
}

// newFS takes over the disk.
func newFS(o Options, d *disk, seq int) *FS {
	f := &FS{opts: o, d: d, budget: o.Budget, maxHandles: max(o.MaxHandles, noHandles), readOnlyAfter: math.MaxInt64, stopAt: math.MaxInt64, baseSeq: seq}
	f.nextIno = ino(max(len(d.live.nodes), len(d.durable.nodes)))
	f.seq.Store(int64(seq))
	f.base = d.freeze()
	return f
}

// op is one call while it is being made; the FS is locked.
type op struct {
	f     *FS
	rec   *Record
	start int    // the last call that was over when this one began
	fault *Fault // what strikes the call
}

// begin numbers a call and locks the FS until end.
func (f *FS) begin(c Call) (op, error) {
	start := int(f.seq.Load())
	var label string
	if f.opts.Label != nil {
		label = f.opts.Label()
	}
	if f.opts.Before != nil {
		f.opts.Before(c)
	}
	f.mu.Lock()
	if f.seq.Load() >= f.stopAt {
		f.mu.Unlock()
		return op{}, pathError(c.Kind.String(), c.Path, ErrCrashed)
	}
	rec := &Record{Seq: int(f.seq.Add(1)), Call: c, Start: start, Label: label}
	if f.opts.Callers || f.faults.sited {
		rec.Caller, rec.Outer = f.where()
	}
	return op{f: f, rec: rec, start: start}, nil
}

// arm decides, once the kind of the call is final, whether a fault strikes,
// and returns the error of one that strikes before anything is done.
func (o *op) arm() error {
	o.fault = o.f.faults.match(o.rec)
	if o.fault == nil {
		if o.rec.Kind&kindModifying != 0 {
			return o.writable()
		}
		return nil
	}
	o.rec.Fault = o.fault.String()
	if o.fault.Effect == EffectBefore {
		return o.fault.errno()
	}
	return nil
}

// struck is the error of a fault that lets the call be done first.
func (o *op) struck() error {
	if o.fault == nil || o.fault.Effect.silent() {
		return nil
	}
	return o.fault.errno()
}

// effect is that of the fault that strikes, EffectBefore when there is none:
// a call struck by that one does not get as far.
func (o *op) effect() Effect {
	if o.fault == nil {
		return EffectBefore
	}
	return o.fault.Effect
}

// do changes the disk and records the change.
func (o *op) do(a action) {
	a.apply(o.f.d, o.rec)
	o.f.changes++
	o.rec.acts = append(o.rec.acts, a)
}

// LogReads says whether successful reading calls are put into the log from now on.
func (f *FS) LogReads(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opts.NoReads = !on
}

// end logs the call, unlocks the FS and returns the error as the caller of
// the call gets it.
func (o *op) end(err error) error {
	f, r := o.f, o.rec
	if err != nil {
		err = toPathError(r.Kind.String(), r.Path, err)
	}
	r.Err = err
	if f.counts == nil {
		f.counts = &counters{}
	}
	f.counts.add(r)
	if !f.opts.NoReads || r.Kind&kindReads == 0 || err != nil {
		f.records = append(f.records, r)
	}
	f.late(r)
	f.mu.Unlock()
	return err
}

func pathError(op, path string, err error) error {
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// toPathError leaves alone what already is one of the errors of the vfs
// contract.
func toPathError(op, path string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return pathError(op, path, errno)
	}
	if err == fs.ErrNotExist || err == fs.ErrExist || err == fs.ErrClosed {
		return pathError(op, path, err)
	}
	return err
}
