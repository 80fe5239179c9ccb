package torture

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// outcome is what the engine makes of an image of a disk. It depends on the
// bytes alone, so that equal images share one; what it ought to be depends on
// the moment of the crash and is judged apart.
type outcome struct {
	holds int // content, as an index into prober.contents; absent if there is no database
	lsn   uint64
	snaps []shown
	flaws []flaw // wrong whatever had been promised

	all   bool    // every judge has seen it
	again *second // the crashes of the recovery; nil where they were not tried
}

// absent stands for the content of a disk without a database: its init had not
// ended.
const absent = 0

func (o *outcome) flaw(rule, format string, args ...any) {
	o.flaws = append(o.flaws, flaw{rule, fmt.Sprintf(format, args...)})
}

// prober opens images, of any number of runs with the same knobs and keys. For
// one goroutine.
type prober struct {
	k      Knobs
	keys   []string
	mutate Mutation

	contents []model.State // met so far, each once; the first is nil: absent
	known    map[faultfs.Digest]*outcome
	carried  map[carryKey][]flaw // what came of writing on
	opens    int
	carries  int
	depth    Depth
	law      faultfs.Profile // of the second crashes
	only     *Step           // the one second crash that is tried; nil = all
	watched  bool            // the static rules follow the recoveries of a share of the disks
	seconds  int             // images of second crashes
	cutting  bool            // a first put behind a recovery is being crashed
	calls    [2]int          // of the recoveries that were crashed, and how many of them were explored
	folders  *besides        // judges what is beside the database; nil until it is needed
	seen     *stateSet
	salt     uint64
	fresh    []string // keys that no run uses, one for each bucket and one more for the first
}

func newProber(w Workload, m Mutation) *prober {
	p := &prober{k: w.Knobs, mutate: m, keys: w.keys(), contents: []model.State{nil}, known: map[faultfs.Digest]*outcome{}, carried: map[carryKey][]flaw{}}
	for b := range w.Knobs.Buckets {
		p.fresh = append(p.fresh, keyIn(b, 500, w.Knobs.Buckets))
	}
	p.fresh = append(p.fresh, keyIn(0, 501, w.Knobs.Buckets))
	p.salt = raw.Hash64([]byte(w.Knobs.String()))
	return p
}

// fs is what the engine gets to see of an image.
func (p *prober) fs(disk *faultfs.FS) vfs.FS { return p.mutate.apply(quiet{disk}) }

// watchShare is of how many disks one is watched by the static rules: by its bytes,
// so that a replay watches it too.
const watchShare = 16

// watch is a disk all of which is durable, and the static rules that follow what
// is done there; nil where it is not of the share.
func (p *prober) watch(disk *faultfs.FS) (vfs.FS, *rules) {
	if !p.watched || disk.Digest()%watchShare != 0 {
		return p.fs(disk), nil
	}
	r := &rules{dataFsync: p.k.DataFsync}
	r.attach(disk)
	return p.mutate.apply(newProcess(disk, r)), r
}

// intern gives equal contents one number.
func (p *prober) intern(s model.State) int {
	for i := len(p.contents) - 1; i >= 0; i-- {
		if same(p.contents[i], s) {
			return i
		}
	}
	p.contents = append(p.contents, s)
	return len(p.contents) - 1
}

// place is a disk with the database that is judged.
type place struct {
	digest faultfs.Digest
	fresh  func() *faultfs.FS
}

// of is an image without what is beside the database, which is judged apart.
func (l *ledger) of(im faultfs.Image) place {
	if l.inside() {
		return place{im.Digest, im.FS}
	}
	disk := im.FS()
	removeAll(disk, backupFolder)
	removeAll(disk, copyFolder)
	disk.SyncAll()
	disk.ResetLog()
	return place{disk.Digest(), disk.Snapshot}
}

// once is the outcome of an image.
func (p *prober) once(im faultfs.Image) *outcome {
	if o := p.known[im.Digest]; o != nil {
		return o
	}
	o, _ := p.probe(im.FS, false)
	p.enter(im.Digest, o)
	return o
}

// twice is the outcome of a disk, and those of crashes of its recovery.
func (p *prober) twice(at place) *outcome {
	o := p.known[at.digest]
	if o != nil && o.all && (p.depth == Once || o.again != nil) {
		return o
	}
	o, rec := p.probe(at.fresh, true)
	p.enter(at.digest, o)
	if p.depth > Once && rec != nil && len(o.flaws) == 0 {
		o.again = p.crashAgain(rec, p.depth)
		p.seconds += o.again.states
	}
	return o
}

func (p *prober) enter(d faultfs.Digest, o *outcome) {
	p.known[d] = o
	p.seen.add(d, p.salt)
}

// recovery is what an open did.
type recovery struct {
	log    *faultfs.Log
	first  int      // the last call before it
	last   int      // its last call
	opened int      // the last call of the open, after which shown is promised
	listed int      // the last call of reading the snapshots, which are promised from then on
	made   bool     // that call ended an init: the database is not to vanish again
	shown  *outcome // content and LSN
}

// probe looks at a disk: with every judge, or only with those that see most:
// the raw bytes, the scan after the recovery, and writing on. fresh gives a copy
// of it each time.
func (p *prober) probe(fresh func() *faultfs.FS, all bool) (o *outcome, rec *recovery) {
	p.opens++
	o = &outcome{all: all}
	defer func() {
		if x := recover(); x != nil {
			o.flaw("I16 no panic", "panic: %v", x)
		}
	}()
	disk := fresh()
	first := disk.Seq()
	view := p.raw(o, disk)
	if view == nil {
		rec = p.incomplete(o, disk)
	} else {
		var seen *outcome
		if all {
			seen = p.readOnly(o, fresh())
		}
		rec = p.recover(o, disk, view, seen, fresh)
	}
	if rec != nil {
		rec.first = first
	}
	return o, rec
}

// raw reads the bytes without the engine. It returns nil when there is no meta.
func (p *prober) raw(o *outcome, disk *faultfs.FS) *raw.View {
	v, err := rawView(disk)
	if err != nil {
		o.flaw("harness", "%v", err)
	}
	if v == nil {
		return nil
	}
	for _, f := range v.Faults {
		o.flaw("I7 raw", "%s", f)
	}
	return v
}

// anything tells whether the files of snapshots may hold anything: what stands in an
// index that has grown without its data names frames that are not there.
func (p *prober) anything() bool { return p.law.Law == faultfs.Garbage && p.k.Keep != keepNone }

// findings are those of the engine's own check, but for the files of snapshots where
// these may hold anything.
func (p *prober) findings(db *quiver.DB, strict bool) []flaw {
	if !p.anything() {
		return checkFindings(db, strict, nil)
	}
	return checkFindings(db, strict, func(file string) bool {
		return strings.Contains(file, snapshotsName+"/") || strings.Contains(file, raw.StoreFolder+"/")
	})
}

// rawKept reads the persisted snapshots without the engine; nil where there are
// none.
func (p *prober) rawKept(o *outcome, disk *faultfs.FS, view *raw.View) *raw.Snapshots {
	if p.k.Keep == keepNone {
		return nil
	}
	kept, err := rawSnapshots(disk, view)
	if err != nil {
		o.flaw("harness", "%v", err)
		return nil
	}
	switch {
	case len(kept.Faults) == 0:
	case p.anything():
		return nil
	default:
		for _, f := range kept.Faults {
			o.flaw("I7 raw", "%s", f)
		}
	}
	return kept
}

func rawView(disk *faultfs.FS) (*raw.View, error) {
	large := map[int]string{}
	files, err := raw.Load(root, disk.List(), func(p string) ([]byte, error) {
		if n := raw.SegmentNumber(path.Base(p)); n > 0 && disk.Used() > largeDisk {
			large[n] = p
			return nil, nil
		}
		return disk.ReadFile(p)
	})
	if err != nil || files.Meta == nil {
		return nil, err
	}
	if len(large) > 0 {
		// A copy, so that no call of a judge counts among those of the engine.
		disk = disk.Snapshot()
	}
	for n, p := range large {
		f, err := disk.OpenFile(p, 0)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		size, err := f.Size()
		if err != nil {
			return nil, err
		}
		files.Segs[n] = raw.Paged(int(size), f.ReadAt)
	}
	return raw.Recover(files), nil
}

// largeDisk is the size from which segments are read page by page.
const largeDisk = 4 << 20

// readOnly opens an image for reading, which changes nothing but LOCK.
func (p *prober) readOnly(o *outcome, disk *faultfs.FS) *outcome {
	before := disk.Digest()
	db, err := quiver.OpenReadOnly(root, p.k.options(p.fs(disk)))
	if err != nil {
		o.flaw("I19 opens", "read-only: %v", err)
		return nil
	}
	got, err := content(db, nil)
	if err != nil {
		o.flaw("I4 honest", "read-only: %v", err)
	}
	seen := &outcome{holds: p.intern(got), all: true}
	p.readSnapshots(seen, db)
	o.flaws = append(o.flaws, seen.flaws...)
	if err := db.Close(); err != nil {
		o.flaw("I19 works", "close of a read-only handle: %v", err)
	}
	if disk.Digest() != before && !onlyLock(disk) {
		o.flaw("read-only", "a read-only handle has changed a file")
	}
	p.closed(o, disk)
	return seen
}

// readSnapshots reads those that outlive their process.
func (p *prober) readSnapshots(o *outcome, db *quiver.DB) {
	if p.k.Keep == keepNone {
		return
	}
	var gets []string
	if o.all {
		gets = p.keys
	}
	var err error
	if o.snaps, err = readLasting(db, gets, p.keys); err != nil {
		o.flaw("I12 snapshot", "%v", err)
	}
	// Many disks show the same, and are remembered.
	for i := range o.snaps {
		o.snaps[i].got = p.contents[p.intern(o.snaps[i].got)]
	}
}

// onlyLock tells whether all that the log of a disk changed is the lock file.
func onlyLock(disk *faultfs.FS) bool {
	for _, r := range disk.Log().Records() {
		if r.Kind&(faultfs.KindWrite|faultfs.KindTruncate|faultfs.KindAllocate|faultfs.KindRename|faultfs.KindRemove|faultfs.KindMkdir) != 0 ||
			r.Kind == faultfs.KindCreate && faultfs.ClassOf(r.Path) != faultfs.ClassLock {
			return false
		}
	}
	return true
}

func (p *prober) closed(o *outcome, disk *faultfs.FS) {
	if h, l := disk.Handles(), disk.Locks(); h != 0 || l != 0 {
		o.flaw("I20 no leaks", "%d handles and %d locks are left after Close", h, l)
	}
}

// incomplete judges an image without a meta: nobody finds a database there, and
// an init makes one.
func (p *prober) incomplete(o *outcome, disk *faultfs.FS) *recovery {
	before := disk.Digest()
	for _, open := range []func(string, *quiver.Options) (*quiver.DB, error){quiver.OpenReadOnly, quiver.Open} {
		_, err := open(root, p.k.options(p.fs(disk)))
		if !errors.Is(err, quiver.ErrNoDatabase) && !errors.Is(err, quiver.ErrIncomplete) {
			o.flaw("init", "open of an unfinished database: %v", err)
			return nil
		}
	}
	if disk.Digest() != before && !onlyLock(disk) {
		o.flaw("I18 no harm", "a failed open has changed a file")
	}
	if err := quiver.Init(root, p.k.init(p.fs(disk))); err != nil {
		o.flaw("init", "init again: %v", err)
		return nil
	}
	p.closed(o, disk)
	rec := &recovery{log: disk.Log(), opened: disk.Seq(), last: disk.Seq(), made: true, shown: &outcome{holds: p.intern(model.State{})}}
	db, err := quiver.Open(root, p.k.options(p.fs(disk)))
	if err != nil {
		o.flaw("init", "open after the second init: %v", err)
		return nil
	}
	p.carry(o, disk, db, model.State{}, 0)
	return rec
}

// recover opens an image, compares all that can be read, and writes on.
func (p *prober) recover(o *outcome, disk *faultfs.FS, view *raw.View, seen *outcome, fresh func() *faultfs.FS) *recovery {
	highest := view.MaxLSN()
	kept := p.rawKept(o, disk, view)
	fsys, watch := p.watch(disk)
	db, err := quiver.Open(root, p.k.options(fsys))
	if err != nil {
		o.flaw("I19 opens", "%v", err)
		return nil
	}
	opened := disk.Seq()
	var keys []string
	if o.all {
		keys = p.keys
	}
	got, err := content(db, keys)
	if err != nil {
		o.flaw("I4 honest", "%v", err)
	}
	p.readSnapshots(o, db)
	listed := disk.Seq()
	if kept != nil && len(kept.Faults)+len(view.Faults) == 0 {
		p.rawLasting(o, kept)
	}
	if seen != nil && !model.Equal(p.contents[seen.holds], got) {
		o.flaw("read-only", "a read-only handle shows something else: %s", model.Diff(p.contents[seen.holds], got))
	}
	if seen != nil && !sameShown(seen.snaps, o.snaps) {
		o.flaw("read-only", "a read-only handle shows other snapshots: %s", stillShown(seen.snaps, o.snaps))
	}
	if len(view.Faults) == 0 && !model.Equal(model.State(view.Pairs), got) {
		o.flaw("I7 raw", "the bytes on the disk, read without the engine, say something else: %s", model.Diff(model.State(view.Pairs), got))
	}
	if o.all {
		o.flaws = append(o.flaws, p.findings(db, false)...)
	}
	o.lsn = db.LastLSN()
	o.holds = p.intern(got)
	rec := &recovery{log: disk.Log(), opened: opened, listed: listed, last: disk.Seq(), shown: o}
	if watch != nil {
		o.flaws = append(o.flaws, watch.take()...)
	}
	if len(o.flaws) > 0 {
		_ = db.Close() // what is wrong is known already
		return rec
	}
	if p.carryWatched(o, disk, db, got, highest, watch) {
		p.idempotent(o, fresh(), got)
	}
	return rec
}

// idempotent judges what opening and closing alone does: it ends in a clean
// database that holds what the open has shown, got and the snapshots, and doing it
// again changes nothing.
func (p *prober) idempotent(o *outcome, disk *faultfs.FS, got model.State) {
	db, err := quiver.Open(root, p.k.options(p.fs(disk)))
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		o.flaw("I19 works", "open and close: %v", err)
		return
	}
	// Only a handle that needs the SnapStore removes what a crash has left there, and
	// looking at what is left of a snapshot that has ended is what the second one does.
	digest := disk.Digest
	if p.k.Keep == keepDedup && slices.Contains(disk.List(), inRoot(raw.StoreFolder)+"/index.bin.tmp") {
		digest = func() faultfs.Digest { return withoutTemps(disk) }
	}
	before := digest()
	p.closed(o, disk)
	v, err := rawView(disk)
	if err != nil || v == nil {
		o.flaw("I7 raw", "after open and close: %v", err)
		return
	}
	for _, f := range closedFaults(disk, v, false) {
		o.flaw("I7 raw", "after open and close: %s", f)
	}
	if d := model.Diff(model.State(v.Pairs), got); d != "" {
		o.flaw("I9 idempotent", "open and close leaves bytes that hold something else than the open has shown: %s", d)
	}
	if kept := p.rawKept(o, disk, v); kept != nil && !p.anything() {
		for _, f := range kept.Counted() {
			o.flaw("I7 raw", "after open and close: %s", f)
		}
	}
	again, err := quiver.Open(root, p.k.options(p.fs(disk)))
	if err == nil {
		if again.Recovery().Unclean {
			o.flaw("I24 clean close", "the second open calls the first close unclean")
		}
		p.showsAgain(o, again, got)
		err = again.Close()
	}
	if err != nil {
		o.flaw("I19 works", "second open and close: %v", err)
	}
	if digest() != before {
		o.flaw("I9 idempotent", "the second open and close has changed a file")
	}
}

// showsAgain compares a later open of what an open and close have left with what
// the first open has shown.
func (p *prober) showsAgain(o *outcome, db *quiver.DB, got model.State) {
	again, err := content(db, p.keys)
	if err != nil {
		o.flaw("I9 idempotent", "the second open: %v", err)
	} else if d := model.Diff(again, got); d != "" {
		o.flaw("I9 idempotent", "the second open shows something else than the first: %s", d)
	}
	if p.k.Keep == keepNone {
		return
	}
	snaps, err := readLasting(db, nil, p.keys)
	if err != nil {
		o.flaw("I12 snapshot", "the second open: %v", err)
	} else if d := stillShown(o.snaps, snaps); d != "" {
		o.flaw("I12 snapshot", "the second open shows other snapshots than the first: %s", d)
	}
}
