package torture

import (
	"bytes"
	"path"
	"slices"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// logWrite judges a write to the log before it is made.
func (r *rules) logWrite(c call, f *shadow) {
	if r.logBroken {
		r.flaw("R9 poison", "write of the log after a failed one")
	}
	end := int(c.off) + len(c.data)
	if end <= len(f.content) && bytes.Equal(f.content[c.off:end], c.data) && !zeros(c.data) {
		r.rewrite(c, f)
		return
	}
	if zeros(c.data) || c.off < walHeader {
		return // growth, or a new header
	}
	if c.err != nil {
		r.logBroken = true
	}
	if r.grouping {
		r.flaw("R2 one group at a time", "a group is written before the one before it was synced")
	}
	r.grouping, r.own = true, true
	if r.meta().Clean {
		r.flaw("R10 clean flag", "still set on the disk when a group is written")
	}
	r.overwritten(c, f)
	if (c.off-walHeader)%stride != 0 {
		r.flaw("R2 strides", "a group at offset %d", c.off)
	}
	free := r.freeIDs()
	var whole []byte
	whole = append(append(whole, make([]byte, walHeader)...), c.data[:c.n]...)
	for _, rec := range raw.Records(whole, pageSize) {
		r.image(rec, free)
	}
}

func zeros(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// rewrite is what recovery does to the last group.
func (r *rules) rewrite(c call, f *shadow) {
	if r.rewritten == nil {
		r.rewritten = make([]byte, len(f.content))
	}
	for i := range c.n {
		r.rewritten[int(c.off)+i] = 1
	}
}

// image judges a record that is logged.
func (r *rules) image(rec raw.Record, free []uint64) {
	if rec.LSN <= r.highest {
		r.flaw("R6 LSN", "page %d is logged with LSN %d, which is not above %d", rec.Page, rec.LSN, r.highest)
	}
	r.highest = max(r.highest, rec.LSN)
	if next := r.meta().NextPage; rec.Page >= next {
		r.flaw("R4 next_page_id", "page %d is logged, and next_page_id on the disk is %d", rec.Page, next)
	}
	name, off := placeOf(rec.Page)
	if off+pageSize > len(r.s.durableBytes(name)) {
		r.flaw("R7 space", "page %d is logged, and has no synced place in %s", rec.Page, name)
	}
	if slices.Contains(free, rec.Page) {
		r.flaw("R5 free list", "page %d is logged while the free list on the disk names it", rec.Page)
	}
}

// freeIDs are those that a free file on the disk may name.
func (r *rules) freeIDs() []uint64 {
	ids, _, err := raw.ParseFree(r.s.durableBytes(freeName))
	if err != nil {
		r.flaw("I7 structure", "%v", err)
	}
	return ids
}

// overwritten: what a new generation overwrites is not needed.
func (r *rules) overwritten(c call, f *shadow) {
	from, to := int(c.off), int(c.off)+len(c.data)
	last := r.meta().LastLSN
	var lost []raw.Record
	for _, rec := range raw.Records(f.content, pageSize) {
		if rec.Off >= to || rec.Off+stride <= from {
			continue
		}
		if rec.LSN > last {
			r.flaw("R6 last_lsn before reuse", "a record of LSN %d is overwritten, and last_lsn on the disk is %d", rec.LSN, last)
		}
		lost = append(lost, rec)
	}
	r.dropped(lost)
}

// logSynced judges the log after a sync.
func (r *rules) logSynced() {
	l := r.readLog()
	if r.grouping {
		if n := len(l.Groups) - r.groups; n != 1 || len(l.Torn) > 0 {
			r.flaw("R2 a sync is a group", "a sync has made %d groups and %d loose records durable", n, len(l.Torn))
		}
	}
	for _, fault := range l.Faults {
		r.flaw("R13 log", "%s", fault)
	}
	r.groups, r.grouping = len(l.Groups), false
}

// logCut judges a truncation of the log: nothing above last_lsn is cut off, a
// torn tail included, and a recovery has done all of its steps.
func (r *rules) logCut(c call, f *shadow) {
	last := r.meta().LastLSN
	var lost []raw.Record
	for _, rec := range raw.Records(f.content, pageSize) {
		if rec.Off+stride <= int(c.size) {
			continue
		}
		if rec.LSN > last {
			r.flaw("R6 last_lsn before cut", "the log is cut to %d bytes, with a record of LSN %d; last_lsn on the disk is %d", c.size, rec.LSN, last)
		}
		lost = append(lost, rec)
	}
	r.dropped(lost)
	if len(lost) > 0 && !r.own && c.size == walHeader {
		r.recovered(f)
	}
	r.rewritten = nil
}

// recovered judges a process that has logged nothing when it cuts the log: what
// its predecessor has left may stand in the page cache only, so it must have
// written again what it relied on.
func (r *rules) recovered(f *shadow) {
	groups := raw.ReadLog(f.content, r.cutFloor(f), pageSize).Groups
	if len(groups) > 0 {
		for _, rec := range groups[len(groups)-1] {
			if len(r.rewritten) < rec.Off+stride || bytes.IndexByte(r.rewritten[rec.Off:rec.Off+stride], 0) >= 0 {
				r.flaw("R12 rewrite", "the log is cut after a recovery that did not write its last group again")
				break
			}
		}
	}
	for _, g := range groups {
		for _, rec := range g {
			if !r.redone[rec.Page] {
				r.flaw("R12 redo", "the log is cut after a recovery that did not write page %d", rec.Page)
			}
		}
	}
	for p, s := range r.s.all() {
		if path.Dir(p) == clean(root) && s.class == faultfs.ClassSeg && s.process != r.s.process {
			r.flaw("R12 sync all", "the log is cut after a recovery that did not sync %s", p)
		}
	}
	for _, name := range []string{metaName, dirName, freeName} {
		if !r.renewed[inRoot(name)] {
			r.flaw("R12 renew", "the log is cut after a recovery that did not write %s anew", name)
		}
	}
}

// cutFloor is the LSN below which the records of a log that is being cut were
// stale when the process began; by now last_lsn has been raised above all.
func (r *rules) cutFloor(f *shadow) uint64 {
	recs := raw.Records(f.content, pageSize)
	if len(recs) == 0 || r.floor >= recs[0].LSN {
		return r.highest
	}
	return r.floor
}
