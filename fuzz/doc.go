// Package fuzz says what must hold of every decoder of the on-disk formats,
// whatever bytes it gets. README.md in this folder tells how to run it.
//
// Each property is a function of a byte slice that returns an error when it does
// not hold; a fuzz target of the same name in the tests calls it, so that any
// fuzzing engine can. They share a few rules:
//
//   - A decoder answers with a value or with a *format.Error of exactly one kind
//     and an offset inside the bytes; it never panics.
//   - What it accepts is valid by its own Validate, and comes back the same after
//     encoding and decoding once more.
//   - It allocates no more than a small multiple of its input.
//   - It accepts the same bytes with the same meaning as package raw in this
//     folder, a second reading written from the description of the formats.
//   - Package torture/raw, the judge of crash states, reads the same. It knows
//     only what this project writes and asks for less: each property says where
//     the two may differ. SegmentName, Hash and WALHeader are compared with the
//     judge, or with the description, alone.
//
// Where a checksum guards a structure, the input is a recipe: it holds the bytes
// in a shorter form, and a flag that lets the checksum be made right, so that a
// fuzzer gets behind it. Whole folders are opened by package folder below: it
// links the engine, whose many coverage counters would make every target of this
// package several times slower. Snapshots, the SnapStore and backups are read
// there, beyond the frames and indexes that they are made of. How the engine scans
// its own log is tried in the package of the log, which nothing outside of quiver
// may import.
package fuzz
