//go:build cgo

package main

/*
#include "internal.h"
*/
import "C"

//export qdbgoWrite
func qdbgoWrite(h C.uintptr_t, ops C.qdb_bytes_in, n C.size_t, flags C.uint32_t) C.int {
	return on(h, func(d *database) error {
		if err := flagsIn(flags, C.QDB_WRITE_NO_SYNC); err != nil {
			return err
		}
		b, err := bytesIn(ops, n, "the list of operations")
		if err != nil {
			return err
		}
		batch, err := unpack(b)
		if err != nil {
			return err
		}
		if flags&C.QDB_WRITE_NO_SYNC != 0 {
			return d.db.WriteNoSync(batch)
		}
		return d.db.Write(batch)
	})
}

//export qdbgoSync
func qdbgoSync(h C.uintptr_t) C.int {
	return on(h, func(d *database) error { return d.db.Sync() })
}

//export qdbgoCheckpoint
func qdbgoCheckpoint(h C.uintptr_t) C.int {
	return on(h, func(d *database) error { return d.db.Checkpoint() })
}
