package wal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// vectorDir is the folder of databases that the original wrote.
func vectorDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("QUIVER_REFERENCE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "conformance")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no reference vectors: %v (set QUIVER_REFERENCE_VECTORS)", err)
	}
	return dir
}

type vector struct {
	log, segment []byte
	LastLSN      uint64 `json:"last_lsn_after_recovery"`
	PageSize     int    `json:"page_size"`
	Records      int    `json:"wal_records"`
	Clean        bool   `json:"clean_shutdown"`
	MustRefuse   bool   `json:"must_refuse_without_salvage"`
	MetaLast     uint64 `json:"last_lsn"`
}

func readVector(t *testing.T, name string) *vector {
	t.Helper()
	dir := filepath.Join(vectorDir(t), name)
	read := func(file string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, file))
		must(t, err)
		return b
	}
	v := &vector{log: read("db/" + FileName), segment: read("db/data-000001.p1seg")}
	must(t, json.Unmarshal(read("expect.json"), v))
	if v.LastLSN == 0 {
		v.LastLSN = v.MetaLast // recovery has nothing to add
	}
	return v
}

// held looks into the vector's segment.
func (v *vector) held(page, lsn uint64) (bool, error) {
	end := (page + 1) * uint64(v.PageSize)
	if end > uint64(len(v.segment)) {
		return false, nil
	}
	p := v.segment[end-uint64(v.PageSize) : end]
	return format.VerifyPage(p, page) == nil && format.PageLSN(p) >= lsn, nil
}

func TestVectors(t *testing.T) {
	for _, c := range []struct {
		name    string
		records int
		torn    int64
	}{
		{"10-unclean", 59, 0},
		{"11-wal-ahead", 12, 0},
		{"12-wal-torn-tail", 11, 1000},
		{"13-wal-bad-crc", 7, 0},
		{"14-wal-unknown-types", 16, 0},
		{"15-torn-page", 12, 0},
		{"16-wal-short-header", 12, 7},
		{"23-flag-lies", 12, 0},
		{"24-flag-lies-torn", 12, 0},
		{"25-wal-grows", 54, 0},
		{"27-flag-lies-last-lsn", 12, 0},
		{"28-clean-log-left", 102, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := readVector(t, c.name)
			o := ScanOptions{PageSize: v.PageSize, MetaLastLSN: v.MetaLast, Clean: v.Clean, Held: v.held}
			res, err := scanBytes(t, v.log, o)
			if v.MustRefuse {
				if d := isDamage(err); d == nil || d.Offset != slot(7) || !strings.Contains(d.Error(), FileName) {
					t.Fatalf("got %v", err)
				}
				o.Salvage = true
				res, err = scanBytes(t, v.log, o)
			}
			must(t, err)
			if max(res.LastLSN, v.MetaLast) != v.LastLSN || res.Kind != Foreign || res.Records != c.records || res.TornBytes != c.torn {
				t.Fatalf("want LSN %d and %d records, got %+v", v.LastLSN, c.records, res)
			}
		})
	}
}

// TestVectorsDamaged: after a clean close of the original a bad record costs
// nothing, because the segments hold the rest; in a log that is needed it is
// damage.
func TestVectorsDamaged(t *testing.T) {
	clean := readVector(t, "28-clean-log-left")
	for i := range 101 {
		b := flip(clean.log, slot(i)+1234, 0x10)
		o := ScanOptions{MetaLastLSN: clean.MetaLast, Clean: true, Held: clean.held}
		res, err := scanBytes(t, b, o)
		if err != nil || len(res.Images) != i {
			t.Fatalf("record %d: %v, %+v", i, err, res)
		}
		o.Clean = false
		if _, err := scanBytes(t, b, o); isDamage(err) == nil || isDamage(err).Offset != slot(i) {
			t.Fatalf("record %d without the clean flag: %v", i, err)
		}
	}
	lies := readVector(t, "23-flag-lies")
	for i := range lies.Records - 1 {
		b := flip(lies.log, slot(i)+1234, 0x10)
		_, err := scanBytes(t, b, ScanOptions{MetaLastLSN: lies.MetaLast, Clean: true, Held: lies.held})
		if isDamage(err) == nil {
			t.Fatalf("record %d of a log that is needed: %v", i, err)
		}
	}
}
