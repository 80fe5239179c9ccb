package bucket

import (
	"bytes"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// Pair is a key and a value.
type Pair struct{ Key, Value []byte }

// ScanOptions choose the pairs of a scan.
type ScanOptions struct {
	Prefix   []byte
	KeysOnly bool
	NoCopy   bool // pairs may alias pages, which nobody may change
}

// Scan visits every pair of the state that is visible when it begins, bucket by
// bucket, until visit returns false.
func (s *Store) Scan(o ScanOptions, visit func(Pair) bool) error {
	at := s.pg.Pin()
	defer s.pg.Unpin(at)
	return s.ScanAt(at, o, visit)
}

// ScanAt is Scan of the state of operation at, which is pinned.
func (s *Store) ScanAt(at uint64, o ScanOptions, visit func(Pair) bool) error {
	sc := scanner{s: s, o: o, visit: visit, state: s.stateAt(at)}
	return sc.all()
}

type scanner struct {
	s     *Store
	o     ScanOptions
	visit func(Pair) bool
	state stateReader
	pages [][]byte
	// offsets is reused from page to page.
	offsets []uint16
}

func (sc *scanner) all() error {
	for n := range sc.s.count {
		if sc.state.head(n) == format.NoPage {
			continue
		}
		more, err := sc.bucket(n)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (sc *scanner) bucket(n uint32) (more bool, err error) {
	s := sc.s
	b := s.bucket(n)
	if !b.checked.Load() && s.pg.Head(n) != format.NoPage {
		if err := s.touch(n); err != nil {
			return false, err
		}
	}
	sc.pages = sc.pages[:0]
	err = s.chainAt(n, sc.state, func(_ uint64, kv format.KV) error {
		sc.pages = append(sc.pages, kv)
		return nil
	})
	if err != nil {
		return false, err
	}
	var seen map[string]struct{}
	if len(sc.pages) > 1 && b.shadowed.Load() {
		seen = make(map[string]struct{})
	}
	// From the tail, for there the copy stands that counts.
	for _, page := range slices.Backward(sc.pages) {
		if more, err := sc.page(page, seen); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

func (sc *scanner) page(kv format.KV, seen map[string]struct{}) (more bool, err error) {
	if !sc.o.NoCopy {
		// A page at a time: one allocation for all its pairs.
		kv = bytes.Clone(kv)
	}
	sc.offsets = kv.Offsets(sc.offsets[:0])
	for _, off := range sc.offsets {
		key, stored := kv.Record(off)
		if !bytes.HasPrefix(key, sc.o.Prefix) {
			continue
		}
		if seen != nil {
			if _, old := seen[string(key)]; old {
				continue
			}
			seen[string(key)] = struct{}{}
		}
		p := Pair{Key: key}
		if !sc.o.KeysOnly {
			p.Value = stored
			if format.IsPlaceholder(stored) {
				if p.Value, err = sc.s.appendOverflow(nil, stored, sc.state.page); err != nil {
					return false, err
				}
			}
		}
		if !sc.visit(p) {
			return false, nil
		}
	}
	return true, nil
}

// DeletePrefix deletes every key that begins with prefix, as one operation, and
// returns their number.
func (s *Store) DeletePrefix(prefix []byte) (deleted int, err error) {
	if err := s.pg.Writable(); err != nil {
		return 0, err
	}
	// Look without the writer lock first; then only the buckets that changed
	// meanwhile have to be looked at again under it.
	at := s.pg.Pin()
	defer s.pg.Unpin(at)
	var ops []Op
	o := ScanOptions{Prefix: prefix, KeysOnly: true}
	err = s.ScanAt(at, o, func(p Pair) bool {
		ops = append(ops, Op{Key: bytes.Clone(p.Key), Delete: true})
		return true
	})
	if err != nil {
		return 0, err
	}
	placed, err := s.prepare(ops)
	if err != nil {
		return 0, err
	}
	err = s.run(true, func(tx *pager.Tx) error {
		late, err := s.changedSince(tx, at, prefix)
		if err != nil {
			return err
		}
		for _, p := range append(placed, late...) {
			had, err := s.change(tx, p)
			if err != nil {
				return err
			}
			if had {
				deleted++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// changedSince gives the keys with a prefix in the buckets that operations
// after at have changed. Their states are in memory as long as at is pinned.
func (s *Store) changedSince(tx *pager.Tx, at uint64, prefix []byte) ([]placedOp, error) {
	var late []placedOp
	for n := range s.count {
		if s.pg.Head(n) == format.NoPage {
			continue
		}
		b := s.bucket(n)
		b.mu.RLock()
		changed := b.st != nil && b.st.lastSeq > at
		b.mu.RUnlock()
		if !changed {
			continue
		}
		err := s.chainAt(n, s.stateIn(tx), func(_ uint64, kv format.KV) error {
			for key := range kv.All() {
				if bytes.HasPrefix(key, prefix) {
					late = append(late, placedOp{Op{Key: bytes.Clone(key), Delete: true}, format.Hash64(key), n})
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return late, nil
}
