package quiver_test

import (
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// cut gives a file another length; what is added is fill.
func (tr *trial) cut(file string, size int64, fill byte) {
	tr.t.Helper()
	tr.try(damage{
		name: fmt.Sprintf("%s cut to %d bytes of %d, filled with %#02x", file, size, tr.s.size(tr.t, file), fill),
		file: file, off: size,
		// A log of 16 bytes is a log that was cut, with 17 nothing can be told.
		older: file == logName && (size == 16 || size == 17),
		apply: func(f *faultfs.FS) error {
			b, err := f.ReadFile("/db/" + file)
			if err != nil {
				return err
			}
			old := int64(len(b))
			b = append(b, make([]byte, max(0, size-old))...)[:size]
			for i := old; i < size; i++ {
				b[i] = fill
			}
			return f.WriteFile("/db/"+file, b)
		},
	})
}

// Every length of the small files.
func TestDamageLengthOfSmallFiles(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		for _, file := range []string{"meta", "dir", "free"} {
			size := tr.s.size(tr.t, file)
			for n := range size {
				tr.cut(file, n, 0)
			}
			for _, more := range []int64{1, 7, 8, 64, 5000} {
				tr.cut(file, size+more, 0)
				tr.cut(file, size+more, 0xFF)
				tr.cut(file, size+more, 0x01)
			}
		}
	})
}

// The lengths of segments and logs that mean something, and their neighbours.
func TestDamageLengthOfLargeFiles(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		segment := "data-000001.p1seg"
		size := tr.s.size(tr.t, segment)
		for at := int64(0); at <= size; at += 512 {
			for _, n := range []int64{at - 1, at, at + 1} {
				if n >= 0 && n != size {
					tr.cut(segment, n, 0xA5)
				}
			}
		}
		for _, n := range []int64{size + 4096, size + 3*4096 + 100, size + 64<<10, 32 << 20, 32<<20 + 1} {
			tr.cut(segment, n, 0)
		}
		size = tr.s.size(tr.t, logName)
		for n := range min(size, 16+28) {
			tr.cut(logName, n, 0)
		}
		for at := int64(16); at <= size; at += slot {
			for _, n := range []int64{-1, 0, 1, 11, 12, 13, 27, 28, 29, 28 + 64, slot / 2, slot - 1} {
				if at+n < size {
					tr.cut(logName, at+n, 0)
				}
			}
		}
		for _, n := range []int64{1, 27, 28, slot, 10 * slot} {
			tr.cut(logName, size+n, 0)
			tr.cut(logName, size+n, 0xA5)
		}
	})
}
