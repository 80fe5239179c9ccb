package bucket

import (
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// chain is a bucket as an operation sees and changes it. The writer lock is
// held, so the state can be read; it is changed under the bucket's lock too.
type chain struct {
	s  *Store
	tx *pager.Tx
	n  uint32
	b  *bucket
	st *state
}

func (s *Store) chainOf(tx *pager.Tx, n uint32) (*chain, error) {
	c := &chain{s: s, tx: tx, n: n}
	// From here on nobody gives the state up: that needs the writer lock.
	err := s.viewLocked(n, func(b *bucket, st *state) error {
		c.b, c.st = b, st
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.settle()
	return c, nil
}

// settle takes out locator entries that no reader needs any more, and forgets
// which ones came with operations that are visible: those are not undone.
func (c *chain) settle() {
	st := c.st
	visible := c.s.pg.Visible()
	if n := len(st.additions); n > 0 && st.additions[n/2].seq <= visible {
		c.b.mu.Lock()
		st.additions = slices.DeleteFunc(st.additions, func(a locatorChange) bool { return a.seq <= visible })
		c.b.mu.Unlock()
	}
	if len(st.removals) == 0 {
		return
	}
	settled := c.s.pg.MinActive()
	k := 0
	for k < len(st.removals) && st.removals[k].seq <= settled {
		k++
	}
	if k == 0 {
		return
	}
	c.b.mu.Lock()
	for _, r := range st.removals[:k] {
		if st.loc != nil {
			st.loc.remove(r.hash, r.index)
		}
	}
	st.removals = slices.Delete(st.removals, 0, k)
	c.b.mu.Unlock()
}

// data is page i as the operation sees it.
func (c *chain) data(i int) (format.KV, error) {
	pg := c.st.pages[i].page
	data, err := c.tx.Data(pg)
	if err != nil {
		return nil, err
	}
	return c.s.kv(pg.ID, data)
}

func (c *chain) edit(i int) (format.KV, error) {
	data, err := c.tx.Edit(c.st.pages[i].page)
	if err != nil {
		return nil, err
	}
	c.b.mu.Lock()
	c.st.lastSeq = c.tx.Seq()
	c.b.mu.Unlock()
	return format.KV(data), nil
}

// copies are the places where a key stands, head to tail.
func (c *chain) copies(hash uint64, key []byte, places []int) ([]int, error) {
	st := c.st
	check := func(i int) error {
		if i >= len(st.pages) || !st.live(i) || slices.Contains(places, i) {
			return nil
		}
		kv, err := c.data(i)
		if err != nil {
			return err
		}
		if _, ok := kv.Get(hash, key); ok {
			places = append(places, i)
		}
		return nil
	}
	if st.loc == nil {
		for i := range st.pages {
			if err := check(i); err != nil {
				return nil, err
			}
		}
		return places, nil
	}
	for i, pos := st.loc.next(hash, -1); i >= 0; i, pos = st.loc.next(hash, pos) {
		if err := check(i); err != nil {
			return nil, err
		}
	}
	slices.Sort(places)
	return places, nil
}

// get is the stored value of a key as the operation sees it.
func (c *chain) get(hash uint64, key []byte) (stored []byte, found bool, err error) {
	var buf [4]int
	places, err := c.copies(hash, key, buf[:0])
	if err != nil || len(places) == 0 {
		return nil, false, err
	}
	kv, err := c.data(places[len(places)-1])
	if err != nil {
		return nil, false, err
	}
	stored, _ = kv.Get(hash, key)
	return stored, true, nil
}

// put stores a record. Of several copies all but the one nearest the tail are
// removed, head to tail; that one is replaced where it stands, or moves towards
// the tail.
func (c *chain) put(hash uint64, key, stored []byte) (had bool, err error) {
	var buf [4]int
	places, err := c.copies(hash, key, buf[:0])
	if err != nil {
		return false, err
	}
	if len(places) == 0 {
		return false, c.place(hash, key, stored, 0)
	}
	if len(places) > 1 {
		c.tx.HeadFirst(c.n)
	}
	last := len(places) - 1
	for _, i := range places[:last] {
		if err := c.drop(i, hash, key); err != nil {
			return true, err
		}
	}
	return true, c.replace(places[last], hash, key, stored)
}

// replace gives the record of a key on page i a new value.
func (c *chain) replace(i int, hash uint64, key, stored []byte) error {
	kv, err := c.edit(i)
	if err != nil {
		return err
	}
	old, _ := kv.Get(hash, key)
	if err := c.s.freeOverflow(c.tx, old); err != nil {
		return err
	}
	if kv.Insert(hash, key, stored) {
		c.noteRoom(i, kv.NewRoom())
		return nil
	}
	kv.Delete(hash, key)
	if c.compact(kv) && kv.Insert(hash, key, stored) {
		c.noteRoom(i, kv.NewRoom())
		return nil
	}
	if err := c.place(hash, key, stored, i+1); err != nil {
		return err
	}
	c.forget(hash, i)
	return c.afterRemoval(i, kv)
}

// compact rewrites a page without its dead records if that is due.
func (c *chain) compact(kv format.KV) bool {
	if !kv.CompactionDue(c.s.o.CompactDeadFrac, c.s.o.CompactMinBytes) {
		return false
	}
	kv.CompactInto(c.s.scratch)
	copy(kv, c.s.scratch)
	return true
}

// place stores the record of a key that is on no page at or behind from: on the
// tail, else on any page with room, else on a new tail.
func (c *chain) place(hash uint64, key, stored []byte, from int) error {
	st := c.st
	tail := st.tail()
	need := format.RecordSize(len(key), len(stored))
	if tail >= from {
		if ok, err := c.insert(tail, hash, key, stored); ok || err != nil {
			return err
		}
	}
	if need <= st.roomBound {
		bound := 0
		for i := from; i < tail; i++ {
			if !st.live(i) {
				continue
			}
			if need <= int(st.pages[i].room) {
				if ok, err := c.insert(i, hash, key, stored); ok || err != nil {
					return err
				}
			}
			bound = max(bound, int(st.pages[i].room))
		}
		if from == 0 {
			c.b.mu.Lock()
			st.roomBound = bound
			c.b.mu.Unlock()
		}
	}
	return c.extend(tail, hash, key, stored)
}

// insert tries to put the record of a new key on page i.
func (c *chain) insert(i int, hash uint64, key, stored []byte) (bool, error) {
	kv, err := c.data(i)
	if err != nil {
		return false, err
	}
	fits := kv.Fits(len(key), len(stored), false)
	if !fits {
		due := kv.CompactionDue(c.s.o.CompactDeadFrac, c.s.o.CompactMinBytes) &&
			kv.Room() >= format.RecordSize(len(key), len(stored))
		if !due {
			c.noteRoom(i, kv.NewRoom())
			return false, nil
		}
	}
	if kv, err = c.edit(i); err != nil {
		return false, err
	}
	if !fits {
		c.compact(kv)
	}
	ok := kv.Insert(hash, key, stored)
	c.noteRoom(i, kv.NewRoom())
	if ok {
		c.remember(hash, i)
	}
	return ok, nil
}

// extend appends a page to the chain and puts the record there.
func (c *chain) extend(tail int, hash uint64, key, stored []byte) error {
	pg, data, err := c.tx.Alloc()
	if err != nil {
		return err
	}
	format.InitKV(data, pg.ID)
	kv := format.KV(data)
	if !kv.Insert(hash, key, stored) {
		return c.s.corrupt(pg.ID, "a record of %d bytes does not fit on an empty page", format.RecordSize(len(key), len(stored)))
	}
	last, err := c.edit(tail)
	if err != nil {
		return err
	}
	format.SetNextPage(last, pg.ID)
	c.s.pg.HoldNew(pg)
	st := c.st
	c.b.mu.Lock()
	pg.Bucket, pg.Index = c.n, int32(len(st.pages))
	st.roomBound = max(st.roomBound, int(st.pages[tail].room))
	st.pages = append(st.pages, chainPage{page: pg, room: int32(kv.NewRoom())})
	st.lastSeq = c.tx.Seq()
	c.b.mu.Unlock()
	c.remember(hash, len(st.pages)-1)
	c.s.account(st)
	return nil
}

// remove deletes every copy of a key, head to tail, so that no older one comes
// back whatever part of the group the original finds.
func (c *chain) remove(hash uint64, key []byte) (had bool, err error) {
	var buf [4]int
	places, err := c.copies(hash, key, buf[:0])
	if err != nil || len(places) == 0 {
		return false, err
	}
	if len(places) > 1 {
		c.tx.HeadFirst(c.n)
	}
	for _, i := range places {
		if err := c.drop(i, hash, key); err != nil {
			return true, err
		}
	}
	return true, nil
}

// drop removes the copy of a key on page i and what it leads to.
func (c *chain) drop(i int, hash uint64, key []byte) error {
	kv, err := c.edit(i)
	if err != nil {
		return err
	}
	old, _ := kv.Get(hash, key)
	if err := c.s.freeOverflow(c.tx, old); err != nil {
		return err
	}
	kv.Delete(hash, key)
	c.forget(hash, i)
	return c.afterRemoval(i, kv)
}

// afterRemoval unlinks a page that became empty, unless it is the head, which
// the directory names, or the tail, where the next keys go.
func (c *chain) afterRemoval(i int, kv format.KV) error {
	c.noteRoom(i, c.s.room(kv))
	st := c.st
	before := st.before(i)
	if kv.Used() > 0 || before < 0 || i == st.tail() {
		return nil
	}
	prev, err := c.edit(before)
	if err != nil {
		return err
	}
	format.SetNextPage(prev, format.NextPage(kv))
	c.b.mu.Lock()
	st.pages[i].unlinked = c.tx.Seq()
	c.b.mu.Unlock()
	c.tx.Free(st.pages[i].page.ID)
	return nil
}

// noteRoom keeps the rough account of room that place goes by.
func (c *chain) noteRoom(i, room int) {
	if int(c.st.pages[i].room) == room {
		return
	}
	c.b.mu.Lock()
	c.st.setRoom(i, room)
	c.b.mu.Unlock()
}

// remember enters a key in the locator at once: an entry too many does no harm,
// and goes again if the operation is undone.
func (c *chain) remember(hash uint64, i int) {
	st := c.st
	if st.loc == nil {
		return
	}
	c.b.mu.Lock()
	st.loc.add(hash, i)
	st.additions = append(st.additions, locatorChange{c.tx.Seq(), hash, i})
	if st.loc.bytes() > c.s.o.LocatorBytes || i >= maxIndex {
		st.loc = nil
	}
	c.b.mu.Unlock()
	c.s.account(st)
}

// forget takes a key out of the locator when no reader can need the entry.
func (c *chain) forget(hash uint64, i int) {
	st := c.st
	if st.loc == nil {
		return
	}
	c.b.mu.Lock()
	st.removals = append(st.removals, locatorChange{c.tx.Seq(), hash, i})
	c.b.mu.Unlock()
}
