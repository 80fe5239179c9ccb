package bucket

import (
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// stateReader is a state of the database to be read: what readers see at one
// operation, what a running operation sees, or a snapshot.
type stateReader struct {
	head func(bucket uint32) uint64
	page pageReader
}

// pageReader gives the bytes of a page by its id, nil if it does not exist.
type pageReader func(id uint64) ([]byte, error)

// stateAt is the state of operation at, which is pinned.
func (s *Store) stateAt(at uint64) stateReader {
	return stateReader{s.pg.Head, func(id uint64) ([]byte, error) { return s.pg.ReadID(id, at) }}
}

// stateIn is the state that an operation sees.
func (s *Store) stateIn(tx *pager.Tx) stateReader {
	return stateReader{s.pg.Head, tx.DataID}
}

// chainAt visits the pages of a bucket, head to tail, by the links of a state.
func (s *Store) chainAt(n uint32, state stateReader, visit func(id uint64, kv format.KV) error) error {
	walk := chainWalk{limit: s.pg.PageLimit()}
	first := true
	for id := state.head(n); id != format.NoPage; {
		if !walk.step(id) {
			return s.corrupt(id, "the chain of bucket %d does not end", n)
		}
		data, err := state.page(id)
		if err != nil {
			return err
		}
		if data == nil && first {
			// The head was given to the bucket after this state.
			return nil
		}
		first = false
		kv, err := s.kv(id, data)
		if err != nil {
			return err
		}
		if err := visit(id, kv); err != nil {
			return err
		}
		id = format.NextPage(data)
	}
	return nil
}
