package bucket

import (
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// appendValue appends the value that a record holds or stands for.
func (s *Store) appendValue(dst, stored []byte, at uint64) ([]byte, error) {
	if !format.IsPlaceholder(stored) {
		if dst == nil {
			dst = make([]byte, 0, len(stored))
		}
		return append(dst, stored...), nil
	}
	return s.appendOverflow(dst, stored, s.stateAt(at).page)
}

// minGrow is the memory that a value gets before any of it was read.
const minGrow = 1 << 20

func (s *Store) appendOverflow(dst, placeholder []byte, page pageReader) ([]byte, error) {
	total, _, _ := format.DecodePlaceholder(placeholder)
	read := 0
	err := s.overflowChain(placeholder, page, func(_ uint64, page []byte) error {
		if chunk := format.OverflowChunk(page); len(chunk) <= cap(dst)-len(dst) {
			dst = append(dst, chunk...)
		} else {
			// A length that was never checked must not size the memory: what has
			// been read vouches for as much again.
			left := int(total) - read
			dst = append(slices.Grow(dst, min(left, max(minGrow, read))), chunk...)
		}
		read += len(format.OverflowChunk(page))
		return nil
	})
	return dst, err
}

// overflowChain visits the pages of a value and checks that they are just what
// the placeholder says: neither a longer nor a shorter chain, every page full
// but the last. The length bounds the walk, and the number of pages the length.
func (s *Store) overflowChain(placeholder []byte, read pageReader, visit func(id uint64, page []byte) error) error {
	total, id, _ := format.DecodePlaceholder(placeholder)
	if err := format.ValidatePlaceholder(placeholder); err != nil {
		return s.corrupt(id, "%v", err)
	}
	chunk := uint64(format.ChunkSize(s.pg.PageSize()))
	if total/chunk > s.pg.PageLimit() {
		return s.corrupt(id, "a value of %d bytes is longer than the database", total)
	}
	for left := total; left > 0; {
		page, err := read(id)
		if err != nil {
			return err
		}
		if page == nil || format.PageType(page) != format.TypeOverflow {
			return s.corrupt(id, "page of a long value is missing or of another type")
		}
		want := min(left, chunk)
		if got := uint64(len(format.OverflowChunk(page))); got != want {
			return s.corrupt(id, "page of a long value has %d bytes of it instead of %d", got, want)
		}
		if err := visit(id, page); err != nil {
			return err
		}
		left -= want
		next := format.NextPage(page)
		if (left == 0) != (next == format.NoPage) {
			return s.corrupt(id, "the chain of a value of %d bytes does not end where the value does", total)
		}
		id = next
	}
	return nil
}

// freeOverflow gives back the pages of a value that a removed record led to.
func (s *Store) freeOverflow(tx *pager.Tx, stored []byte) error {
	if !format.IsPlaceholder(stored) {
		return nil
	}
	return s.overflowChain(stored, s.stateIn(tx).page, func(id uint64, _ []byte) error {
		tx.Free(id)
		return nil
	})
}

// storeOverflow puts a value into new pages and returns its placeholder.
func (s *Store) storeOverflow(tx *pager.Tx, value []byte) ([]byte, error) {
	size := format.ChunkSize(s.pg.PageSize())
	n := (len(value) + size - 1) / size
	ids := make([]uint64, n+1)
	pages := make([][]byte, n)
	for i := range n {
		pg, data, err := tx.Alloc()
		if err != nil {
			return nil, err
		}
		ids[i], pages[i] = pg.ID, data
	}
	ids[n] = format.NoPage
	for i, page := range pages {
		format.InitOverflow(page, ids[i], ids[i+1], value[i*size:min(len(value), (i+1)*size)])
	}
	placeholder := make([]byte, format.PlaceholderSize)
	format.EncodePlaceholder(placeholder, uint64(len(value)), ids[0])
	return placeholder, nil
}
