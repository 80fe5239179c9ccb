package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// pairs is the dumbest model of a database.
type pairs map[string]string

func (p pairs) sortedKeys() []string { return slices.Sorted(maps.Keys(p)) }

// diff says how got differs, "" if it does not.
func (p pairs) diff(got pairs) string {
	for _, k := range p.sortedKeys() {
		v, ok := got[k]
		switch {
		case !ok:
			return fmt.Sprintf("key %.40q is missing", k)
		case v != p[k]:
			return fmt.Sprintf("key %.40q has %d bytes %.20q instead of %d bytes %.20q", k, len(v), v, len(p[k]), p[k])
		}
	}
	for _, k := range got.sortedKeys() {
		if _, ok := p[k]; !ok {
			return fmt.Sprintf("key %.40q should not be there", k)
		}
	}
	return ""
}

// contents is what a scan gives. A key that comes twice is an error.
func contents(db *quiver.DB) (pairs, error) {
	got := pairs{}
	for item, err := range db.Scan(quiver.ScanOptions{}) {
		if err != nil {
			return got, err
		}
		if _, twice := got[string(item.Key)]; twice {
			return got, fmt.Errorf("scan gave key %q twice", item.Key)
		}
		got[string(item.Key)] = string(item.Value)
	}
	return got, nil
}

// mustHold compares a scan and a get of every key, and asks for keys that are
// not there.
func mustHold(t *testing.T, db *quiver.DB, want pairs) {
	t.Helper()
	got, err := contents(db)
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	if d := want.diff(got); d != "" {
		t.Fatalf("scan: %s", d)
	}
	for k, v := range want {
		got, found, err := db.Get([]byte(k))
		if err != nil || !found || string(got) != v {
			t.Fatalf("get of key %.40q: %d bytes, found %v, error %v; want %d bytes", k, len(got), found, err, len(v))
		}
	}
	for i := range 10 {
		k := fmt.Sprintf("never written %d", i)
		if v, found, err := db.Get([]byte(k)); found || v != nil || err != nil {
			t.Fatalf("get of a key that is not there: %q, %v, %v", v, found, err)
		}
	}
}

// mustCheck wants no finding, with strict also no orphan; older copies of keys
// are normal in what the original wrote.
func mustCheck(t *testing.T, db *quiver.DB, strict bool) quiver.CheckReport {
	t.Helper()
	r, err := db.Check(context.Background(), quiver.CheckOptions{Strict: strict})
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	for _, f := range r.Findings {
		if f.Severity != "warning" || r.ShadowedPairs == 0 || r.OrphanPages > 0 {
			t.Errorf("check: %+v", f)
		}
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t *testing.T, path string, o quiver.Options) *quiver.DB {
	t.Helper()
	db, err := quiver.Open(path, &o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return db
}

func mustOpenReadOnly(t *testing.T, path string, o quiver.Options) *quiver.DB {
	t.Helper()
	db, err := quiver.OpenReadOnly(path, &o)
	if err != nil {
		t.Fatalf("open read-only: %v", err)
	}
	return db
}

func mustPut(t *testing.T, db *quiver.DB, p pairs, key, value string) {
	t.Helper()
	if err := db.Put([]byte(key), []byte(value)); err != nil {
		t.Fatalf("put of key %.40q: %v", key, err)
	}
	p[key] = value
}

func mustDelete(t *testing.T, db *quiver.DB, p pairs, key string) {
	t.Helper()
	_, want := p[key]
	if had, err := db.Delete([]byte(key)); err != nil || had != want {
		t.Fatalf("delete of key %.40q: existed %v, error %v; want %v", key, had, err, want)
	}
	delete(p, key)
}

// blob is n bytes that look like nothing else, the same for the same name.
func blob(name string, n int) string {
	var seed [32]byte
	copy(seed[:], name)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return string(b)
}

// corruption is the typed error of damage, which must name a file of the
// database.
func corruption(t *testing.T, err error) *quiver.CorruptionError {
	t.Helper()
	var ce *quiver.CorruptionError
	if !errors.Is(err, quiver.ErrCorrupt) || !errors.As(err, &ce) {
		t.Fatalf("error %v is no corruption error", err)
	}
	if ce.Path == "" || !strings.Contains(err.Error(), ce.Path) {
		t.Fatalf("error %v names no file", err)
	}
	return ce
}

// sameBytes compares two disks, the lock file apart.
func sameBytes(t *testing.T, before, after *faultfs.FS) {
	t.Helper()
	a, b := before.Snapshot(), after.Snapshot()
	for _, fs := range []*faultfs.FS{a, b} {
		for _, name := range fs.List() {
			if strings.HasSuffix(name, "/LOCK") {
				must(t, fs.RemoveFile(name))
			}
		}
	}
	if d := a.Diff(b); d != "" {
		t.Fatalf("the disk has changed: %s", d)
	}
}
