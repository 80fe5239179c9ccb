//go:build cgo

package main

/*
#include <stdlib.h>
#include "internal.h"
*/
import "C"

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// environment asks C. Go's own copy of the environment is as old as the library
// in this process: what the host has set since, as Python's os.environ does, is
// not in it.
func environment(name string) (string, bool) {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	v := C.getenv(n)
	if v == nil {
		return "", false
	}
	return C.GoString(v), true
}

func options(config C.qdb_text_in) (*quiver.Options, error) {
	o, err := quiver.OptionsFromLookup(environment)
	if err == nil && config != nil {
		err = configure(&o, C.GoString((*C.char)(unsafe.Pointer(config))))
	}
	return &o, err
}

//export qdbgoInit
func qdbgoInit(path C.qdb_text_in, pageSize, buckets C.uint32_t) C.int {
	return do(func() error {
		p, err := textIn(path, "the path")
		if err != nil {
			return err
		}
		return initOnce(p, quiver.InitOptions{PageSize: int(pageSize), Buckets: int(buckets)})
	})
}

//export qdbgoOpen
func qdbgoOpen(path, config C.qdb_text_in, readOnly C.int) C.uintptr_t {
	return call(0, func() (C.uintptr_t, error) {
		p, err := textIn(path, "the path")
		if err != nil {
			return 0, err
		}
		o, err := options(config)
		if err != nil {
			return 0, err
		}
		opener := quiver.Open
		if readOnly != 0 {
			opener = quiver.OpenReadOnly
		}
		db, err := opener(p, o)
		if err != nil {
			return 0, err
		}
		d := &database{db: db}
		d.alive, d.cancel = context.WithCancel(context.Background())
		h, err := open.add(d, 0)
		return C.uintptr_t(h), err
	})
}

// qdbgoClose closes a handle of any kind.
//
//export qdbgoClose
func qdbgoClose(kind C.int, h C.uintptr_t) C.int {
	return do(func() error {
		switch kind {
		case C.QDB_KIND_DB:
			return remove[*database](&open, uintptr(h))
		case C.QDB_KIND_SNAPSHOT:
			return remove[*snapshot](&open, uintptr(h))
		case C.QDB_KIND_SCAN:
			return remove[*scan](&open, uintptr(h))
		}
		return fmt.Errorf("%w: %d is no kind of handle", quiver.ErrInvalid, kind)
	})
}
