package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func syncData(f *os.File) error { return control(f, "fdatasync", unix.Fdatasync) }

func allocate(f *os.File, size, off, length int64) error {
	err := control(f, "fallocate", func(fd int) error { return unix.Fallocate(fd, 0, off, length) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return writeZeros(f, f.Name(), max(off, size), off+length)
	}
	return err
}
