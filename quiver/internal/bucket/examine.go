package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// Usage is what a walk through the whole database counts.
type Usage struct {
	Pages         int64 // page ids below the limit
	KVPages       int64 // pages of records that are reached
	OverflowPages int64 // pages of long values that are reached
	FreePages     int64 // on the free list, or kept by this handle to be reused
	SnapshotPages int64 // only a persisted snapshot reaches them
	OrphanPages   int64 // none of these
	Pairs         int64
	ShadowedPairs int64 // older copies of a key that the original left behind
	KeyBytes      int64
	ValueBytes    int64
	LongValues    int64 // values in overflow pages
	DeadBytes     int64 // in pages of records, until they are compacted
	UsedBuckets   int64
	LongestChain  int64 // pages
}

// Fault is something that Examine found.
type Fault struct {
	Page    uint64 // or format.NoPage
	Warning bool   // unusual, but nothing is lost
	Err     error
}

// Examine walks through everything that the visible state reaches, counts it and
// tells all faults, not only the first. What a walk in search of orphans would
// find free is counted, not freed.
func (s *Store) Examine(ctx context.Context, tell func(Fault), progress func(done, total int64)) (Usage, error) {
	acc, err := s.pg.Account()
	if err != nil {
		return Usage{}, err
	}
	defer acc.Abandon()
	e := examination{s: s, tell: tell, state: s.stateAt(acc.Seq), limit: acc.Limit,
		reached: newBitset(max(acc.Limit, s.pg.PageLimit()))}
	e.u.Pages = int64(acc.Limit)
	// A later one may need pages that were free at the account.
	kept := slices.DeleteFunc(s.pg.KeptSnapshots(), func(sn *pager.Snapshot) bool { return sn.Seq() > acc.Seq })
	w := s.beginWalk(progress)
	for n := range s.count {
		if err := context.Cause(ctx); err != nil {
			return e.u, err
		}
		if err := e.bucket(n); err != nil {
			return e.u, err
		}
		w.step()
	}
	held := newBitset(uint64(len(e.reached)) * 64)
	for _, sn := range kept {
		gone := func(err error) error {
			tell(Fault{Page: format.NoPage, Err: err})
			return nil
		}
		if err := s.markKept(ctx, sn, func(id uint64) { held.add(id) }, w.step, gone); err != nil {
			if err := e.fault(format.NoPage, err); err != nil {
				return e.u, err
			}
		}
	}
	e.free(acc, held)
	w.phase.End()
	return e.u, nil
}

type examination struct {
	s       *Store
	tell    func(Fault)
	state   stateReader
	limit   uint64
	reached bitset
	u       Usage
}

// fault notes what can be noted; what stops the walk is returned.
func (e *examination) fault(id uint64, err error) error {
	if !errors.Is(err, pager.ErrCorrupt) {
		return err
	}
	var ce *pager.CorruptionError
	if errors.As(err, &ce) {
		id = ce.Page
	}
	e.tell(Fault{Page: id, Err: err})
	return nil
}

// reach notes that something leads to a page, which nothing else may do.
func (e *examination) reach(id uint64) {
	if !e.reached.add(id) {
		e.tell(Fault{Page: id, Err: e.s.corrupt(id, "two links lead to the page")})
	}
}

func (e *examination) bucket(n uint32) error {
	if e.s.pg.Head(n) == format.NoPage {
		return nil
	}
	var pages []format.KV
	var ids []uint64
	err := e.s.chainAt(n, e.state, func(id uint64, kv format.KV) error {
		e.reach(id)
		pages = append(pages, kv)
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		if err := e.fault(format.NoPage, err); err != nil {
			return err
		}
	}
	e.u.KVPages += int64(len(pages))
	e.u.LongestChain = max(e.u.LongestChain, int64(len(pages)))
	before := e.u.Pairs
	var seen map[string]struct{}
	if len(pages) > 1 {
		seen = make(map[string]struct{})
	}
	for i := len(pages) - 1; i >= 0; i-- {
		if err := e.page(n, ids[i], pages[i], seen); err != nil {
			return err
		}
	}
	if e.u.Pairs > before {
		e.u.UsedBuckets++
	}
	return nil
}

func (e *examination) page(n uint32, id uint64, kv format.KV, seen map[string]struct{}) error {
	for _, err := range format.CheckKV(kv) {
		e.tell(Fault{Page: id, Err: e.s.corrupt(id, "%v", err)})
	}
	if lsn := format.PageLSN(kv); lsn > e.s.pg.HighestLSN() {
		e.tell(Fault{Page: id, Err: e.s.corrupt(id, "lsn %d is above any that was given", lsn)})
	}
	e.u.DeadBytes += int64(kv.DeadBytes())
	for key, stored := range kv.All() {
		if got := format.Bucket(format.Hash64(key), e.s.count); got != n {
			e.tell(Fault{Page: id, Err: e.s.corrupt(id, "key %.32x belongs to bucket %d, not %d", key, got, n)})
		}
		shadow := false
		if seen != nil {
			_, shadow = seen[string(key)]
			seen[string(key)] = struct{}{}
		}
		size := uint64(len(stored))
		if format.IsPlaceholder(stored) {
			var err error
			if size, err = e.long(stored); err != nil {
				return err
			}
		}
		if shadow {
			e.u.ShadowedPairs++
			continue
		}
		e.u.Pairs++
		e.u.KeyBytes += int64(len(key))
		e.u.ValueBytes += int64(size)
	}
	return nil
}

func (e *examination) long(stored []byte) (size uint64, err error) {
	e.u.LongValues++
	size, _, _ = format.DecodePlaceholder(stored)
	err = e.s.overflowChain(stored, e.state.page, func(id uint64, _ []byte) error {
		e.u.OverflowPages++
		e.reach(id)
		return nil
	})
	if err != nil {
		return 0, e.fault(format.NoPage, err)
	}
	return size, nil
}

// free compares what is free with what is reached, or held by a snapshot.
func (e *examination) free(acc *pager.Account, held bitset) {
	own := newBitset(max(acc.Limit, e.s.pg.PageLimit()))
	for _, id := range acc.Free() {
		switch {
		case id >= e.limit:
			e.tell(Fault{Page: id, Err: fmt.Errorf("the free list names page %d, which does not exist", id)})
		case held.has(id) && !e.reached.has(id):
			e.tell(Fault{Page: id, Err: fmt.Errorf("the free list names page %d, which a snapshot needs", id)})
		case e.reached.has(id):
			e.tell(Fault{Page: id, Err: fmt.Errorf("the free list names page %d, which is in use", id)})
		case !own.add(id):
			e.tell(Fault{Page: id, Err: fmt.Errorf("the free list names page %d twice", id)})
		default:
			e.u.FreePages++
		}
	}
	for id := range e.limit {
		switch {
		case e.reached.has(id) || own.has(id):
		case held.has(id):
			e.u.SnapshotPages++
		case !acc.Owned(id):
			e.u.OrphanPages++
		}
	}
	if e.u.OrphanPages > 0 {
		e.tell(Fault{Page: format.NoPage, Warning: true, Err: fmt.Errorf("%d pages are neither in use nor free; a recount frees them", e.u.OrphanPages)})
	}
	if e.u.ShadowedPairs > 0 {
		e.tell(Fault{Page: format.NoPage, Warning: true, Err: fmt.Errorf("%d older copies of keys stand on earlier pages of their chains", e.u.ShadowedPairs)})
	}
}
