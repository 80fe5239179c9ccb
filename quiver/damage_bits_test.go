package quiver_test

import (
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// scenes are the small databases that get damaged.
func scenes() map[string]func(*testing.T) *scene {
	return map[string]func(*testing.T) *scene{"clean": cleanScene, "log": logScene, "both": bothScene}
}

// forEachScene runs a test on each scene, side by side.
func forEachScene(t *testing.T, fn func(tr *trial)) {
	for name, make := range scenes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, make(t))
			fn(tr)
			tr.report()
		})
	}
}

// flip inverts one bit.
func (tr *trial) flip(file string, off int64, bit uint) {
	tr.t.Helper()
	tr.try(damage{
		name: fmt.Sprintf("%s byte %d bit %d", file, off, bit), file: file, off: off,
		apply: func(f *faultfs.FS) error { return f.FlipBit("/db/"+file, off, bit) },
	})
}

// change gives one byte another value.
func (tr *trial) change(file string, off int64, to byte) {
	tr.t.Helper()
	tr.try(damage{
		name: fmt.Sprintf("%s byte %d = %#02x", file, off, to), file: file, off: off,
		apply: func(f *faultfs.FS) error {
			b, err := f.ReadFile("/db/" + file)
			if err != nil {
				return err
			}
			b[off] = to
			return f.WriteFile("/db/"+file, b)
		},
	})
}

// Every bit of the small files, which are replaced as a whole, and meta has no
// checksum.
func TestDamageBitsOfSmallFiles(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		tr.try(damage{name: "none", apply: func(*faultfs.FS) error { return nil }})
		if tr.counts[allRight] != 2 {
			tr.t.Fatal("the scene is not right without any damage")
		}
		for _, file := range []string{"meta", "dir", "free"} {
			for i := range 8 * tr.s.size(tr.t, file) {
				tr.flip(file, i/8, uint(i%8))
			}
		}
	})
}

// Other values of each byte of meta, of which some make other valid fields.
func TestDamageBytesOfMeta(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		meta := tr.s.bytes(tr.t, "meta")
		for off, old := range meta {
			for _, to := range []byte{0, 1, 2, 0x10, 0x20, 0x40, 0x7F, 0x80, 0xFF, old - 1, old + 1} {
				if to != old {
					tr.change("meta", int64(off), to)
				}
			}
		}
	})
}

// Every bit of the headers of the log and of its records.
func TestDamageBitsOfLogHeaders(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		tr.writers = 5
		step := int64(1)
		if tr.s.name == "both" {
			step = 3 // the log is read in the same way, and needed less
		}
		for i := int64(0); i < 8*16; i += step {
			tr.flip(logName, i/8, uint(i%8))
		}
		size := tr.s.size(tr.t, logName)
		for at := int64(16); at+28 <= size; at += slot {
			for i := int64(0); i < 8*28; i += step {
				tr.flip(logName, at+i/8, uint(i%8))
			}
		}
	})
}

// Every bit of the headers of pages that stand in the segment alone, and some
// of those that the log has too.
func TestDamageBitsOfPageHeaders(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		tr.writers = 5
		step := int64(1)
		if tr.s.name != "clean" {
			step = 5
		}
		segment := "data-000001.p1seg"
		for at := int64(0); at < tr.s.size(tr.t, segment); at += 4096 {
			for i := int64(0); i < 8*64; i += step {
				tr.flip(segment, at+i/8, uint(i%8))
			}
		}
	})
}

// One byte in a few hundred elsewhere, each with another change.
func TestDamageBytesElsewhere(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		tr.writers = 5
		for _, file := range []string{logName, "data-000001.p1seg"} {
			b := tr.s.bytes(tr.t, file)
			for off := int64(17); off < int64(len(b)); off += 197 {
				tr.change(file, off, b[off]^byte(1<<(off%8)))
			}
		}
	})
}
