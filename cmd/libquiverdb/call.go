//go:build cgo

package main

/*
#include <stdlib.h>
#include "internal.h"
*/
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"unsafe"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// call runs the body of an export. An error becomes that of the thread, and so
// does a panic, which must not reach C: it would end the process.
func call[T any](failed T, body func() (T, error)) (result T) {
	defer func() {
		if p := recover(); p != nil {
			fail(newPanicError(p))
			result = failed
		}
	}()
	result, err := body()
	if err != nil {
		fail(err)
		return failed
	}
	return result
}

// do is call for what is just done or not.
func do(body func() error) C.int {
	return call(-1, func() (C.int, error) { return 0, body() })
}

// on is do with the database of a handle.
func on(h C.uintptr_t, body func(*database) error) C.int {
	return do(func() error {
		d, err := find[*database](&open, uintptr(h))
		if err != nil {
			return err
		}
		return open.late(uintptr(h), body(d))
	})
}

func isNull(what string) error {
	return fmt.Errorf("%w: %s is NULL", quiver.ErrInvalid, what)
}

// bytesIn is C's memory as Go sees it; it must not be kept after the call.
func bytesIn(p C.qdb_bytes_in, n C.size_t, what string) ([]byte, error) {
	switch {
	case n == 0:
		return []byte{}, nil
	case p == nil:
		return nil, isNull(what)
	case uint64(n) > math.MaxInt/2:
		return nil, fmt.Errorf("%w: %s of %d bytes", quiver.ErrTooLarge, what, n)
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(n)), nil
}

// room is memory of the caller that is written to.
func room(p *C.uint8_t, n C.size_t) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if p == nil {
		return nil, isNull("the buffer")
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(min(uint64(n), math.MaxInt/2))), nil
}

func textIn(p C.qdb_text_in, what string) (string, error) {
	if p == nil {
		return "", isNull(what)
	}
	s := C.GoString((*C.char)(unsafe.Pointer(p)))
	if s == "" {
		return "", fmt.Errorf("%w: %s is empty", quiver.ErrInvalid, what)
	}
	return s, nil
}

var errNoMemory = errors.New("out of memory")

// bytesOut is a copy that the caller frees; more is room behind it.
func bytesOut(b []byte, more int) (unsafe.Pointer, error) {
	p := C.qdb_internal_alloc(C.size_t(len(b) + more))
	if p == nil {
		return nil, errNoMemory
	}
	copy(unsafe.Slice((*byte)(p), len(b)), b)
	return p, nil
}

func textOut(s string) (*C.char, error) {
	p, err := bytesOut([]byte(s), 1)
	if err != nil {
		return nil, err
	}
	*(*byte)(unsafe.Add(p, len(s))) = 0
	return (*C.char)(p), nil
}

// jsonOut runs the body of an export that gives a JSON text.
func jsonOut(body func() (any, error)) *C.char {
	return call(nil, func() (*C.char, error) {
		v, err := body()
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		return textOut(string(text))
	})
}

// jsonOf is jsonOut with the database of a handle.
func jsonOf(h C.uintptr_t, body func(*database) (any, error)) *C.char {
	return jsonOut(func() (any, error) {
		d, err := find[*database](&open, uintptr(h))
		if err != nil {
			return nil, err
		}
		v, err := body(d)
		return v, open.late(uintptr(h), err)
	})
}

func flagsIn(flags, known C.uint32_t) error {
	if unknown := flags &^ known; unknown != 0 {
		return fmt.Errorf("%w: unknown flags %#x", quiver.ErrInvalid, unknown)
	}
	return nil
}

// qdbgoVersion is called once; the text is never freed.
//
//export qdbgoVersion
func qdbgoVersion() *C.char {
	return call(nil, func() (*C.char, error) {
		info, ok := debug.ReadBuildInfo()
		if !ok || info.Main.Version == "" {
			return nil, nil
		}
		return textOut(info.Main.Version)
	})
}
