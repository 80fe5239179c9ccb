// Package mutants examines the judges: an engine with one known mistake must be
// found out.
//
// The catalogue holds mistakes that people make, each a patch of a few lines
// that is built beside the engine with go build -overlay; no source file is
// changed. The operators need no building: they stand between the engine and
// the disk, and one place in the code that calls the disk lies, or makes its
// calls late. Every mutant is run in a process of its own, with limits of time
// and memory, under all judges; a judge that is quiet about the engine as it is
// and not about the mutant has killed it.
package mutants
