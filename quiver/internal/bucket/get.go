package bucket

import (
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Get appends the value of a key to dst.
func (s *Store) Get(dst, key []byte) (value []byte, found bool, err error) {
	value = dst
	err = s.find(key, func(stored []byte, at uint64) error {
		found = true
		var err error
		value, err = s.appendValue(dst, stored, at)
		return err
	})
	if err != nil {
		return dst, false, err
	}
	return value, found, nil
}

// Has reports whether a key is there. The value is not read.
func (s *Store) Has(key []byte) (found bool, err error) {
	err = s.find(key, func([]byte, uint64) error {
		found = true
		return nil
	})
	return found, err
}

// find calls use with the stored value of a key, if there is one, and the
// operation number that it belongs to. Where the value stands in overflow pages
// that number is pinned during the call: only a pin keeps them from reuse.
func (s *Store) find(key []byte, use func(stored []byte, at uint64) error) error {
	hash := format.Hash64(key)
	n := format.Bucket(hash, s.count)
	if s.pg.Head(n) == format.NoPage {
		return nil
	}
	var stored []byte
	pinned, at := false, uint64(0)
	err := s.view(n, func(_ *bucket, st *state) error {
		var err error
		if stored, err = s.lookup(st, hash, key); err != nil || !format.IsPlaceholder(stored) {
			return err
		}
		// Look again: the pin may stand at a newer state.
		at, pinned = s.pg.Pin(), true
		stored, _, err = s.lookupAt(st, hash, key, at)
		return err
	})
	if pinned {
		defer s.pg.Unpin(at)
	}
	if err == nil && stored != nil {
		err = use(stored, at)
	}
	return err
}

// lookup finds the stored value of a key in the newest visible state, nil if
// there is none.
func (s *Store) lookup(st *state, hash uint64, key []byte) ([]byte, error) {
	at := s.pg.Visible()
	for range lookupTries {
		stored, gone, err := s.lookupAt(st, hash, key, at)
		if err != nil || !gone {
			return stored, err
		}
		// A page had no version for that state. Either it came later, or the
		// version was dropped because a newer one was published meanwhile: then
		// look at the newer state. The locator covers it, for it cannot change
		// under the bucket's lock.
		now := s.pg.Visible()
		if now == at {
			return stored, nil
		}
		at = now
	}
	at = s.pg.Pin()
	defer s.pg.Unpin(at)
	stored, _, err := s.lookupAt(st, hash, key, at)
	return stored, err
}

// lookupTries bounds how often a lookup runs after what is being published
// before it pins a state.
const lookupTries = 8

// lookupAt finds the stored value of a key in the state of operation at. Of
// several copies the one nearest the tail counts. gone says that a page that
// was asked has no version for that state.
func (s *Store) lookupAt(st *state, hash uint64, key []byte, at uint64) (stored []byte, gone bool, err error) {
	try := func(i int) (ok bool) {
		c := &st.pages[i]
		if c.page == nil {
			return false
		}
		var data []byte
		if data, err = s.pg.Read(c.page, at); err != nil {
			return true
		}
		if data == nil {
			gone = true
			return false
		}
		if format.PageType(data) != format.TypeKV {
			return false
		}
		value, ok := format.KV(data).Get(hash, key)
		if ok {
			stored = value
		}
		return ok
	}
	if st.loc == nil {
		for i := len(st.pages) - 1; i >= 0; i-- {
			if try(i) {
				return stored, gone, err
			}
		}
		return nil, gone, nil
	}
	best := -1
	for i, pos := st.loc.next(hash, -1); i >= 0; i, pos = st.loc.next(hash, pos) {
		if i <= best || i >= len(st.pages) {
			continue
		}
		if try(i) {
			if err != nil {
				return nil, gone, err
			}
			best = i
		}
	}
	return stored, gone, nil
}
