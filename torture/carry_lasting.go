package torture

import (
	"context"
	"path"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// lasting closes and opens a database with persisted snapshots, which have to show
// the same again, and protects them once more; then it removes them all, in the
// order in which they were begun, after which nothing of them may be left: no
// file, no page, no image.
func (c *carrier) lasting() {
	if len(c.snaps) == 0 {
		c.removeAll()
		return
	}
	c.close()
	c.counted()
	var err error
	if c.db, err = c.open(); err != nil {
		c.flaw("I19 opens", "with snapshots: %v", err)
		return
	}
	c.compare("after a close with snapshots")
	c.put(c.p.fresh[0], 44)
	c.compare("in the session after the close")
	c.removeAll()
}

// removeAll removes the snapshots, the ones that ended too.
func (c *carrier) removeAll() {
	for i, s := range c.snaps {
		if err := c.db.RemoveSnapshot(s.id); err != nil {
			c.flaw("I19 works", "removing %s: %v", s.id, err)
		}
		rest := c.snaps[i+1:]
		now, err := readLasting(c.db, nil, c.p.keys)
		if err != nil {
			c.flaw("I12 snapshot", "after the removal of %s: %v", s.id, err)
		} else if d := stillShown(rest, now); d != "" {
			c.flaw("I12 snapshot", "after the removal of %s: %s", s.id, d)
		}
	}
	c.snaps = nil
	if _, err := c.db.Repair(context.Background(), quiver.RepairOptions{}); err != nil {
		c.flaw("I19 works", "repair without snapshots: %v", err)
	}
	if _, err := c.db.CompactSnapStore(); err != nil {
		c.flaw("I19 works", "compacting the SnapStore: %v", err)
	}
	c.flaws = append(c.flaws, c.p.findings(c.db, true)...)
	c.nothingLeft()
}

// counted: a session that has frozen pages leaves every image that a snapshot
// names with a reference for it.
func (c *carrier) counted() {
	if c.p.anything() {
		return
	}
	v, err := rawView(c.disk)
	if err != nil || v == nil {
		c.flaw("I7 raw", "after the close: %v", err)
		return
	}
	kept, err := rawSnapshots(c.disk, v)
	if err != nil {
		c.flaw("harness", "%v", err)
		return
	}
	for _, f := range slices.Concat(closedFaults(c.disk, v, false), kept.Faults, kept.Counted()) {
		c.flaw("I7 raw", "after the close with snapshots: %s", f)
	}
}

// nothingLeft looks for what removed snapshots have left.
func (c *carrier) nothingLeft() {
	for _, p := range c.disk.List() {
		inStore := path.Base(path.Dir(p)) == raw.StoreFolder
		switch {
		case inStore && path.Base(p) == "store.bin":
			if b, err := c.disk.ReadFile(p); err != nil || len(b) > 0 {
				c.flaw("I20 no leaks", "%d bytes are left in the SnapStore when all snapshots are removed (error: %v)", len(b), err)
			}
		case path.Base(path.Dir(path.Dir(p))) == snapshotsName:
			c.flaw("I20 no leaks", "%s is left when all snapshots are removed", p)
		}
	}
}
