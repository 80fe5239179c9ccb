package torture

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// fullSum is the upper half of the sum of a free list that names every free page.
const fullSum = 0x51465245

// closedFaults says what is wrong with a cleanly closed database. accounted tells
// that no page may be lost, as nothing has lost one before. A list that vouches for
// itself says so too: whoever opens the database counts on it.
func closedFaults(disk *faultfs.FS, v *raw.View, accounted bool) []string {
	return slices.Concat(v.Faults, v.Closed(accounted || vouched(disk, v)))
}

// vouched tells whether the free list has the sum by which it names every free page.
func vouched(disk *faultfs.FS, v *raw.View) bool {
	b, err := disk.ReadFile(inRoot(freeName))
	if err != nil {
		return false
	}
	ids, sum, err := raw.ParseFree(b)
	return err == nil && sum == freeSum(ids, v.Meta)
}

func freeSum(ids []uint64, m raw.Meta) uint64 {
	var b []byte
	for _, n := range slices.Concat(ids, []uint64{m.LastLSN, m.NextPage}) {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return fullSum<<32 | uint64(crc32.ChecksumIEEE(b))
}

// accounted judges the pages after a clean close. Where no process has died and no
// snapshot needs pages that nothing else leads to, each page is in use or free.
func (r *run) accounted() {
	s := startOf(r.w.Start, r.w.Knobs)
	lossless := len(r.killed) == 0 && len(r.ledger.snaps) == 0 && !s.open && !s.edge
	v, err := rawView(r.disk)
	if err != nil || v == nil {
		r.flaw("I7 raw", "after the close: %v", err)
		return
	}
	for _, f := range closedFaults(r.disk, v, lossless) {
		r.flaw("I8 page accounting", "after the close: %s", f)
	}
}
