//go:build libfuzzer && !folders && !scan

package main

import "github.com/quiverdb/quiverdb-go/fuzz"

// properties are those of the decoders. Without the tag folders the engine is not
// linked, which makes them several times faster.
func properties() map[string]func([]byte) error { return fuzz.Properties() }
