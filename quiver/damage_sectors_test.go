package quiver_test

import (
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

const sector = 512

// paint writes bytes over a part of a file.
func (tr *trial) paint(what, file string, off int64, with []byte) {
	tr.t.Helper()
	tr.try(damage{
		name: fmt.Sprintf("%s over %d bytes of %s at %d", what, len(with), file, off), file: file, off: off,
		apply: func(f *faultfs.FS) error {
			b, err := f.ReadFile("/db/" + file)
			if err != nil {
				return err
			}
			copy(b[off:], with)
			return f.WriteFile("/db/"+file, b)
		},
	})
}

// Sectors of zeros, of noise, and from elsewhere in the same file, as a medium
// and a misdirected write leave them.
func TestDamageSectors(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		tr.writers = 3
		for _, file := range []string{logName, "data-000001.p1seg"} {
			b := tr.s.bytes(tr.t, file)
			noise := []byte(blob("sector noise", sector))
			for off := 0; off < len(b); off += sector {
				n := min(sector, len(b)-off)
				tr.paint("zeros", file, int64(off), make([]byte, n))
				tr.paint("noise", file, int64(off), noise[:n])
				from := (off + 7*sector) % max(1, len(b)-n)
				tr.paint("another sector", file, int64(off), b[from:from+n])
			}
		}
	})
}

// A page written to the wrong place, for each pair of pages: a chain that leads
// there must notice it by the page id.
func TestDamageMisdirectedPages(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		tr.writers = 2
		file := "data-000001.p1seg"
		b := tr.s.bytes(tr.t, file)
		for to := 0; to < len(b); to += 4096 {
			for from := 0; from < len(b); from += 4096 {
				if from != to {
					tr.paint(fmt.Sprintf("page %d", from/4096), file, int64(to), b[from:from+4096])
				}
			}
		}
	})
}

// A record of the log in the place of another, or twice.
func TestDamageMovedRecords(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		b := tr.s.bytes(tr.t, logName)
		for to := 16; to+slot <= len(b); to += slot {
			for from := 16; from+slot <= len(b); from += slot {
				if from != to {
					tr.paint(fmt.Sprintf("the record at %d", from), logName, int64(to), b[from:from+slot])
				}
			}
		}
	})
}
