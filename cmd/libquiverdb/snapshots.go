//go:build cgo

package main

/*
#include "internal.h"
*/
import "C"

import "github.com/quiverdb/quiverdb-go/quiver"

// snapshotOf gives a snapshot that take gets from a database a handle.
func snapshotOf(h C.uintptr_t, take func(*quiver.DB) (*quiver.Snapshot, error)) C.uintptr_t {
	return call(0, func() (C.uintptr_t, error) {
		d, err := find[*database](&open, uintptr(h))
		if err != nil {
			return 0, err
		}
		s, err := take(d.db)
		if err != nil {
			return 0, open.late(uintptr(h), err)
		}
		added, err := open.add(&snapshot{s}, uintptr(h))
		return C.uintptr_t(added), err
	})
}

//export qdbgoSnapshotBegin
func qdbgoSnapshotBegin(h C.uintptr_t) C.uintptr_t {
	return snapshotOf(h, (*quiver.DB).Snapshot)
}

//export qdbgoSnapshotOpen
func qdbgoSnapshotOpen(h C.uintptr_t, id C.qdb_text_in) C.uintptr_t {
	return snapshotOf(h, func(db *quiver.DB) (*quiver.Snapshot, error) {
		name, err := textIn(id, "the id")
		if err != nil {
			return nil, err
		}
		return db.OpenSnapshot(name)
	})
}

//export qdbgoSnapshotID
func qdbgoSnapshotID(h C.uintptr_t) *C.char {
	return call(nil, func() (*C.char, error) {
		s, err := find[*snapshot](&open, uintptr(h))
		if err != nil {
			return nil, err
		}
		return textOut(s.s.ID())
	})
}

//export qdbgoSnapshots
func qdbgoSnapshots(h C.uintptr_t) *C.char {
	return jsonOf(h, func(d *database) (any, error) {
		list, err := d.db.Snapshots()
		if list == nil {
			list = []quiver.SnapshotInfo{}
		}
		return list, err
	})
}

//export qdbgoSnapshotEnd
func qdbgoSnapshotEnd(h C.uintptr_t, id C.qdb_text_in) C.int {
	return on(h, func(d *database) error {
		name, err := textIn(id, "the id")
		if err != nil {
			return err
		}
		return d.db.EndSnapshot(name)
	})
}

//export qdbgoSnapshotRemove
func qdbgoSnapshotRemove(h C.uintptr_t, id C.qdb_text_in) C.int {
	return on(h, func(d *database) error {
		name, err := textIn(id, "the id")
		if err != nil {
			return err
		}
		return d.db.RemoveSnapshot(name)
	})
}

//export qdbgoSnapStoreCompact
func qdbgoSnapStoreCompact(h C.uintptr_t) *C.char {
	return jsonOf(h, func(d *database) (any, error) { return d.db.CompactSnapStore() })
}
