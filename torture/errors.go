package torture

import (
	"cmp"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// errorJudge judges the errors that operations return while faults are
// injected, and what the handle does after them.
type errorJudge struct {
	plan     faultfs.Plan
	from     int  // the last call before the limit begins
	full     bool // the disk is full by its budget
	scarce   bool // handles are limited
	readOnly bool // the disk is for reading
	reader   *quiver.DB
	read     bool // the reader has read everything before
	healed   bool
	poisoned bool // the handle that is open refuses writes
	returned bool // some call has told of a fault

	fired []int      // how often each fault of the plan struck
	sites *siteWatch // notes who calls while faults may strike; may be nil
}

// struck tells whether a fault of the plan has struck.
func (j *errorJudge) struck(i int) bool { return i < len(j.fired) && j.fired[i] > 0 }

// refused judges the error of an operation, and tells whether nothing of it may
// have happened. The one that poisons the handle may be found done.
func (j *errorJudge) refused(r *run, err error) bool {
	j.returned = true
	if errors.Is(err, quiver.ErrClosed) && r.db == nil {
		return true // an open before it had failed
	}
	if r.line.states[r.line.top] == nil && (errors.Is(err, quiver.ErrNoDatabase) || errors.Is(err, quiver.ErrIncomplete)) {
		return true // the init before it had failed
	}
	if r.line.states[r.line.top] == nil && errors.Is(err, quiver.ErrExists) && len(r.steps) > 0 {
		return true // and had made the database all the same: the open behind it tells
	}
	if !j.typed(r, err) {
		r.flaw("I17 surfaced", "the error matches neither what was injected nor ErrFull: %v", err)
	}
	first := !j.poisoned
	switch {
	case errors.Is(err, quiver.ErrPoisoned):
		if j.healed && first && !j.has(faultfs.EffectF4) {
			r.flaw("I19 heals", "the handle was poisoned after the disk had healed: %v", err)
		}
		j.poisoned = true
		return !first
	case j.poisoned:
		r.flaw("I5 poison", "a poisoned handle refuses with %v", err)
	case j.healed && !j.has(faultfs.EffectF4) && !j.storeFailed(r):
		r.flaw("I19 heals", "after the disk had healed: %v", err)
	case errors.Is(err, quiver.ErrCorrupt) && !j.lies():
		r.flaw("I16 honest", "an error of the disk is called damage: %v", err)
	}
	return true
}

// has tells whether a fault has the effect. The error of F4 comes late, perhaps
// when the fault has healed.
func (j *errorJudge) has(e faultfs.Effect) bool {
	return slices.ContainsFunc(j.plan, func(f faultfs.Fault) bool { return f.Effect == e })
}

// lies tells whether a fault makes a file look shorter than it is, or absent:
// damage is then a right name for it.
func (j *errorJudge) lies() bool {
	return slices.ContainsFunc(j.plan, func(f faultfs.Fault) bool { return liar(f) || f.Errno == syscall.ENOENT })
}

// storeFailed tells whether a sync of the SnapStore may have failed: it answers
// that to all that changes it until the next open, also when the disk has healed.
func (j *errorJudge) storeFailed(r *run) bool {
	return r.w.Knobs.Keep == keepDedup && (j.strikes(faultfs.KindFsync) || j.scarce)
}

// asideFrom tells whether the error of an operation tells nothing about the handle:
// what it writes stands elsewhere, or it only reads or tidies up.
func (r *run) asideFrom(o Op) bool {
	switch o.Kind {
	case OpRestore, OpRestoreInc, OpSnapOpen:
		return true
	case OpBackup, OpBackupInc:
		return !r.faults.poisoned
	case OpSnapEnd:
		return r.w.Knobs.Keep == keepNone
	}
	return false
}

// unlisted tells whether a fault made a file of the snapshots look absent: without
// the registry no snapshot is one, and files of what is none go; without a list of
// names a SnapStore counts too few.
func (r *run) unlisted() bool {
	return r.faults != nil && slices.ContainsFunc(r.disk.Log().Records(), func(rec *faultfs.Record) bool {
		return rec.Fault != "" && errors.Is(rec.Err, syscall.ENOENT) &&
			(faultfs.ClassOf(rec.Path) == faultfs.ClassSnap || clean(rec.Path) == inRoot(snapshotsName))
	})
}

// liar tells whether a fault returns no error of its own.
func liar(f faultfs.Fault) bool {
	switch f.Effect {
	case faultfs.EffectShort, faultfs.EffectEOF, faultfs.EffectStale, faultfs.EffectShuffle:
		return true
	}
	return false
}

// wrote notes an operation that changed pairs and succeeded.
func (j *errorJudge) wrote(r *run, o Op) {
	if j.poisoned {
		r.flaw("I5 poison", "%v succeeds on a poisoned handle", o)
	}
}

// taking are the calls that may take space: want of it is ErrFull. Of the others
// the error is passed on.
const taking = faultfs.KindFsync | faultfs.KindCreate | faultfs.KindMkdir | faultfs.KindRename | faultfs.KindWrite |
	faultfs.KindTruncate | faultfs.KindAllocate

// typed tells whether an error names what was injected.
func (j *errorJudge) typed(r *run, err error) bool {
	j.returned = true
	if j.full && (errors.Is(err, quiver.ErrFull) || errors.Is(err, quiver.ErrPoisoned)) {
		return errors.Is(err, syscall.ENOSPC)
	}
	if j.limit(err) {
		return true
	}
	for _, f := range j.plan {
		if liar(f) {
			if errors.Is(err, quiver.ErrCorrupt) || f.Kind == faultfs.KindWrite && errors.Is(err, io.ErrShortWrite) {
				return true
			}
			continue
		}
		no := f.Errno
		if no == 0 {
			no = syscall.EIO
		}
		if errors.Is(err, no) && (!full(no) || f.Kind&taking == 0 || errors.Is(err, quiver.ErrFull) || errors.Is(err, quiver.ErrPoisoned)) {
			return true
		}
		if no == syscall.ENOENT && (errors.Is(err, quiver.ErrCorrupt) || errors.Is(err, quiver.ErrNoDatabase) || errors.Is(err, quiver.ErrIncomplete) ||
			errors.Is(err, quiver.ErrNoSnapshot) || errors.Is(err, quiver.ErrSnapshotGone)) {
			return true
		}
		if f.Kind == faultfs.KindLock && no == syscall.EWOULDBLOCK && errors.Is(err, quiver.ErrLocked) {
			return true
		}
	}
	return false
}

// silent looks for a fault that struck and that nobody was told of. Some need
// not be told: the removal of what is only in the way, the reserve, and want of
// space where less was enough, or a second file in the place of the first.
func (j *errorJudge) silent(r *run) {
	if j.returned {
		return
	}
	for _, rec := range r.disk.Log().Records() {
		if rec.Fault == "" || rec.Err == nil || !j.injected(rec.Err) {
			continue
		}
		class := faultfs.ClassOf(rec.Path)
		switch {
		case path.Base(rec.Path) == "quiver-reserve", r.dying(rec.Seq):
		case class == faultfs.ClassSnap && r.opening(rec.Seq) && rec.Kind&(faultfs.KindReadDir|faultfs.KindStat|faultfs.KindRemove|faultfs.KindSyncDir) != 0:
		case class == faultfs.ClassSnap && r.opening(rec.Seq) && r.temporary(rec.Path):
		case class == faultfs.ClassSnap && rec.Kind == faultfs.KindReadDir && r.within(rec.Seq, OpRestore, OpRestoreInc): // opens the copy
		case r.opening(rec.Seq) && path.Base(rec.Path) == "hashindex.bin" && rec.Kind&faultfs.KindFsync == 0: // the counts are raised at the close
		case path.Base(rec.Path) == "freeze.bin" && rec.Kind == faultfs.KindRead && r.storeAnswered(rec.Seq):
		case class == faultfs.ClassSeg && rec.Kind == faultfs.KindRead && r.readAgain(rec):
		case strings.HasSuffix(rec.Path, ".tmp") && rec.Kind == faultfs.KindRemove:
		case clean(rec.Path) == clean(root) && rec.Kind == faultfs.KindReadDir && (r.closing(rec.Seq) || r.opening(rec.Seq) && r.tidying(rec)): // looks for such a folder
		case clean(rec.Path) == inRoot(snapshotsName) && rec.Kind == faultfs.KindRemove && (r.opening(rec.Seq) || r.closing(rec.Seq)): // an empty folder
		case rec.Kind == faultfs.KindTruncate && rec.Len > walHeader: // room that is given back
		case rec.Kind == faultfs.KindTruncate && len(j.plan) > 1: // it takes back what another fault left
		case full(rec.Err) && (rec.Kind&faultfs.KindFsync == 0 || strings.HasSuffix(rec.Path, ".tmp")):
		default:
			r.flaw("I17 surfaced", "no call told of the failed %v", rec)
		}
	}
}

// injected tells whether an error is one of the plan's: a fault that leaves a
// call done keeps the error that the call has by itself.
func (j *errorJudge) injected(err error) bool {
	if j.full && full(err) || j.limit(err) {
		return true
	}
	return slices.ContainsFunc(j.plan, func(f faultfs.Fault) bool {
		return !liar(f) && f.Errno != syscall.ENOENT && errors.Is(err, cmp.Or(f.Errno, syscall.EIO))
	})
}

// full tells whether an error means that there is no space.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// opening tells whether a call belongs to an open, which tidies up what dead
// processes left: the next one does it where this one fails.
func (r *run) opening(call int) bool { return r.within(call, OpOpen, OpReopen, OpKill, OpReadOnly) }

// storeAnswered tells whether the operation that a call belongs to, or the look
// after it, has read an image in the SnapStore later: what could not be read
// elsewhere was there too, and what came of it was compared with the model.
func (r *run) storeAnswered(call int) bool {
	return slices.ContainsFunc(r.disk.Log().Records(), func(rec *faultfs.Record) bool {
		return rec.Seq > call && rec.Kind == faultfs.KindRead && rec.Err == nil && path.Base(rec.Path) == "store.bin" && r.begun(call) == r.begun(rec.Seq)
	})
}

// readAgain tells whether part of what a backup could not read at once was read then,
// page by page. The pages are judged by themselves.
func (r *run) readAgain(failed *faultfs.Record) bool {
	return failed.Len > pageSize && r.within(failed.Seq, OpBackup, OpBackupInc) &&
		slices.ContainsFunc(r.disk.Log().Records(), func(rec *faultfs.Record) bool {
			return rec.Seq > failed.Seq && rec.Kind == faultfs.KindRead && rec.Err == nil && rec.Path == failed.Path &&
				failed.Off <= rec.Off && rec.Off < failed.Off+int64(failed.Len) && r.begun(rec.Seq) == r.begun(failed.Seq)
		})
}

// within tells whether a call belongs to an operation of some kinds.
func (r *run) within(call int, kinds ...Kind) bool {
	return slices.ContainsFunc(r.steps, func(s step) bool {
		return s.begin < call && call <= s.end && slices.Contains(kinds, s.op.Kind)
	})
}

// tidying tells whether a list of the database's folder, in an operation that opens it,
// is not the one that finds the segments: that is the first behind the lock.
func (r *run) tidying(rec *faultfs.Record) bool {
	locked := false
	for _, earlier := range r.disk.Log().Records() {
		if earlier.Seq >= rec.Seq {
			break
		}
		if r.begun(earlier.Seq) != r.begun(rec.Seq) || earlier.Err != nil {
			continue
		}
		if locked && earlier.Kind == rec.Kind && earlier.Path == rec.Path {
			return true
		}
		locked = locked || earlier.Kind == faultfs.KindLock
	}
	return !locked && r.within(rec.Seq, OpReopen, OpReadOnly) // of the close before it
}

// begun is how many operations have begun before a call.
func (r *run) begun(call int) int {
	n := slices.IndexFunc(r.steps, func(s step) bool { return s.begin >= call })
	if n < 0 {
		return len(r.steps)
	}
	return n
}

// closing tells whether a call belongs to a close.
func (r *run) closing(call int) bool { return r.within(call, OpClose) }

// dying tells whether a call belongs to the end of a process: nobody is told.
func (r *run) dying(call int) bool {
	return slices.ContainsFunc(r.killed, func(k [2]int) bool { return k[0] <= call && call <= k[1] })
}

// errorRun runs a workload with faults, heals the disk, and looks whether the
// handle works on.
func errorRun(c Case, b *base, watch *rules) *run { return watchedRun(c, b, watch, nil) }

// watchedRun is errorRun with a watch on the calls that the faults may strike.
func watchedRun(c Case, b *base, watch *rules, sites *siteWatch) *run {
	r := begin(c.Workload, b, watch)
	j := &errorJudge{plan: c.Faults, sites: sites}
	r.faults = j
	if sites != nil {
		sites.restart(r.disk)
	}
	// What else was read tells whether a failed read had to be told of.
	ops := c.Workload.program()
	copies := slices.ContainsFunc(ops, func(o Op) bool { return o.Kind == OpBackup })
	r.disk.LogReads((copies || c.Workload.Knobs.Keep == keepDedup) && j.strikes(faultfs.KindRead) || j.strikes(faultfs.KindReadDir))
	r.inject(c)
	ops = ops[:len(ops)-1]
	if c.Full > 0 {
		ops = r.fill(c, ops)
	}
	for _, o := range ops {
		r.do(o)
		r.readsGoOn()
	}
	if c.Full > 0 {
		r.deletesWork()
	}
	if c.ReadOnly {
		r.readersOpen()
	}
	if !c.Late {
		r.heal()
		r.worksOn()
	}
	r.do(Op{Kind: OpClose})
	r.heal()
	j.silent(r)
	return r
}

// lastKey is of a put that no workload makes.
const lastKey = "last"

func (r *run) heal() {
	if j := r.faults; !j.healed {
		j.fired = r.disk.Fired()
		if j.sites != nil {
			j.sites.off = true
		}
	}
	r.cure()
	r.faults.healed = true
}

// worksOn writes when the disk has healed: a handle that is not poisoned must,
// and so must a new one where the open had failed.
func (r *run) worksOn() {
	if r.db == nil {
		if r.line.states[r.line.top] == nil {
			r.do(Op{Kind: OpInit})
		}
		r.do(Op{Kind: OpOpen})
	}
	r.do(put(lastKey, 50))
}

// fill starts the session, with the first of the operations that changes pairs,
// and then fills the disk. It returns the operations that are left.
func (r *run) fill(c Case, ops []Op) []Op {
	for len(ops) > 0 && !ops[0].Kind.writes() {
		r.do(ops[0])
		ops = ops[1:]
	}
	r.do(put(lastKey, 40))
	r.faults.full = true
	sector := int64(c.Workload.Knobs.Sector)
	r.disk.SetBudget(r.disk.Used() + int64(c.Full-1)*sector)
	return ops
}

// deletesWork: a full disk does not stop a delete on a handle that has begun
// its session, nor the recovery of the next one, where neither has to keep a page
// for a snapshot.
func (r *run) deletesWork() {
	kept := slices.ContainsFunc(r.ledger.snaps, func(e *lasting) bool { return e.end.done == never && e.remove.done == never })
	excused := func(err error) bool { return kept && errors.Is(err, quiver.ErrFull) }
	if r.db == nil || r.faults.poisoned {
		// A close may have found no space for the counts of the SnapStore.
		if r.faults.poisoned || !excused(r.lastClose()) {
			r.flaw("I19 full", "the full disk has closed or poisoned the handle")
		}
		return
	}
	last := func() error { return r.steps[len(r.steps)-1].err }
	r.do(del(lastKey))
	if err := last(); err != nil && !excused(err) && (len(r.snaps) == 0 || !errors.Is(err, quiver.ErrFull)) {
		r.flaw("I19 full", "a delete on a full disk: %v", err)
	}
	r.do(Op{Kind: OpKill})
	if err := last(); r.db == nil && !excused(err) {
		r.flaw("I19 full", "no recovery on a full disk: %v", err)
	}
}

// lastClose is what the last operation returned that gives the handle up.
func (r *run) lastClose() error {
	for _, s := range slices.Backward(r.steps) {
		switch s.op.Kind {
		case OpClose, OpReopen, OpKill:
			return s.err
		}
	}
	return nil
}

// harmless tells whether the files are as they were before a failed open, but for
// temporary ones where removals fail: nobody reads those, and the next open that
// writes such a file removes it first.
func (r *run) harmless(before *faultfs.FS) bool {
	if r.disk.Digest() == before.Digest() {
		return true
	}
	return r.faults != nil && (r.faults.strikes(faultfs.KindRemove) || r.faults.readOnly) && withoutTemps(r.disk) == withoutTemps(before)
}

func withoutTemps(disk *faultfs.FS) faultfs.Digest {
	d := disk.Snapshot()
	for _, p := range d.List() {
		if path.Ext(p) == ".tmp" {
			_ = d.RemoveFile(p) // it is there
		}
	}
	return d.Digest()
}

// strikes tells whether a fault is for a kind of call.
func (j *errorJudge) strikes(k faultfs.Kind) bool {
	return slices.ContainsFunc(j.plan, func(f faultfs.Fault) bool { return f.Kind&k != 0 })
}

// heldBack tells whether a fault has struck that keeps its error for the next process.
func (j *errorJudge) heldBack() bool {
	for i, f := range j.plan {
		if f.Effect == faultfs.EffectF4 && j.struck(i) {
			return true
		}
	}
	return false
}

// failedOpen: an open or init that fails keeps nothing.
func (j *errorJudge) failedOpen(r *run) {
	if h, l := r.disk.Handles(), r.disk.Locks(); h != 0 || l != 0 {
		r.flaw("I20 no leaks", "%d handles and %d locks are left after a failed open", h, l)
	}
}
