//go:build cgo

package main

/*
#include "internal.h"
*/
import "C"

import (
	"errors"
	"math"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// reading gives what a handle of one of two kinds reads from.
func reading(kind C.int, h C.uintptr_t) (state, error) {
	if kind == C.QDB_KIND_SNAPSHOT {
		s, err := find[*snapshot](&open, uintptr(h))
		return s, err
	}
	d, err := find[*database](&open, uintptr(h))
	return d, err
}

// readingKey is reading for one key.
func readingKey(kind C.int, h C.uintptr_t, key C.qdb_bytes_in, n C.size_t) (state, []byte, error) {
	k, err := bytesIn(key, n, "the key")
	if err != nil {
		return nil, nil, err
	}
	s, err := reading(kind, h)
	return s, k, err
}

//export qdbgoPut
func qdbgoPut(h C.uintptr_t, key C.qdb_bytes_in, keyLen C.size_t, value C.qdb_bytes_in, valueLen C.size_t) C.int {
	return call(-1, func() (C.int, error) {
		k, err := bytesIn(key, keyLen, "the key")
		if err != nil {
			return 0, err
		}
		v, err := bytesIn(value, valueLen, "the value")
		if err != nil {
			return 0, err
		}
		d, err := find[*database](&open, uintptr(h))
		if err != nil {
			return 0, err
		}
		err = d.db.Put(k, v)
		if errors.Is(err, quiver.ErrReadOnly) {
			fail(err)
			return 1, nil
		}
		return 0, open.late(uintptr(h), err)
	})
}

//export qdbgoGet
func qdbgoGet(kind C.int, h C.uintptr_t, key C.qdb_bytes_in, keyLen C.size_t, out **C.uint8_t, outLen *C.size_t) C.int {
	return call(-1, func() (C.int, error) {
		if out == nil || outLen == nil {
			return 0, isNull("the place of the value or its length")
		}
		s, k, err := readingKey(kind, h, key, keyLen)
		if err != nil {
			return 0, err
		}
		v, found, err := s.get(nil, k)
		if err != nil || !found {
			return 1, open.late(uintptr(h), err)
		}
		p, err := bytesOut(v, 0)
		if err != nil {
			return 0, err
		}
		*out, *outLen = (*C.uint8_t)(p), C.size_t(len(v))
		return 0, nil
	})
}

//export qdbgoGetInto
func qdbgoGetInto(kind C.int, h C.uintptr_t, key C.qdb_bytes_in, keyLen C.size_t, buf *C.uint8_t, capacity C.size_t, length *C.size_t) C.int {
	return call(-1, func() (C.int, error) {
		if length == nil {
			return 0, isNull("the place of the length")
		}
		dst, err := room(buf, capacity)
		if err != nil {
			return 0, err
		}
		s, k, err := readingKey(kind, h, key, keyLen)
		if err != nil {
			return 0, err
		}
		v, found, err := s.get(dst[:0], k)
		if err != nil || !found {
			return 1, open.late(uintptr(h), err)
		}
		*length = C.size_t(len(v))
		if len(v) > len(dst) {
			return 2, nil
		}
		if len(v) > 0 && &v[0] != &dst[0] {
			// The engine grew the slice in steps that did not fit though the value does.
			copy(dst, v)
		}
		return 0, nil
	})
}

//export qdbgoHas
func qdbgoHas(kind C.int, h C.uintptr_t, key C.qdb_bytes_in, keyLen C.size_t) C.int {
	return call(-1, func() (C.int, error) {
		s, k, err := readingKey(kind, h, key, keyLen)
		if err != nil {
			return 0, err
		}
		found, err := s.has(k)
		if err != nil || !found {
			return 0, open.late(uintptr(h), err)
		}
		return 1, nil
	})
}

// qdbgoDelete gives readOnly for a read-only handle: of that the two functions of
// the header think differently.
//
//export qdbgoDelete
func qdbgoDelete(h C.uintptr_t, key C.qdb_bytes_in, keyLen C.size_t, readOnly C.int) C.int {
	return call(-1, func() (C.int, error) {
		k, err := bytesIn(key, keyLen, "the key")
		if err != nil {
			return 0, err
		}
		d, err := find[*database](&open, uintptr(h))
		if err != nil {
			return 0, err
		}
		existed, err := d.db.Delete(k)
		switch {
		case errors.Is(err, quiver.ErrReadOnly):
			fail(err)
			return readOnly, nil
		case err != nil || !existed:
			return 1, open.late(uintptr(h), err)
		}
		return 0, nil
	})
}

//export qdbgoDeletePrefix
func qdbgoDeletePrefix(h C.uintptr_t, prefix C.qdb_bytes_in, prefixLen C.size_t, deleted *C.uint64_t) C.int {
	return on(h, func(d *database) error {
		p, err := bytesIn(prefix, prefixLen, "the prefix")
		if err != nil {
			return err
		}
		n, err := d.db.DeletePrefix(p)
		if err == nil && deleted != nil {
			*deleted = C.uint64_t(n)
		}
		return err
	})
}

//export qdbgoCount
func qdbgoCount(kind C.int, h C.uintptr_t, prefix C.qdb_bytes_in, prefixLen C.size_t, n *C.uint64_t) C.int {
	return do(func() error {
		if n == nil {
			return isNull("the place of the count")
		}
		s, p, err := readingKey(kind, h, prefix, prefixLen)
		if err != nil {
			return err
		}
		counted, err := count(s, p)
		if err == nil {
			*n = C.uint64_t(counted)
		}
		return open.late(uintptr(h), err)
	})
}

//export qdbgoLimits
func qdbgoLimits(h C.uintptr_t, maxKey, maxValue *C.uint64_t) C.int {
	return on(h, func(d *database) error {
		if maxKey != nil {
			*maxKey = C.uint64_t(d.db.MaxKeyLen())
		}
		if maxValue != nil {
			// Lengths in packed operations and records have four bytes.
			*maxValue = C.uint64_t(min(d.db.MaxValueLen(), math.MaxUint32))
		}
		return nil
	})
}

//export qdbgoLSN
func qdbgoLSN(kind C.int, h C.uintptr_t, lsn *C.uint64_t) C.int {
	return do(func() error {
		if lsn == nil {
			return isNull("the place of the LSN")
		}
		s, err := reading(kind, h)
		if err != nil {
			return err
		}
		*lsn = C.uint64_t(s.lsn())
		return nil
	})
}
