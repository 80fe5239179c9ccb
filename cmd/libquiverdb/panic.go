package main

import (
	"fmt"
	"runtime/debug"
)

// panicError is a panic that was caught at the border to C.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string {
	return fmt.Sprintf("a mistake in the library: %v\n%s", e.value, e.stack)
}

// newPanicError is called where the panic is recovered, so that the stack is its.
func newPanicError(value any) error { return &panicError{value, debug.Stack()} }
