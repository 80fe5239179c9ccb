//go:build libfuzzer

// Command farm is a fuzz target for engines that have the interface of libFuzzer:
// an archive whose LLVMFuzzerTestOneInput gives its bytes to one property. Which
// one is set by the linker. fuzz/build.sh builds all of them.
package main

// #include <stddef.h>
import "C"

import (
	"sync"
	"unsafe"
)

// target is the name of the fuzz target: -ldflags '-X main.target=FuzzPage'.
var target string

// property is made once: it keeps memory from one input to the next.
var property = sync.OnceValue(func() func([]byte) error {
	p := properties()[target]
	if p == nil {
		panic("built without a target: " + target)
	}
	return p
})

// LLVMFuzzerTestOneInput is called by the engine with every input.
//
//export LLVMFuzzerTestOneInput
func LLVMFuzzerTestOneInput(data *C.char, size C.size_t) C.int {
	if err := property()(C.GoBytes(unsafe.Pointer(data), C.int(size))); err != nil {
		panic(err)
	}
	return 0
}

func main() {}
