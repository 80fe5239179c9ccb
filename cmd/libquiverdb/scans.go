//go:build cgo

package main

/*
#include "internal.h"
*/
import "C"

import (
	"bytes"

	"github.com/quiverdb/quiverdb-go/quiver"
)

//export qdbgoScanOpen
func qdbgoScanOpen(kind C.int, h C.uintptr_t, prefix C.qdb_bytes_in, prefixLen C.size_t, flags C.uint32_t) C.uintptr_t {
	return call(0, func() (C.uintptr_t, error) {
		if err := flagsIn(flags, C.QDB_SCAN_SORTED|C.QDB_SCAN_KEYS_ONLY); err != nil {
			return 0, err
		}
		s, p, err := readingKey(kind, h, prefix, prefixLen)
		if err != nil {
			return 0, err
		}
		sc := newScan(s.pairs(quiver.ScanOptions{
			// The scan outlives this call, and with it the caller's memory.
			Prefix:   bytes.Clone(p),
			Sorted:   flags&C.QDB_SCAN_SORTED != 0,
			KeysOnly: flags&C.QDB_SCAN_KEYS_ONLY != 0,
			NoCopy:   true,
		}))
		added, err := open.add(sc, uintptr(h))
		return C.uintptr_t(added), err
	})
}

//export qdbgoScanNext
func qdbgoScanNext(h C.uintptr_t, buf *C.uint8_t, capacity C.size_t, used, count *C.size_t) C.int {
	return call(-1, func() (C.int, error) {
		if used == nil || count == nil {
			return 0, isNull("the place of the length or the count")
		}
		dst, err := room(buf, capacity)
		if err != nil {
			return 0, err
		}
		s, err := find[*scan](&open, uintptr(h))
		if err != nil {
			return 0, err
		}
		n, records, needed, err := s.next(dst)
		if err != nil {
			return 0, err
		}
		*used, *count = C.size_t(n+needed), C.size_t(records)
		switch {
		case needed > 0:
			return 2, nil
		case records == 0:
			return 1, nil
		}
		return 0, nil
	})
}
