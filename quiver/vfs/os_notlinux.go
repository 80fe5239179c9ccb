//go:build !linux

package vfs

import "os"

// syncData is a whole Sync, which on macOS is F_FULLFSYNC: an fsync there does
// not reach the medium.
func syncData(f *os.File) error { return f.Sync() }

func allocate(f *os.File, size, off, length int64) error {
	return writeZeros(f, f.Name(), max(off, size), off+length)
}
