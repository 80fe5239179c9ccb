// Package format knows the bytes of a QuiverDB database: every file and every
// structure in it has its byte map, its encoder and its decoder here. It reads
// and writes no files and takes no locks.
//
// All integers are little-endian, nothing is padded, and CRC32 is the IEEE
// polynomial throughout. The formats are frozen: meta version 3, page version 2
// and log version 1 are shared with QuiverDB 1.2.5, which comments call the
// reference. FORMAT.md in the folder above has all byte maps in one place.
//
// Decoders accept any bytes. They return an [*Error] or a value that is valid
// as far as their bytes alone can tell; they never panic, and never allocate
// by a length or count that was not checked against the input. What they do not
// check they say.
//
// # Pages
//
// A page is a plain byte slice of the page size. VerifyPage comes before
// everything else; on a page that it accepted, the operations of [KV] and
// OverflowChunk stay within bounds whatever the page says. They are meant for
// the cache of a pager: no allocation, values that alias the page, and no lock,
// so the caller sees to it that nobody reads a page that is being changed.
package format
