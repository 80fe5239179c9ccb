package quiver_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// extra puts a file beside those of the database.
func (tr *trial) extra(name string, data []byte) {
	tr.t.Helper()
	tr.try(damage{
		name: fmt.Sprintf("%s of %d bytes", name, len(data)), file: name, off: -1,
		apply: func(f *faultfs.FS) error { return f.WriteFile("/db/"+name, data) },
	})
}

// What a crash, another program or a person leaves in the folder: temporary
// files are not read, and unknown ones left alone.
func TestDamageExtraFiles(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		noise := []byte(blob("noise", 5000))
		for _, name := range []string{"meta.tmp", "dir.tmp", "free.tmp", "quiver-reserve", "notes.txt", "data-1.p1seg",
			"data-000002.p1seg.bak", "data-x.p1seg", "wal-000002.log", "meta~", "data-0000000000000000000000001.p1seg"} {
			for _, data := range [][]byte{{}, noise, tr.s.bytes(tr.t, "meta")} {
				tr.extra(name, data)
			}
		}
		if n := tr.counts[refused] + tr.counts[someRefuse]; n > 0 {
			tr.t.Errorf("%d of %d cases refuse", n, tr.n)
		}
	})
}

// A segment file that does not belong there, however high its number: right
// pairs or an error, and its number sizes nothing.
func TestDamageStraySegments(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		first := tr.s.bytes(tr.t, "data-000001.p1seg")
		for _, n := range []int64{2, 3, 100, 999999, 1000000, 1 << 31, 1 << 40, 1<<63 - 1} {
			for _, data := range [][]byte{{}, make([]byte, 4096), first, bytes.Repeat([]byte{0xFF}, 100)} {
				tr.extra(fmt.Sprintf("data-%06d.p1seg", n), data)
			}
		}
	})
}
