package torture

import (
	"context"
	"fmt"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// carryKey says when two recovered databases cannot differ in what comes of
// writing on: equal bytes on the disk and equal figures of the handle.
type carryKey struct {
	digest  faultfs.Digest
	stats   quiver.Stats
	highest uint64
}

// carry writes on in a recovered database that holds got: to every bucket, over
// what is there, a long value into pages that a recount has freed; closes it,
// and looks whether the next open finds all of it. highest is the highest LSN
// that stood anywhere on the disk before the open. It tells whether this was not
// known before.
func (p *prober) carry(o *outcome, disk *faultfs.FS, db *quiver.DB, got model.State, highest uint64) (first bool) {
	return p.carryWatched(o, disk, db, got, highest, nil)
}

// carryWatched is carry of a handle that static rules follow, if any.
func (p *prober) carryWatched(o *outcome, disk *faultfs.FS, db *quiver.DB, got model.State, highest uint64, watch *rules) (first bool) {
	stats, err := db.Stats()
	if err != nil {
		o.flaw("I19 works", "stats: %v", err)
	}
	key := carryKey{digest: disk.Digest(), stats: stats, highest: highest}
	if flaws, known := p.carried[key]; known {
		o.flaws = append(o.flaws, flaws...)
		return false
	}
	p.carries++
	c := carrier{p: p, disk: disk, db: db, want: got.Clone(), highest: highest, snaps: o.snaps, watch: watch,
		cut: key.digest%cutShare == 0 && !p.cutting && len(o.flaws) == 0}
	c.run()
	if watch != nil {
		c.flaws = append(c.flaws, watch.take()...)
	}
	p.carried[key] = c.flaws
	o.flaws = append(o.flaws, c.flaws...)
	return true
}

type carrier struct {
	p       *prober
	disk    *faultfs.FS
	db      *quiver.DB
	want    model.State
	highest uint64
	keys    []string
	snaps   []shown // persisted snapshots, and what they show
	watch   *rules  // follows what is done; may be nil
	cut     bool    // the power is cut in the first put
	flaws   []flaw
}

func (c *carrier) flaw(rule, format string, args ...any) {
	c.flaws = append(c.flaws, flaw{rule, "writing on: " + fmt.Sprintf(format, args...)})
}

func (c *carrier) run() {
	had := c.want.Keys("")
	c.keys = append(c.keys, had...)
	for b := range c.p.k.Buckets {
		if b > 0 {
			c.put(c.p.fresh[b], 33)
			continue
		}
		if c.cut {
			c.putAndCut(c.p.fresh[b], 33)
		} else {
			c.put(c.p.fresh[b], 33)
		}
		c.newLSNs()
	}
	if len(had) > 0 {
		c.put(had[len(had)-1], 700)
		c.delete(had[0])
	}
	if _, err := c.db.Repair(context.Background(), quiver.RepairOptions{}); err != nil {
		c.flaw("I19 works", "repair: %v", err)
	}
	c.flaws = append(c.flaws, c.p.findings(c.db, true)...)
	c.put(c.p.fresh[c.p.k.Buckets], 9000)
	c.compare("before the close")
	if c.p.k.Keep != keepNone {
		c.lasting()
	}
	c.close()
	c.reopen()
}

// open begins another session.
func (c *carrier) open() (*quiver.DB, error) {
	fsys := c.p.fs(c.disk)
	if c.watch != nil {
		c.watch.newProcess()
		fsys = c.p.mutate.apply(newProcess(c.disk, c.watch))
	}
	return quiver.Open(root, c.p.k.options(fsys))
}

// during makes an operation, of which the static rules are told.
func (c *carrier) during(k Kind, do func() error) error {
	if c.watch == nil {
		return do()
	}
	c.watch.begin(Op{Kind: k})
	err := do()
	c.watch.end(Op{Kind: k}, err)
	return err
}

func (c *carrier) put(key string, size int) {
	v := value(1<<40, Change{Key: key, Size: size})
	if err := c.during(OpPut, func() error { return c.db.Put([]byte(key), []byte(v)) }); err != nil {
		c.flaw("I19 works", "put of %q: %v", key, err)
		return
	}
	c.want[key] = v
	c.keys = append(c.keys, key)
}

func (c *carrier) delete(key string) {
	var had bool
	err := c.during(OpDelete, func() (err error) {
		had, err = c.db.Delete([]byte(key))
		return err
	})
	if err != nil || !had {
		c.flaw("I4 honest", "delete of %q: %v, %v", key, had, err)
		return
	}
	delete(c.want, key)
}

// newLSNs: what is written now has LSNs above everything that stood anywhere
// before, or one LSN would name two images.
func (c *carrier) newLSNs() {
	v, err := rawView(c.disk)
	if err != nil || v == nil {
		c.flaw("harness", "raw view: %v", err)
		return
	}
	for _, g := range v.Log.Groups {
		for _, r := range g {
			if r.LSN <= c.highest {
				c.flaw("I6 LSN", "LSN %d is given to page %d, and %d stood on the disk before", r.LSN, r.Page, c.highest)
			}
		}
	}
	if len(v.Log.Groups) == 0 {
		c.flaw("I1 durable", "the first put has logged nothing")
	}
}

func (c *carrier) compare(when string) {
	got, err := content(c.db, c.keys)
	if err != nil {
		c.flaw("I4 honest", "%s: %v", when, err)
		return
	}
	if d := model.Diff(got, c.want); d != "" {
		c.flaw("I4 honest", "%s: %s", when, d)
	}
	if c.p.k.Keep == keepNone {
		return
	}
	now, err := readLasting(c.db, nil, c.p.keys)
	if err != nil {
		c.flaw("I12 snapshot", "%s: %v", when, err)
	} else if d := stillShown(c.snaps, now); d != "" {
		c.flaw("I12 snapshot", "%s: %s", when, d)
	}
}

func (c *carrier) close() {
	if err := c.during(OpClose, c.db.Close); err != nil {
		c.flaw("I19 works", "close: %v", err)
	}
	if h, l := c.disk.Handles(), c.disk.Locks(); h != 0 || l != 0 {
		c.flaw("I20 no leaks", "%d handles and %d locks are left after Close", h, l)
	}
}

// reopen looks at the closed database, without and with the engine.
func (c *carrier) reopen() {
	v, err := rawView(c.disk)
	if err != nil || v == nil {
		c.flaw("I7 raw", "after the close: %v", err)
		return
	}
	for _, f := range closedFaults(c.disk, v, true) {
		c.flaw("I7 raw", "after the close: %s", f)
	}
	if d := model.Diff(model.State(v.Pairs), c.want); d != "" && len(v.Faults) == 0 {
		c.flaw("I7 raw", "after the close the bytes hold something else: %s", d)
	}
	before := c.disk.Digest()
	if c.db, err = c.open(); err != nil {
		c.flaw("I19 opens", "after the close: %v", err)
		return
	}
	c.compare("after the close")
	c.flaws = append(c.flaws, c.p.findings(c.db, true)...)
	c.close()
	if c.disk.Digest() != before {
		c.flaw("I24 clean close", "opening and closing a clean database has changed a file")
	}
}
