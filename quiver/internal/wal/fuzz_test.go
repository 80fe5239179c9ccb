package wal

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// FuzzScan (with -fuzzminimizetime 50x): no bytes make a scan panic, break the promises of Result, or find an
// image whose record's CRC is wrong; and a salvage reads whatever a scan reads.
func FuzzScan(f *testing.F) {
	f.Add(logOf(room, groupOf(0, 11, 1), groupOf(1, 12, 3)), uint64(10), byte(0))
	f.Add(logOf(room, groupOf(0, 11, 2), groupOf(2, 14, 1)), uint64(10), byte(0))
	f.Add(logOf(room, groupOf(0, 3, 2), groupOf(0, 13, 1), groupOf(1, 6, 1)), uint64(10), byte(1))
	f.Add(logOf(nil, foreignRecs(11, 3), foreignRecs(15, 1)), uint64(0), byte(2))
	f.Add(logOf(nil, foreignRecs(11, 1), []rec{{lsn: 99, typ: 200, payload: []byte("other")}}, foreignRecs(12, 1)), uint64(0), byte(3))
	f.Add([]byte("P1WAL001"), uint64(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, meta uint64, flags byte) { scanAnything(t, b, meta, flags) })
}

// FuzzScanRecords does the same with logs of valid records in any order: each four
// bytes are type, flags, LSN and page of one; some have other lengths.
func FuzzScanRecords(f *testing.F) {
	f.Add([]byte{1, 0x81, 11, 1, 1, 0x82, 12, 2, 1, 0x83, 13, 3}, uint16(30), uint64(10), byte(0))
	f.Add([]byte{1, 0x80, 11, 1, 1, 0x84, 13, 2, 1, 0x81, 12, 3}, uint16(9000), uint64(12), byte(1))
	f.Add([]byte{1, 0, 11, 1, 200, 0, 12, 2, 9, 0, 0, 0, 1, 0, 13, 3}, uint16(0), uint64(12), byte(2))
	f.Fuzz(func(t *testing.T, prog []byte, tail uint16, meta uint64, flags byte) {
		var log []rec
		for i := 0; i+4 <= len(prog) && i < 4*70; i += 4 {
			r := rec{typ: max(prog[i], 1), flags: prog[i+1], lsn: uint64(prog[i+2]), page: uint64(prog[i+3] % 8)}
			if r.typ > 128 {
				r.payload = zeros(int(r.typ))
			}
			log = append(log, r)
		}
		scanAnything(t, logOf(zeros(int(tail)), log), meta, flags)
	})
}

func scanAnything(t *testing.T, b []byte, meta uint64, flags byte) {
	o := ScanOptions{MetaLastLSN: meta, Clean: flags&2 != 0}
	if flags&1 != 0 {
		o.Held = allHeld
	}
	res, err := scanBytes(t, b, o)
	if err != nil && isDamage(err) == nil {
		t.Fatal(err)
	}
	for _, im := range res.Images {
		header := b[im.Offset-format.RecordHeaderSize:]
		r, err := format.DecodeRecordHeader(header)
		if err != nil || !r.VerifyPayload(header, b[im.Offset:][:pageSize]) {
			t.Fatalf("image at %d of a record that is not valid", im.Offset)
		}
	}
	o.Salvage = true
	salvaged, salvageErr := scanBytes(t, b, o)
	if salvageErr != nil {
		t.Fatalf("salvage: %v", salvageErr)
	}
	if err == nil && !equalLSNs(lsns(res), lsns(salvaged)) {
		t.Fatalf("read %v, salvaged %v", lsns(res), lsns(salvaged))
	}
}
