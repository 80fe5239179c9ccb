package bucket

import (
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// newest is above the number of every operation.
const newest = ^uint64(0) - 1

// view runs fn with the state of a bucket that has a head, under its lock, and
// builds the state when it is not there.
func (s *Store) view(n uint32, fn func(*bucket, *state) error) error {
	b := s.bucket(n)
	b.mu.RLock()
	if st := b.st; st != nil {
		defer b.mu.RUnlock()
		if !st.used.Load() {
			st.used.Store(true)
		}
		return fn(b, st)
	}
	b.mu.RUnlock()
	err := s.buildAndView(b, n, fn)
	s.evictStates()
	return err
}

func (s *Store) buildAndView(b *bucket, n uint32, fn func(*bucket, *state) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.st == nil {
		st, err := s.build(b, n)
		if err != nil {
			return err
		}
		b.st = st
		st.used.Store(true)
		s.account(st)
		s.residMu.Lock()
		s.resident = append(s.resident, n)
		s.residMu.Unlock()
	}
	return fn(b, b.st)
}

// touch makes the state of a bucket and leaves it in memory if that allows.
func (s *Store) touch(n uint32) error {
	return s.view(n, func(*bucket, *state) error { return nil })
}

// account counts the memory of a state anew.
func (s *Store) account(st *state) {
	m := st.memory()
	s.memory.Add(m - st.size)
	st.size = m
}

// build reads the chain of a bucket from head to tail. No operation on the
// bucket can be unpublished: its state would be in memory.
func (s *Store) build(b *bucket, n uint32) (*state, error) {
	st := &state{loc: newLocator(0)}
	if err := s.readChain(b, n, st); err != nil {
		s.releasePages(st)
		return nil, err
	}
	b.checked.Store(true)
	return st, nil
}

func (s *Store) readChain(b *bucket, n uint32, st *state) error {
	walk := chainWalk{limit: s.pg.PageLimit()}
	for id := s.pg.Head(n); id != format.NoPage; {
		if !walk.step(id) {
			return s.corrupt(id, "the chain of bucket %d does not end", n)
		}
		pg, err := s.pg.Hold(id)
		if err != nil {
			return err
		}
		pg.Bucket, pg.Index = n, int32(len(st.pages))
		st.pages = append(st.pages, chainPage{page: pg})
		if i := len(st.pages) - 2; i >= 0 {
			st.roomBound = max(st.roomBound, int(st.pages[i].room))
		}
		data, err := s.pg.Read(pg, newest)
		if err != nil {
			return err
		}
		kv, err := s.kv(id, data)
		if err != nil {
			return err
		}
		if err := s.locate(b, st, n, kv); err != nil {
			return err
		}
		st.setRoom(len(st.pages)-1, s.room(kv))
		id = format.NextPage(data)
	}
	return nil
}

// locate enters the keys of the last page of st.
func (s *Store) locate(b *bucket, st *state, n uint32, kv format.KV) error {
	index := len(st.pages) - 1
	for key := range kv.All() {
		hash := format.Hash64(key)
		if format.Bucket(hash, s.count) != n {
			return s.corrupt(st.pages[index].page.ID, "key %.32x does not belong to bucket %d", key, n)
		}
		if st.loc == nil {
			continue
		}
		if index > 0 && !b.shadowed.Load() {
			twice, err := s.standsAt(st, hash, key)
			if err != nil {
				return err
			}
			if twice {
				b.shadowed.Store(true)
			}
		}
		st.loc.add(hash, index)
	}
	if st.loc != nil && (st.loc.bytes() > s.o.LocatorBytes || index >= maxIndex) {
		st.loc = nil
	}
	if st.loc == nil && index > 0 {
		// Without the table duplicates cannot be told: take them for granted.
		b.shadowed.Store(true)
	}
	return nil
}

// standsAt reports whether an earlier page holds the key.
func (s *Store) standsAt(st *state, hash uint64, key []byte) (bool, error) {
	for i, at := st.loc.next(hash, -1); i >= 0; i, at = st.loc.next(hash, at) {
		data, err := s.pg.Read(st.pages[i].page, newest)
		if err != nil {
			return false, err
		}
		if _, ok := format.KV(data).Get(hash, key); ok {
			return true, nil
		}
	}
	return false, nil
}

// room is about the largest record that the page can take.
func (s *Store) room(kv format.KV) int {
	room := kv.NewRoom()
	if kv.CompactionDue(s.o.CompactDeadFrac, s.o.CompactMinBytes) {
		room += kv.DeadBytes()
	}
	return room
}

func (st *state) setRoom(i, room int) {
	st.pages[i].room = int32(room)
	if i != st.tail() {
		st.roomBound = max(st.roomBound, room)
	}
}

func (s *Store) releasePages(st *state) {
	for _, c := range st.pages {
		if c.page != nil {
			s.pg.Release(c.page)
		}
	}
}

// evictStates gives up states that were not used lately while there are too many.
// It needs the writer lock and does without if somebody has it: the next one
// who builds a state tries again.
func (s *Store) evictStates() {
	if s.memory.Load() <= s.o.LocatorBytes {
		return
	}
	if !s.pg.TryWriter() {
		return
	}
	defer s.pg.ReleaseWriter()
	settled := s.pg.Settled()
	s.residMu.Lock()
	defer s.residMu.Unlock()
	for tries := 2 * len(s.resident); tries > 0 && s.memory.Load() > s.o.LocatorBytes; tries-- {
		if s.hand >= len(s.resident) {
			s.hand = 0
		}
		if !s.giveUp(s.bucket(s.resident[s.hand]), settled) {
			s.hand++
			continue
		}
		last := len(s.resident) - 1
		s.resident[s.hand] = s.resident[last]
		s.resident = s.resident[:last]
	}
}

// giveUp drops a state unless it is in use or was changed by an operation that
// a reader may stand before or that is not durable.
func (s *Store) giveUp(b *bucket, settled uint64) bool {
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	st := b.st
	if st.used.Swap(false) || st.lastSeq > settled {
		return false
	}
	s.releasePages(st)
	s.memory.Add(-st.size)
	b.st = nil
	return true
}

// Undone is a hook of the pager: operations above visible did not happen.
func (s *Store) Undone(n uint32, visible uint64) {
	b := s.bucket(n)
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.st
	if st == nil {
		return
	}
	for i := range st.pages {
		c := &st.pages[i]
		if c.unlinked > visible {
			c.unlinked = 0
		}
		if c.page != nil && c.page.Unborn() {
			s.pg.Release(c.page)
			c.page = nil
		}
		c.room = int32(s.pg.PageSize())
	}
	st.roomBound = s.pg.PageSize()
	kept := st.removals[:0]
	for _, r := range st.removals {
		if r.seq <= visible {
			kept = append(kept, r)
		}
	}
	st.removals = kept
	last := len(st.additions)
	for ; last > 0 && st.additions[last-1].seq > visible; last-- {
		if a := st.additions[last-1]; st.loc != nil {
			st.loc.remove(a.hash, a.index)
		}
	}
	st.additions = st.additions[:last]
}

// Recycled is a hook of the pager: a page that left its chain is given out
// anew, and no reader can stand before that.
func (s *Store) Recycled(pg *pager.Page) {
	if pg.Index < 0 {
		return
	}
	b := s.bucket(pg.Bucket)
	b.mu.Lock()
	defer b.mu.Unlock()
	if st := b.st; st != nil && int(pg.Index) < len(st.pages) && st.pages[pg.Index].page == pg {
		st.pages[pg.Index].page = nil
		s.pg.Release(pg)
	}
}

// chainWalk notices a chain that runs in a circle, without memory for the pages
// (Brent's algorithm), or that is longer than there are pages.
type chainWalk struct {
	limit, steps, power, length uint64
	mark                        uint64
}

func (w *chainWalk) step(id uint64) bool {
	if w.steps == 0 {
		w.mark, w.power = id, 1
	} else if id == w.mark {
		return false
	}
	w.steps++
	if w.length++; w.length > w.power {
		w.mark, w.power, w.length = id, 2*w.power, 0
	}
	return w.steps <= w.limit
}

// viewLocked is view for who holds the writer lock, and so cannot give states
// up. The state stays valid as long as the lock is held.
func (s *Store) viewLocked(n uint32, fn func(*bucket, *state) error) error {
	b := s.bucket(n)
	b.mu.RLock()
	st := b.st
	b.mu.RUnlock()
	if st != nil {
		if !st.used.Load() {
			st.used.Store(true)
		}
		return fn(b, st)
	}
	return s.buildAndView(b, n, fn)
}
