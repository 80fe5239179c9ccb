package bucket

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// Op is a change of one key.
type Op struct {
	Key, Value []byte
	Delete     bool
}

// MaxKeyLen is the length of the longest key.
func (s *Store) MaxKeyLen() int { return format.MaxKeyLen(s.pg.PageSize()) }

// MaxValueLen is the length of the longest value: its pages and those that lead
// to it must fit in one batch.
func (s *Store) MaxValueLen() int64 {
	pages := s.o.MaxBatchBytes/int64(s.pg.PageSize()) - 4
	return max(0, pages) * int64(format.ChunkSize(s.pg.PageSize()))
}

func (s *Store) checkSize(op Op) error {
	if len(op.Key) > s.MaxKeyLen() && !op.Delete {
		return fmt.Errorf("%w: key of %d bytes, at most %d with pages of %d", pager.ErrTooLarge, len(op.Key), s.MaxKeyLen(), s.pg.PageSize())
	}
	if int64(len(op.Value)) > s.MaxValueLen() {
		return fmt.Errorf("%w: value of %d bytes, at most %d", pager.ErrTooLarge, len(op.Value), s.MaxValueLen())
	}
	return nil
}

// Apply makes all changes, in their order, one atomic operation. With sync it
// returns when they are durable. existed counts the deletes that found their key.
func (s *Store) Apply(ops []Op, sync bool) (existed int, err error) {
	if err := s.pg.Writable(); err != nil {
		return 0, err
	}
	for _, op := range ops {
		if err := s.checkSize(op); err != nil {
			return 0, err
		}
	}
	placed, err := s.prepare(ops)
	if err != nil {
		return 0, err
	}
	err = s.run(sync, func(tx *pager.Tx) error {
		for _, p := range placed {
			had, err := s.change(tx, p)
			if err != nil {
				return err
			}
			if had && p.op.Delete {
				existed++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return existed, nil
}

// run makes what fn does one operation. Should fn fail or panic, nothing of it
// happens and the writer lock is given back. What fn looked at is visible to
// all when run returns: an error of fn may tell of it.
func (s *Store) run(sync bool, fn func(*pager.Tx) error) error {
	tx, err := s.pg.Begin(sync)
	if err != nil {
		return err
	}
	running := true
	defer func() {
		if running {
			_ = tx.Abort() // fn panics
		}
	}()
	err = fn(tx)
	running = false
	if err != nil {
		return errors.Join(err, tx.Abort())
	}
	return tx.Commit(sync)
}

// placedOp is an Op with the place of its key.
type placedOp struct {
	op     Op
	hash   uint64
	bucket uint32
}

// byBucket orders operations by their buckets, those of one bucket as they came.
func byBucket(ops []Op, buckets uint32) []placedOp {
	placed := make([]placedOp, len(ops))
	order := make([]uint64, len(ops))
	hashes := make([]uint64, len(ops))
	for i, op := range ops {
		hashes[i] = format.Hash64(op.Key)
		order[i] = uint64(format.Bucket(hashes[i], buckets))<<32 | uint64(i)
	}
	slices.Sort(order)
	for k, o := range order {
		i := uint32(o)
		placed[k] = placedOp{ops[i], hashes[i], uint32(o >> 32)}
	}
	return placed
}

// prepare does what would otherwise be done under the writer lock: it gives
// heads to the buckets that need them and reads chains that were not touched yet.
func (s *Store) prepare(ops []Op) ([]placedOp, error) {
	placed := byBucket(ops, s.count)
	var headless []uint32
	for _, p := range placed {
		if !p.op.Delete && s.pg.Head(p.bucket) == format.NoPage {
			headless = append(headless, p.bucket)
		}
	}
	if len(headless) > 0 {
		if err := s.pg.ProvideHeads(headless); err != nil {
			return nil, err
		}
	}
	for i, p := range placed {
		if i > 0 && p.bucket == placed[i-1].bucket || s.pg.Head(p.bucket) == format.NoPage {
			continue
		}
		if err := s.touch(p.bucket); err != nil {
			return nil, err
		}
	}
	return placed, nil
}

// change makes one change within an operation and reports whether the key was there.
func (s *Store) change(tx *pager.Tx, p placedOp) (had bool, err error) {
	if s.pg.Head(p.bucket) == format.NoPage {
		return false, nil
	}
	c, err := s.chainOf(tx, p.bucket)
	if err != nil {
		return false, err
	}
	if p.op.Delete {
		return c.remove(p.hash, p.op.Key)
	}
	stored := p.op.Value
	if format.NeedsOverflow(s.pg.PageSize(), s.o.OverflowThreshold, len(p.op.Key), len(stored), stored) {
		if stored, err = s.storeOverflow(tx, stored); err != nil {
			return false, err
		}
	}
	return c.put(p.hash, p.op.Key, stored)
}

// Update replaces the value of a key by what fn makes of it; nil deletes the
// key. fn runs under the writer lock.
func (s *Store) Update(key []byte, fn func(old []byte, found bool) ([]byte, error)) error {
	if err := s.pg.Writable(); err != nil {
		return err
	}
	if err := s.checkSize(Op{Key: key}); err != nil {
		return err
	}
	placed, err := s.prepare([]Op{{Key: key}})
	if err != nil {
		return err
	}
	return s.run(true, func(tx *pager.Tx) error { return s.update(tx, placed[0], fn) })
}

func (s *Store) update(tx *pager.Tx, p placedOp, fn func(old []byte, found bool) ([]byte, error)) error {
	c, err := s.chainOf(tx, p.bucket)
	if err != nil {
		return err
	}
	stored, found, err := c.get(p.hash, p.op.Key)
	if err != nil {
		return err
	}
	old := []byte{}
	switch {
	case format.IsPlaceholder(stored):
		old, err = s.appendOverflow(nil, stored, s.stateIn(tx).page)
	case found:
		old = append(old, stored...)
	default:
		old = nil
	}
	if err != nil {
		return err
	}
	if p.op.Value, err = fn(old, found); err != nil {
		return err
	}
	p.op.Delete = p.op.Value == nil
	if err := s.checkSize(p.op); err != nil {
		return err
	}
	_, err = s.change(tx, p)
	return err
}
