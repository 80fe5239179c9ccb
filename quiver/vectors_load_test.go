package quiver_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// vectorNames are the databases of the original. The snapshots, backups and
// streams beside some of them have tests of their own.
func vectorNames() []string {
	return []string{
		"01-empty", "02-single", "03-small-churn", "04-overflow", "05-page-8192", "06-page-16384",
		"07-page-32768", "08-one-bucket", "09-threshold-64", "10-unclean", "11-wal-ahead",
		"12-wal-torn-tail", "13-wal-bad-crc", "14-wal-unknown-types", "15-torn-page",
		"16-wal-short-header", "17-tail-wins", "18-snapshots", "19-snapstore-custom-dir", "20-backup",
		"21-cdc", "22-two-segments", "23-flag-lies", "24-flag-lies-torn", "25-wal-grows",
		"26-backup-sparse", "27-flag-lies-last-lsn", "28-clean-log-left",
	}
}

// vector is a database of the original on a disk in memory, at /db.
type vector struct {
	name   string
	disk   *faultfs.FS
	pairs  pairs
	digest []digestRow // in place of pairs

	PageSize    int     `json:"page_size"`
	Buckets     int     `json:"buckets"`
	LastLSN     uint64  `json:"last_lsn"`
	AfterLSN    *uint64 `json:"last_lsn_after_recovery"`
	NextPageID  uint64  `json:"next_page_id"`
	NextAtLeast uint64  `json:"next_page_id_after_recovery_at_least"`
	FreePages   *int    `json:"free_pages"`
	Clean       bool    `json:"clean_shutdown"`
	MustRefuse  bool    `json:"must_refuse_without_salvage"`
	Pairs       [][2]string
	PairsDigest [][3]any `json:"pairs_digest"`
	WALRecords  int      `json:"wal_records"`
}

type digestRow struct {
	key string
	len int
	sum string
}

// vectorFolder finds the vectors through the environment, or beside the checkout.
func vectorFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("QUIVER_REFERENCE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "conformance")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no reference vectors: %v (set QUIVER_REFERENCE_VECTORS)", err)
	}
	return dir
}

func loadVector(t *testing.T, name string) *vector {
	t.Helper()
	dir := filepath.Join(vectorFolder(t), name)
	v := &vector{name: name, disk: faultfs.New(faultfs.Options{NoReads: true}), pairs: pairs{}}
	text, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	must(t, err)
	must(t, json.Unmarshal(text, v))
	for _, row := range v.Pairs {
		v.pairs[unhex(t, row[0])] = unhex(t, row[1])
	}
	for _, row := range v.PairsDigest {
		v.digest = append(v.digest, digestRow{unhex(t, row[0].(string)), int(row[1].(float64)), row[2].(string)})
	}
	if _, err := os.Stat(filepath.Join(dir, "db")); err == nil {
		must(t, v.disk.Import(filepath.Join(dir, "db"), "/db"))
	} else {
		untar(t, filepath.Join(dir, "db.tar.gz"), v.disk)
	}
	v.disk.ResetLog()
	return v
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return string(b)
}

// untar unpacks an archive whose files stand in a folder db.
func untar(t *testing.T, archive string, disk *faultfs.FS) {
	t.Helper()
	f, err := os.Open(archive)
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		must(t, err)
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		must(t, err)
		must(t, disk.WriteFile(filepath.Join("/db", filepath.Base(h.Name)), data))
	}
}

// wantLSN is what LastLSN must be after opening.
func (v *vector) wantLSN() uint64 {
	if v.AfterLSN != nil {
		return *v.AfterLSN
	}
	return v.LastLSN
}

// model is the pairs that the vector must hold, given what was read where only
// their digests are known.
func (v *vector) model(t *testing.T, db *quiver.DB) pairs {
	t.Helper()
	if v.digest == nil {
		return v.pairs
	}
	got, err := contents(db)
	must(t, err)
	if len(got) != len(v.digest) {
		t.Fatalf("%d pairs, want %d", len(got), len(v.digest))
	}
	for _, row := range v.digest {
		value, ok := got[row.key]
		sum := sha256.Sum256([]byte(value))
		if !ok || len(value) != row.len || hex.EncodeToString(sum[:]) != row.sum {
			t.Fatalf("key %q: found %v, %d bytes, want %d", row.key, ok, len(value), row.len)
		}
	}
	return got
}

// forEachVector runs a test on a fresh copy of each vector.
func forEachVector(t *testing.T, fn func(t *testing.T, v *vector), but ...string) {
	vectorFolder(t)
	for _, name := range vectorNames() {
		if slices.Contains(but, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, loadVector(t, name))
		})
	}
}
