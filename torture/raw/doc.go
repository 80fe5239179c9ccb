// Package raw reads the bytes of a database without the engine.
//
// It is one of the judges: its decoders were written from the description of
// the formats alone and share no line with the engine, so that a mistake in
// the one is seen by the other. It reads whole files from memory, trusts
// nothing, and is made for small databases.
//
// Recover is a second, minimal reading of an unclean database: the whole
// groups of the log laid over the segments. View.Faults says what is wrong with
// the result: chains, tables, page ids, LSNs, the free list. View.Closed says
// what is wrong with it after a clean close.
package raw
