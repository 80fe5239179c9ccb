package torture

import (
	"fmt"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
)

// cutShare is of how many recovered disks one loses its power in what is written
// on: by its bytes, so that a replay does it too.
const cutShare = 4

// firstPut is the first one behind a recovery.
type firstPut struct {
	begin, end int         // the last call before it, and its own last one
	before     model.State // what the recovery has shown
	lsns       [2]uint64   // LastLSN before it and after
}

// putAndCut puts, and cuts the power at each call of that: what a recovery leaves has
// to stand under what is written next, and a crash in that is where it would show.
func (c *carrier) putAndCut(key string, size int) {
	w := firstPut{begin: c.disk.Seq(), before: c.want.Clone()}
	w.lsns[0] = c.db.LastLSN()
	c.put(key, size)
	w.end, w.lsns[1] = c.disk.Seq(), c.db.LastLSN()
	if len(c.flaws) > 0 {
		return
	}
	c.p.cutting = true
	defer func() { c.p.cutting = false }()
	e := Dropped.enumeration(c.p.law)
	for st := range c.disk.Log().Points() {
		if st.To < w.begin {
			continue
		}
		if e.Profile != (faultfs.Profile{}) {
			st = st.Under(e.Profile)
		}
		for im := range st.Images(e) {
			if harsh(im) {
				continue
			}
			c.p.seconds++
			if f := c.afterCut(w, c.p.once(im), st.To >= w.end); f != nil {
				c.flaw(f.rule, "power cut after call %d, left %v: %s", st.From, im.Sel, f.text)
				return
			}
		}
	}
}

// afterCut judges a disk that a cut has left.
func (c *carrier) afterCut(w firstPut, o *outcome, acked bool) *flaw {
	got := c.p.contents[o.holds]
	lsn := w.lsns[0]
	if acked {
		lsn = w.lsns[1]
	}
	switch {
	case len(o.flaws) > 0:
		return &o.flaws[0]
	case !acked && o.holds == absent && len(w.before) == 0:
		return nil // see prober.unborn
	case o.holds == absent:
		return &flaw{"I11 observed is durable", "the database that was open is gone"}
	case acked && !model.Equal(got, c.want):
		return &flaw{"I1 durable", "the put had returned: " + model.Diff(got, c.want)}
	case !model.Equal(got, w.before) && !model.Equal(got, c.want):
		return &flaw{"I11 observed is durable", "it holds neither what was shown nor that and the put: " + model.Diff(got, w.before)}
	case o.lsn < lsn:
		return &flaw{"I6 LSN", fmt.Sprintf("LastLSN is %d, it was %d before", o.lsn, lsn)}
	case !c.p.anything() && !sameShown(c.snaps, o.snaps):
		return &flaw{"I12 snapshot", "other snapshots than were shown: " + stillShown(c.snaps, o.snaps)}
	}
	return nil
}
