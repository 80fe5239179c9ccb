package torture

import (
	"bytes"
	"fmt"
	"path"
	"slices"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// rules judge the order of calls, without any crash: what must have been synced
// before what. They follow every process of a run from its first call, and know
// the files from the calls alone.
//
// The names are those of the rules of the engine: "log first" and so on.
type rules struct {
	disk  *faultfs.FS
	s     shadows
	flaws []flaw
	op    Op

	failedDirs map[string]bool // a sync of them failed in this process
	logBroken  bool            // a write of a group failed in this process
	own        bool            // this process has logged a group
	grouping   bool            // it has written one since the last sync of the log
	rewritten  []byte          // of the log, by recovery: 1 where a byte was written again
	redone     map[uint64]bool // pages that this process has written
	renewed    map[string]bool // small files that this process has replaced

	dataFsync bool   // the segments are synced before a write returns, too
	changed   bool   // something, in this operation
	groups    int    // whole live groups at the last sync of the log
	highest   uint64 // LSN that was ever logged, as far as the log shows it
	floor     uint64 // last_lsn as the process found it

	registry []byte      // the durable one that was read last
	entries  []raw.Entry // of it
}

const (
	logName  = "wal-000001.log"
	metaName = "meta"
	freeName = "free"
	dirName  = "dir"
)

// attach begins with the files of a disk, all of which are durable.
func (r *rules) attach(disk *faultfs.FS) {
	var err error
	r.disk = disk
	if r.s, err = newShadows(disk); err != nil {
		r.flaw("harness", "%v", err)
	}
	r.newProcess()
}

// newProcess says that the next calls come from another session: what failed
// before does not bind it, what the one before has not synced may be lost to it.
// It sees the files as they are, which after a failed sync need not be as they
// were written.
func (r *rules) newProcess() {
	r.s.process++
	r.failedDirs, r.redone, r.renewed = map[string]bool{}, map[uint64]bool{}, map[string]bool{}
	r.logBroken, r.own, r.grouping, r.rewritten = false, false, false, nil
	for p, f := range r.s.all() {
		f.failed = false
		b, err := r.disk.ReadFile(p)
		if err != nil {
			r.flaw("harness", "%v", err)
		}
		f.content = b
	}
	r.groups, r.floor, r.highest = len(r.readLog().Groups), 0, r.meta().LastLSN
	if f := r.s.live[inRoot(metaName)]; f != nil {
		m, _ := raw.ParseMeta(f.content) // damage is for others to find
		r.floor = m.LastLSN
	}
	if f := r.s.live[inRoot(logName)]; f != nil {
		for _, rec := range raw.Records(f.content, pageSize) {
			r.highest = max(r.highest, rec.LSN)
		}
	}
}

func (r *rules) flaw(rule, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if r.op.Kind != OpPut || len(r.op.Changes) > 0 {
		text = fmt.Sprintf("in %v: %s", r.op, text)
	}
	r.flaws = append(r.flaws, flaw{"static " + rule, text})
}

// meta is the durable meta; zero when there is none.
func (r *rules) meta() raw.Meta {
	m, _ := raw.ParseMeta(r.s.durableBytes(metaName)) // none yet during init
	return m
}

// readLog reads the log as it was last synced.
func (r *rules) readLog() raw.Log {
	if b := r.s.durableBytes(logName); b != nil {
		return raw.ReadLog(b, r.meta().LastLSN, pageSize)
	}
	return raw.Log{}
}

// take gives the flaws away.
func (r *rules) take() []flaw {
	list := r.flaws
	r.flaws = nil
	return list
}

// begin and end frame an operation.
func (r *rules) begin(o Op) { r.op, r.changed = o, false }

func (r *rules) end(o Op, err error) {
	defer func() { r.op = Op{} }()
	if err != nil {
		return
	}
	durable := o.Kind.writes() && o.Kind != OpNoSync || o.Kind == OpInit || o.Kind == OpClose || o.Kind == OpCheckpoint || o.Kind == OpSync
	if !durable {
		return
	}
	if r.grouping {
		r.flaw("R1 sync before ack", "returned, and the log has a group that was not synced")
	}
	if r.dataFsync && o.Kind.writes() {
		r.segmentsSynced()
	}
	if p := r.s.unsettled(""); p != "" && r.changed {
		r.flaw("R5 directory sync before ack", "returned, and the name %s is not durable", p)
	}
}

// segmentsSynced is for the return of a write that promises it.
func (r *rules) segmentsSynced() {
	for p, f := range r.s.all() {
		if f.class == faultfs.ClassSeg && matters(p) && f.dirty {
			r.flaw("R1 data fsync", "returned, and %s was not synced", p)
		}
	}
}

// call follows one call.
func (r *rules) call(c call) {
	p := clean(c.path)
	if outside(p) {
		r.beside(c, p)
		return
	}
	switch c.kind {
	case faultfs.KindOpen, faultfs.KindCreate:
		if c.err == nil {
			r.opened(c, p)
		}
	case faultfs.KindWrite, faultfs.KindTruncate, faultfs.KindAllocate:
		r.change(c, p)
	case faultfs.KindSync, faultfs.KindSyncData:
		r.sync(c, p)
	case faultfs.KindRename:
		r.rename(c)
	case faultfs.KindMkdir:
		if c.err == nil {
			r.s.changed[p] = r.s.process
		}
	case faultfs.KindRemove:
		if c.err == nil || r.gone(p) {
			r.s.remove(p)
		}
	case faultfs.KindSyncDir:
		r.syncDir(c, p)
	}
}

// gone tells whether a call that failed has taken the name away all the same.
func (r *rules) gone(p string) bool {
	return r.s.live[p] != nil && !slices.Contains(r.disk.List(), p)
}

func (r *rules) opened(c call, p string) {
	f := r.s.live[p]
	if f == nil && c.kind == faultfs.KindOpen {
		return
	}
	if f == nil {
		r.s.create(p)
	} else if c.cut && len(f.content) > 0 {
		f.resize(0)
	}
}

// change follows a write, a truncation or an allocation.
func (r *rules) change(c call, p string) {
	r.changed = true
	f := r.s.live[p]
	if f == nil {
		return // a file without a name decides nothing
	}
	if f.failed {
		r.flaw("R9 poison", "%v of %s after a failed sync of it", c.kind, p)
	}
	if f.class != faultfs.ClassSnap { // which counts on no other file
		r.renamesSettled(c.kind.String() + " of " + p)
	}
	switch {
	case f.class == faultfs.ClassWAL && c.kind == faultfs.KindWrite:
		r.logWrite(c, f)
	case f.class == faultfs.ClassWAL && c.kind == faultfs.KindTruncate && c.err == nil:
		r.logCut(c, f)
	case f.class == faultfs.ClassSeg && c.kind == faultfs.KindWrite:
		r.pageWrite(c, p, f)
	case f.class == faultfs.ClassSnap && c.kind == faultfs.KindWrite:
		r.indexed(c, p, f)
	}
	switch {
	case c.kind == faultfs.KindWrite:
		f.write(c)
	case c.err != nil:
	case c.kind == faultfs.KindTruncate:
		f.resize(int(c.size))
	case int(c.size) > len(f.content):
		f.resize(int(c.size))
	}
}

// renamesSettled: nothing may be done that counts on a new small file of this
// process before its name is durable.
func (r *rules) renamesSettled(what string) {
	for _, name := range []string{metaName, dirName, freeName} {
		if by, pending := r.s.changed[inRoot(name)]; pending && by == r.s.process {
			r.flaw("R5 directory sync", "%s before the new name of %s was durable", what, name)
		}
	}
}

func (r *rules) sync(c call, p string) {
	f := r.s.live[p]
	if f == nil {
		return
	}
	if f.failed {
		r.flaw("R9 poison", "sync of %s after a failed one", p)
	}
	if c.err != nil {
		f.failed = true
		return
	}
	f.sync(r.s.process)
	if f.class == faultfs.ClassWAL {
		r.logSynced()
	}
}

func (r *rules) syncDir(c call, p string) {
	if r.failedDirs[p] {
		r.flaw("R9 poison", "sync of directory %s after a failed one", p)
	}
	if c.err != nil {
		// Where no name was pending that matters, nothing can have been lost.
		r.failedDirs[p] = r.s.unsettled("") != ""
		return
	}
	before := r.meta()
	r.s.syncDir(p)
	if r.meta() != before {
		r.groups = len(r.readLog().Groups)
	}
}

// rename follows the replacement of a small file.
func (r *rules) rename(c call) {
	from, to := clean(c.path), clean(c.to)
	f := r.s.live[from]
	if f == nil || c.err != nil && !r.gone(from) {
		return
	}
	if f.dirty || f.created {
		r.flaw("R4 sync before rename", "%s was renamed to %s before it was synced", from, to)
	}
	if f.class != faultfs.ClassSnap {
		r.renamesSettled("rename to " + to)
	}
	if to == inRoot(metaName) {
		// With the meta the database exists: so must everything else.
		if p := r.s.unsettled(to); p != "" {
			r.flaw("R5 directory sync", "%s was renamed to %s before the name %s was durable", from, to, p)
		}
		r.newMeta(f.content)
	}
	switch to {
	case inRoot(freeName):
		r.newFree(f.content)
	case inRoot(registryName):
		r.newRegistry(f.content)
	}
	r.renewed[to] = true
	r.s.rename(from, to)
}

// newMeta judges a meta that is about to take effect.
func (r *rules) newMeta(content []byte) {
	m, err := raw.ParseMeta(content)
	if err != nil {
		r.flaw("I7 structure", "%v", err)
		return
	}
	old := r.meta()
	switch {
	case m.LastLSN < old.LastLSN:
		r.flaw("R6 LSN", "last_lsn goes from %d back to %d", old.LastLSN, m.LastLSN)
	case m.LastLSN > old.LastLSN && m.LastLSN < r.highest:
		r.flaw("R6 LSN", "last_lsn is raised to %d, but %d was logged", m.LastLSN, r.highest)
	case m.LastLSN > old.LastLSN:
		r.imagesStand(fmt.Sprintf("last_lsn is raised to %d", m.LastLSN))
	}
	if m.Clean {
		r.allSynced()
	}
}

// imagesStand: the images of the log are in synced segments.
func (r *rules) imagesStand(when string) {
	for _, g := range r.readLog().Groups {
		for _, rec := range g {
			name, off := placeOf(rec.Page)
			seg := r.s.durableBytes(name)
			if off+pageSize > len(seg) {
				r.flaw("R3 segments before cut", "%s, and page %d is not in a synced segment", when, rec.Page)
				continue
			}
			p := raw.Page(seg[off : off+pageSize])
			if p.Verify(rec.Page) != nil || p.LSN() < rec.LSN {
				r.flaw("R3 segments before cut", "%s, and the synced segment holds page %d with LSN %d instead of %d", when, rec.Page, p.LSN(), rec.LSN)
			}
		}
	}
}

func placeOf(page uint64) (name string, off int) {
	const per = raw.SegmentBytes / pageSize
	return fmt.Sprintf("data-%06d.p1seg", page/per+1), int(page%per) * pageSize
}

// allSynced is for the meta that calls the database clean.
func (r *rules) allSynced() {
	for p, f := range r.s.all() {
		if matters(p) && f.dirty {
			r.flaw("R10 clean flag", "set while %s was not synced", p)
		}
	}
	if f := r.s.live[inRoot(logName)]; f == nil || len(f.content) != walHeader {
		r.flaw("R10 clean flag", "set before the log was cut")
	}
}

const (
	walHeader = 16
	stride    = 28 + pageSize
)

// pageWrite: a page goes to its segment only after the same bytes went to the
// synced log, or over the same bytes.
func (r *rules) pageWrite(c call, p string, f *shadow) {
	if c.off%pageSize != 0 || len(c.data)%pageSize != 0 {
		r.flaw("R1 log first", "write of %d bytes at %d of %s: not whole pages", len(c.data), c.off, p)
		return
	}
	const per = raw.SegmentBytes / pageSize
	first := uint64(raw.SegmentNumber(path.Base(p))-1)*per + uint64(c.off/pageSize)
	var logged []raw.Record
	if l := r.s.durable[inRoot(logName)]; l != nil {
		logged = raw.Records(l.synced, pageSize)
	}
	for i := 0; i*pageSize < len(c.data); i++ {
		id, img := first+uint64(i), c.data[i*pageSize:(i+1)*pageSize]
		off := int(c.off) + i*pageSize
		r.redone[id] = true
		var old raw.Page
		if off+pageSize <= len(f.content) {
			old = f.content[off : off+pageSize]
			if bytes.Equal(old, img) {
				continue
			}
		}
		if old != nil && old.Verify(id) == nil && old.LSN() > raw.Page(img).LSN() {
			r.flaw("R12 the LSN decides", "page %d of LSN %d is overwritten by LSN %d", id, old.LSN(), raw.Page(img).LSN())
		}
		if old != nil && old.Verify(id) == nil {
			r.overwrites(c, p, f, id, old.LSN(), raw.Page(img).LSN())
		}
		if !inLog(logged, id, img) {
			r.flaw("R1 log first", "page %d of LSN %d goes to its segment, and is not in the synced log", id, raw.Page(img).LSN())
		}
	}
}

func inLog(logged []raw.Record, id uint64, img []byte) bool {
	for _, rec := range logged {
		if rec.Page == id && bytes.Equal(rec.Image, img) {
			return true
		}
	}
	return false
}
