package bucket

import (
	"context"
	"errors"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// bitset is a set of page ids.
type bitset []uint64

func newBitset(n uint64) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(id uint64) bool { return b[id/64]&(1<<(id%64)) != 0 }

// add reports whether the id was new.
func (b bitset) add(id uint64) bool {
	old := b[id/64]
	b[id/64] = old | 1<<(id%64)
	return b[id/64] != old
}

// Recount looks for pages that nothing leads to and frees them. It reads the
// whole database as of one operation while others work, and frees nothing if
// it cannot.
func (s *Store) Recount(ctx context.Context, progress func(done, total int64)) (freed int, err error) {
	r, err := s.pg.Account()
	if err != nil {
		return 0, err
	}
	reached := newBitset(max(r.Limit, s.pg.PageLimit()))
	mark := func(id uint64) {
		if id/64 < uint64(len(reached)) {
			reached.add(id)
		}
	}
	state := s.stateAt(r.Seq)
	w := s.beginWalk(progress)
	for n := range s.count {
		if err = s.markBucket(ctx, n, state, mark); err != nil {
			break
		}
		w.step()
	}
	for _, sn := range s.pg.KeptSnapshots() {
		if err == nil {
			err = s.markKept(ctx, sn, mark, w.step, func(error) error { return nil })
		}
	}
	if err != nil {
		r.Abandon()
		return 0, err
	}
	if freed, err = r.Finish(ctx, reached.has); err == nil {
		w.phase.End()
	}
	return freed, err
}

// walk tells how many buckets are done, those of the kept snapshots too. One
// that begins meanwhile is not counted.
type walk struct {
	phase *pager.Phase
	done  int64
}

func (s *Store) beginWalk(progress func(done, total int64)) *walk {
	states := 1 + int64(len(s.pg.KeptSnapshots()))
	return &walk{phase: pager.BeginPhase(progress, states*int64(s.count))}
}

func (w *walk) step() {
	w.done++
	w.phase.At(w.done)
}

// markBucket marks the pages of a chain and of the values that its records lead
// to, those of shadowed copies too: the original reads and frees them.
func (s *Store) markBucket(ctx context.Context, n uint32, state stateReader, mark func(id uint64)) error {
	return s.chainAt(n, state, func(id uint64, kv format.KV) error {
		mark(id)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		for _, stored := range kv.All() {
			if !format.IsPlaceholder(stored) {
				continue
			}
			err := s.overflowChain(stored, state.page, func(id uint64, _ []byte) error {
				mark(id)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// markKept marks the pages that a live snapshot leads to. Where a read fails because
// that has been ended meanwhile the rest of it is left out: nobody needs it any more.
func (s *Store) markKept(ctx context.Context, sn *pager.Snapshot, mark func(id uint64), step func(), gone func(error) error) error {
	err := s.markSnapshot(ctx, sn, mark, step, func(err error) error {
		if !sn.Live() {
			return err
		}
		return gone(err)
	})
	if err != nil && ctx.Err() == nil && !sn.Live() {
		return nil
	}
	return err
}

// markSnapshot marks the pages that a snapshot leads to: they are on no list
// and must not be given out as long as it lives. gone is asked what to make of a
// chain with a page that is ErrSnapshotGone, because a program wrote that knows
// nothing of the snapshot: should a page behind it be freed and given out, it is
// told as gone too, never taken for what it was. step is called for each bucket.
func (s *Store) markSnapshot(ctx context.Context, sn *pager.Snapshot, mark func(id uint64), step func(), gone func(error) error) error {
	state := s.Snapshot(sn).state
	for n := range s.count {
		step()
		if state.head(n) == format.NoPage {
			continue
		}
		err := s.markBucket(ctx, n, state, mark)
		if errors.Is(err, pager.ErrSnapshotGone) {
			err = gone(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
