package torture

import (
	"context"
	"fmt"
	"slices"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// run drives the engine through a workload on a disk, and keeps the timeline.
type run struct {
	w      Workload
	keys   []string
	disk   *faultfs.FS
	proc   *process
	db     *quiver.DB
	closed bool // cleanly, and not opened since
	snaps  []heldSnapshot
	line   *timeline
	ledger *ledger
	opened still    // sessions so far
	beside *besides // judges what is beside the database; nil until it is needed
	rules  *rules   // the static rules watch too; may be nil
	mutate Mutation
	sites  *siteWatch

	number int // operations so far: tells their values apart
	steps  []step
	flaws  []flaw
	faults *errorJudge // errors are expected; may be nil

	killed [][2]int             // first and last call of each end of a process
	first  int                  // the last call before the first crash point
	before map[faultfs.Kind]int // calls before it, by kind
}

// step is one operation as it went.
type step struct {
	op         Op
	begin, end int // the last call to the disk before it, and its own last one
	err        error
}

func (s step) String() string {
	if s.err != nil {
		return fmt.Sprintf("%v: calls %d to %d: %v", s.op, s.begin+1, s.end, s.err)
	}
	return fmt.Sprintf("%v: calls %d to %d", s.op, s.begin+1, s.end)
}

// flaw is what a judge found.
type flaw struct {
	rule string // the invariant or rule that is broken
	text string
}

func (f flaw) String() string { return f.rule + ": " + f.text }

func newRun(w Workload, disk *faultfs.FS, line *timeline) *run {
	return &run{w: w, keys: w.keys(), disk: disk, line: line, ledger: &ledger{}, proc: newProcess(disk, nil)}
}

// fs is what the engine gets to see of the disk.
func (r *run) fs() vfs.FS {
	if r.sites != nil {
		// Only here: what the judges call is not to be struck.
		return r.sites.over(r.mutate)(r.proc)
	}
	return r.mutate.apply(r.proc)
}

// options are those of the next session.
func (r *run) options() *quiver.Options {
	o := r.w.Knobs.options(r.fs())
	r.opened++
	o.Clock = r.opened
	return o
}

func (r *run) flaw(rule, format string, args ...any) {
	r.flaws = append(r.flaws, flaw{rule, fmt.Sprintf(format, args...)})
}

// begin starts the session that is judged: a copy of the base, the warm
// operations, and a new log of calls.
func begin(w Workload, b *base, watch *rules) *run {
	disk := b.disk.Snapshot()
	r := newRun(w, disk, b.line.restart())
	r.rules, r.mutate, r.sites = watch, b.mutate, b.sites
	r.ledger, r.opened = b.ledger.restart(), b.opened
	if watch != nil {
		watch.dataFsync = w.Knobs.DataFsync
		watch.attach(disk)
		r.proc.watch = watch
	}
	s := startOf(w.Start, w.Knobs)
	if len(s.warm) > 0 {
		r.do(Op{Kind: OpOpen})
		for _, o := range s.warm {
			r.do(o)
		}
		disk.ResetLog()
	}
	r.first, r.before = disk.Seq(), map[faultfs.Kind]int{}
	for _, k := range slices.Concat(changing, reading, []faultfs.Kind{faultfs.KindFsync}) {
		r.before[k] = disk.Count(k, 0)
	}
	return r
}

// program is what a workload runs after the warm operations: its own ones, with
// the opening before them and the close behind them.
func (w Workload) program() []Op {
	var ops []Op
	s := startOf(w.Start, w.Knobs)
	if s.fresh {
		ops = append(ops, Op{Kind: OpInit})
	}
	if len(s.warm) == 0 {
		ops = append(ops, Op{Kind: OpOpen})
	}
	ops = append(ops, w.Ops...)
	return append(ops, Op{Kind: OpClose})
}

// do makes one operation, checks what it returns, and reads everything after it.
func (r *run) do(o Op) {
	r.number++
	if r.rules != nil {
		r.rules.begin(o)
	}
	s := step{op: o, begin: r.disk.Seq()}
	switch {
	case o.Kind.writes():
		s.err = r.write(o, &s)
	case o.Kind == OpReopen:
		s.err = r.sequence(OpClose, OpOpen)
	case o.Kind == OpKill:
		r.kill()
		s.err = r.sequence(OpOpen)
	case o.Kind == OpReadOnly:
		s.err = r.readOnly()
	case o.Kind == OpBackup && r.db != nil:
		s.err = r.backUp(false, o.Changes)
	default:
		s.err = r.plain(o.Kind)
	}
	s.end = r.disk.Seq()
	r.steps = append(r.steps, s)
	switch {
	case s.err == nil:
	case r.faults == nil:
		r.flaw("I19 works", "%v: %v", o, s.err)
	case r.db != nil && r.asideFrom(o):
		// It tells nothing about the handle.
		if !r.faults.typed(r, s.err) {
			r.flaw("I17 surfaced", "%v: the error matches neither what was injected nor ErrFull: %v", o, s.err)
		}
	case !o.Kind.writes():
		_ = r.faults.refused(r, s.err)
	}
	if r.rules != nil {
		r.rules.end(o, s.err)
	}
	r.look()
}

func (r *run) sequence(kinds ...Kind) error {
	for _, k := range kinds {
		if err := r.plain(k); err != nil {
			return err
		}
	}
	return nil
}

// write makes an operation that changes pairs.
func (r *run) write(o Op, s *step) error {
	m := o.modelOp(r.number)
	before := r.line.states[r.line.top]
	if r.db == nil {
		return quiver.ErrClosed
	}
	next, want := model.Apply(before, m)
	old := r.line.top
	id := old
	if !model.Equal(before, next) {
		id = r.line.begin(next, s.begin)
	}
	got, err := r.call(o, m)
	if err != nil {
		if (r.faults == nil || r.faults.refused(r, err)) && id != old {
			r.line.refuse(id)
		}
		return err
	}
	if !model.Equal(got.Pairs, want.Pairs) || got.Found != want.Found || got.Value != want.Value || got.N != want.N {
		r.flaw("I4 honest", "%v: %s, the model says %s", o, model.Describe(m, got), model.Describe(m, want))
	}
	if r.faults != nil {
		r.faults.wrote(r, o)
	}
	r.line.accept(id)
	if o.Kind != OpNoSync && (len(m.Changes) > 0 || m.Kind != model.Batch) {
		// Also where it changed nothing: it may have looked at what was not
		// durable yet.
		r.line.ackBorn(r.disk.Seq())
	}
	return nil
}

// call makes the call of the engine.
func (r *run) call(o Op, m model.Op) (res model.Result, err error) {
	switch o.Kind {
	case OpPut:
		return res, r.db.Put([]byte(m.Key), []byte(m.Value))
	case OpDelete:
		res.Found, err = r.db.Delete([]byte(m.Key))
		return res, err
	case OpDeletePrefix:
		res.N, err = r.db.DeletePrefix([]byte(m.Key))
		return res, err
	case OpUpdate:
		err = r.db.Update([]byte(m.Key), func(old []byte, found bool) ([]byte, error) {
			res.Found = found
			if m.Kind == model.Delete {
				return nil, nil
			}
			res.Value = string(old)
			return append(append([]byte{}, old...), m.Value...), nil
		})
		return res, err
	}
	var b quiver.Batch
	for _, c := range m.Changes {
		if c.Delete {
			b.Delete([]byte(c.Key))
		} else {
			b.Put([]byte(c.Key), []byte(c.Value))
		}
	}
	if o.Kind == OpNoSync {
		return res, r.db.WriteNoSync(&b)
	}
	return res, r.db.Write(&b)
}

// plain makes an operation that changes no pairs.
func (r *run) plain(k Kind) error {
	switch k {
	case OpInit:
		return r.init()
	case OpOpen:
		return r.open()
	}
	if r.db == nil {
		return quiver.ErrClosed
	}
	switch k {
	case OpSync, OpCheckpoint:
		op := r.db.Sync
		if k == OpCheckpoint {
			op = r.db.Checkpoint
		}
		if err := op(); err != nil {
			return err
		}
		r.line.ackBorn(r.disk.Seq())
	case OpSnap:
		return r.snapshot()
	case OpSnapEnd:
		return r.endSnapshot()
	case OpSnapOpen:
		return r.openSnapshots()
	case OpSnapRemove:
		return r.removeSnapshot()
	case OpBackupInc:
		return r.backUp(true, nil)
	case OpRestore, OpRestoreInc:
		return r.restore(k == OpRestoreInc)
	case OpCompact:
		_, err := r.db.CompactSnapStore()
		return err
	case OpRepair:
		if _, err := r.db.Repair(context.Background(), quiver.RepairOptions{}); err != nil {
			return err
		}
		r.check(true)
	case OpRecount:
		if _, err := r.db.Recount(context.Background(), nil); err != nil {
			return err
		}
		r.check(true)
	case OpClose:
		return r.close()
	}
	return nil
}

func (r *run) init() error {
	id := r.line.begin(model.State{}, r.disk.Seq())
	err := quiver.Init(root, r.w.Knobs.init(r.fs()))
	if err != nil {
		// What it had begun may be complete: that is for the next open to tell.
		if r.faults != nil {
			r.faults.failedOpen(r)
		}
		return err
	}
	r.line.accept(id)
	r.line.ack(r.disk.Seq())
	return nil
}

// open opens the database and finds out which of the possible states it holds:
// only a process that died, or a failed close, leaves more than one.
func (r *run) open() error {
	if r.rules != nil {
		r.rules.newProcess()
	}
	if r.faults != nil {
		r.faults.poisoned = false
	}
	before := r.disk.Snapshot()
	db, err := quiver.Open(root, r.options())
	if err != nil {
		if r.faults != nil {
			r.faults.failedOpen(r)
		}
		if r.closed && !r.harmless(before) {
			r.flaw("I18 no harm", "a failed open of a clean database has changed a file: %v", err)
		}
		return err
	}
	r.db, r.closed = db, false
	got, err := content(db, r.keys)
	if err != nil {
		r.db = nil
		_ = db.Close() // the reading error is what counts
		return r.reading(err)
	}
	if lsn := db.LastLSN(); lsn < r.line.lsn {
		r.flaw("I6 LSN", "LastLSN is %d after opening, it was %d before", lsn, r.line.lsn)
	}
	possible := r.line.possible()
	for _, id := range possible {
		if same(r.line.states[id], got) {
			r.line.settle(id, r.disk.Seq())
			return nil
		}
	}
	r.flaw("I3 no hole", "the opened database holds none of the states %v: against the newest: %s", possible, model.Diff(got, r.line.states[possible[0]]))
	return nil
}

func (r *run) close() error {
	db := r.db
	r.db, r.snaps = nil, nil
	err := db.Close()
	if h, l := r.disk.Handles(), r.disk.Locks(); h != 0 || l != 0 {
		r.flaw("I20 no leaks", "%d handles and %d locks are left after Close (error: %v)", h, l, err)
	}
	if err != nil {
		return err
	}
	r.closed = true
	r.line.ackBorn(r.disk.Seq())
	if r.faults == nil {
		r.leftovers()
		r.accounted()
	}
	return nil
}

// leftovers looks for files that a clean close should not leave.
func (r *run) leftovers() {
	for _, p := range r.disk.List() {
		switch c := faultfs.ClassOf(p); c {
		case faultfs.ClassTmp, faultfs.ClassOther, faultfs.ClassSnap:
			if c == faultfs.ClassSnap && r.w.Knobs.Keep != keepNone && r.ledger.owns(p) {
				continue
			}
			r.flaw("I20 no leaks", "file %s is left after Close", p)
		}
	}
}

func (r *run) kill() {
	begin := r.disk.Seq()
	r.proc.kill()
	r.killed = append(r.killed, [2]int{begin + 1, r.disk.Seq()})
	r.db, r.snaps = nil, nil
	r.proc = newProcess(r.disk, r.proc.watch)
}

// readOnly closes, looks at the database through a read-only handle, which must
// change no byte, and opens it again.
func (r *run) readOnly() error {
	if err := r.plain(OpClose); err != nil {
		return err
	}
	before := r.disk.Digest()
	ro, err := quiver.OpenReadOnly(root, r.options())
	if err != nil {
		return err
	}
	got, err := content(ro, r.keys)
	if err != nil {
		_ = ro.Close() // the reading error is what counts
		return r.reading(err)
	}
	if d := model.Diff(got, r.line.states[r.line.top]); d != "" {
		r.flaw("I4 honest", "read-only: %s", d)
	}
	if err := ro.Close(); err != nil {
		return err
	}
	if r.disk.Digest() != before {
		r.flaw("read-only", "a read-only handle has changed a file")
	}
	return r.plain(OpOpen)
}

// reading judges an error of a read: an injected one is told by its number.
func (r *run) reading(err error) error {
	if r.faults != nil && r.faults.typed(r, err) {
		return err
	}
	r.flaw("I4 honest", "%v", err)
	return err
}

// look compares what is read now with the model.
func (r *run) look() {
	if k := r.steps[len(r.steps)-1].op.Kind; k >= OpBackup {
		r.lookOutside()
	}
	if r.db == nil {
		return
	}
	got, err := content(r.db, r.keys)
	if err != nil {
		_ = r.reading(err)
		return
	}
	if d := model.Diff(got, r.line.states[r.line.top]); d != "" {
		r.flaw("I4 honest", "after %v: %s", r.steps[len(r.steps)-1].op, d)
	}
	r.lookBack()
	lsn := r.db.LastLSN()
	if lsn < r.line.lsn {
		r.flaw("I6 LSN", "LastLSN went from %d back to %d", r.line.lsn, lsn)
	}
	r.line.seen(r.disk.Seq(), lsn)
}

// check runs the engine's own check. Where errors are injected, its reading may
// fail with one.
func (r *run) check(strict bool) {
	if r.faults != nil && !r.faults.healed {
		return
	}
	r.flaws = append(r.flaws, checkFindings(r.db, strict, nil)...)
}

// checkFindings are the findings of the engine's own check, but for those of files to
// be skipped.
func checkFindings(db *quiver.DB, strict bool, skip func(file string) bool) []flaw {
	report, err := db.Check(context.Background(), quiver.CheckOptions{Strict: strict})
	if err != nil {
		return []flaw{{"I7 structure", "check: " + err.Error()}}
	}
	var list []flaw
	for _, f := range report.Findings {
		if skip != nil && skip(f.File) {
			continue
		}
		list = append(list, flaw{"I7 structure", fmt.Sprintf("check: %s page %d: %s", f.File, f.Page, f.Message)})
	}
	return list
}
