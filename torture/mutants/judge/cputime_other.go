//go:build !unix

package main

import "time"

var begun = time.Now()

// processTime is the time since the start, where that of the processor is not
// known.
func processTime() time.Duration { return time.Since(begun) }
