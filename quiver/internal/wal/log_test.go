package wal

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func openLog(t testing.TB, fsys vfs.FS, o LogOptions) *Log {
	t.Helper()
	if err := Create(fsys, "/"); err != nil {
		t.Fatal(err)
	}
	o.PageSize = pageSize
	l, err := Open(fsys, "/", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// commit appends a group and syncs it.
func commit(t testing.TB, l *Log, lsn uint64, n int) {
	t.Helper()
	must(t, l.Reserve(l.Used()+n))
	must(t, l.Append(entries(lsn, n)))
	must(t, l.Sync())
}

func TestAppendBytes(t *testing.T) {
	fsys := vfs.NewMem()
	l := openLog(t, fsys, LogOptions{})
	commit(t, l, 11, 1)
	commit(t, l, 12, 3)
	commit(t, l, 15, 2)
	want := logOf(nil, groupOf(0, 11, 1), groupOf(1, 12, 3), groupOf(2, 15, 2))
	got := readLog(t, fsys, "/")
	if len(got) != 64<<10 || !bytes.Equal(got[:len(want)], want) || !format.IsZeroPage(got[len(want):]) {
		t.Fatalf("log of %d bytes is not as expected", len(got))
	}
	if l.Used() != 6 || l.Capacity() != 15 || l.Size() != 64<<10 {
		t.Fatalf("used %d of %d, size %d", l.Used(), l.Capacity(), l.Size())
	}
}

// TestEndBytes: over an older generation the zero bytes end the log.
func TestEndBytes(t *testing.T) {
	fsys := vfs.NewMem()
	l := openLog(t, fsys, LogOptions{})
	for i := range 5 {
		commit(t, l, uint64(11+i), 1)
	}
	old := readLog(t, fsys, "/")
	l.Reset()
	commit(t, l, 16, 2)
	want := put(old, 0, logOf(zeros(28), groupOf(0, 16, 2)))
	if !bytes.Equal(readLog(t, fsys, "/"), want) {
		t.Fatal("the new generation is not at offset 16 with zeros behind it, over the old one")
	}
}

// TestLargeGroup is written in pieces, and is one group.
func TestLargeGroup(t *testing.T) {
	fsys := vfs.NewMem()
	l := openLog(t, fsys, LogOptions{LogBytes: 1 << 20})
	const n = 700
	commit(t, l, 11, n)
	want := logOf(zeros(28), groupOf(0, 11, n))
	if got := readLog(t, fsys, "/"); !bytes.Equal(got, want) {
		t.Fatalf("log of %d bytes, want %d", len(got), len(want))
	}
	if cap(l.buf) > pieceBytes+stride {
		t.Errorf("keeps a buffer of %d bytes", cap(l.buf))
	}
	l.Reset()
	must(t, l.Shrink())
	if got := readLog(t, fsys, "/"); len(got) != 1<<20 || l.Size() != 1<<20 {
		t.Errorf("after Shrink %d bytes", len(got))
	}
	commit(t, l, 11+n, 1)
	must(t, l.Shrink()) // the generation has begun: nothing to give back
	res, err := scanBytes(t, readLog(t, fsys, "/"), ScanOptions{MetaLastLSN: 10 + n})
	if err != nil || !equalLSNs(lsns(res), []uint64{11 + n}) {
		t.Errorf("after Shrink: %+v, %v", res, err)
	}
}

// TestPageSizes: nothing in reading and writing depends on the smallest page.
func TestPageSizes(t *testing.T) {
	for _, size := range []int{8192, 16384, 32768} {
		fsys := vfs.NewMem()
		must(t, Create(fsys, "/"))
		l, err := Open(fsys, "/", LogOptions{PageSize: size})
		must(t, err)
		lsn := uint64(1)
		for _, n := range []int{1, 150, 3} {
			g := make([]Entry, n)
			for i := range g {
				g[i] = Entry{PageID: lsn, LSN: lsn, Page: make([]byte, size)}
				format.InitKV(g[i].Page, lsn)
				lsn++
			}
			must(t, l.Reserve(l.Used()+n))
			must(t, l.Append(g))
			must(t, l.Sync())
		}
		res, err := Scan(l.File(), ScanOptions{PageSize: size})
		if err != nil || !equalLSNs(lsns(res), upTo(1, 154)) || res.Groups != 3 {
			t.Errorf("pages of %d: %v, %d images in %d groups", size, err, len(res.Images), res.Groups)
		}
		if _, err := Scan(l.File(), ScanOptions{PageSize: pageSize}); isDamage(err) == nil {
			t.Errorf("read with another page size: %v", err)
		}
		must(t, l.Close())
	}
}

func TestReserveSteps(t *testing.T) {
	l := openLog(t, vfs.NewMem(), LogOptions{ChunkBytes: 10000, LogBytes: 70000})
	for _, c := range []struct {
		records int
		size    int64
	}{
		{0, 10000}, {1, 10000}, {2, 10000}, {3, 20000}, {4, 20000}, {5, 40000}, {10, 70000}, {16, 70000}, {17, 44 + 17*stride}, {20, 44 + 20*stride}, {1, 44 + 20*stride},
	} {
		must(t, l.Reserve(c.records))
		if l.Size() != c.size || l.Capacity() < c.records {
			t.Fatalf("Reserve(%d): size %d, capacity %d", c.records, l.Size(), l.Capacity())
		}
	}
	if err := l.Reserve(1 << 60); err == nil {
		t.Error("more records than bytes in a file")
	}
	if err := l.Reserve(-1); err == nil {
		t.Error("Reserve(-1)")
	}
}

func TestReserveWithoutSpace(t *testing.T) {
	fsys := vfs.NewMemSize(5 * 4096)
	l := openLog(t, fsys, LogOptions{ChunkBytes: 8192, LogBytes: 1 << 20})
	commit(t, l, 11, 1)
	must(t, l.Reserve(4)) // a doubling step has no room, what is needed has
	before := readLog(t, fsys, "/")
	if l.Size() != 44+4*stride || len(before) != 44+4*stride {
		t.Fatalf("size %d, file %d", l.Size(), len(before))
	}
	if err := l.Reserve(6); !errors.Is(err, syscall.ENOSPC) || l.Err() != nil {
		t.Fatalf("Reserve without space: %v, Err %v", err, l.Err())
	}
	if !bytes.Equal(readLog(t, fsys, "/"), before) {
		t.Fatal("a failed Reserve changed the log")
	}
	commit(t, l, 12, 2)
	res, err := scanBytes(t, readLog(t, fsys, "/"), ScanOptions{MetaLastLSN: 10})
	if err != nil || !equalLSNs(lsns(res), upTo(11, 13)) {
		t.Fatalf("%+v, %v", res, err)
	}
}

// TestPreconditions: what the caller must not do is refused before a byte is
// written, and changes nothing.
func TestPreconditions(t *testing.T) {
	fsys := vfs.NewMem()
	l := openLog(t, fsys, LogOptions{ChunkBytes: 44 + 4*stride})
	commit(t, l, 11, 1)
	short := entries(12, 2)
	short[1].Page = short[1].Page[:100]
	hole := entries(12, 2)
	hole[1].LSN++
	before := readLog(t, fsys, "/")
	for _, c := range []struct {
		name  string
		group []Entry
	}{
		{"no room", entries(12, 4)},
		{"empty", nil},
		{"LSN given before", entries(11, 1)},
		{"no whole page", short},
		{"hole between LSNs", hole},
	} {
		if err := l.Append(c.group); err == nil || l.Err() != nil {
			t.Errorf("%s: %v, Err %v", c.name, err, l.Err())
		}
	}
	if !bytes.Equal(readLog(t, fsys, "/"), before) {
		t.Error("a refused group changed the log")
	}
	must(t, l.Append(entries(12, 1)))
	if l.Append(entries(13, 1)) == nil || l.Reserve(20) == nil || l.Shrink() == nil {
		t.Error("an unsynced group and something after it")
	}
	must(t, l.Sync())
	l.Reset()
	if l.Append(entries(12, 1)) == nil {
		t.Error("LSN given before the Reset")
	}

	again, err := Open(fsys, "/", LogOptions{PageSize: pageSize})
	must(t, err)
	if again.Append(entries(50, 1)) == nil || again.Reserve(1) == nil {
		t.Error("a log that was not cut takes groups")
	}
	must(t, again.Cut())
	commit(t, again, 50, 1)
}

func TestOpenAndCut(t *testing.T) {
	h := format.EncodeWALHeader()
	for name, content := range map[string][]byte{
		"cut":             h[:],
		"left":            logOf(room, groupOf(0, 3, 2)),
		"no byte":         nil,
		"half a header":   h[:9],
		"damaged header":  flip(logOf(room, groupOf(0, 3, 2)), 2, 1),
		"of the original": logOf(nil, foreignRecs(3, 2)),
	} {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMem()
			must(t, vfs.ReplaceFile(fsys, filepath.Join("/", FileName), content))
			l, err := Open(fsys, "/", LogOptions{PageSize: pageSize})
			must(t, err)
			if !bytes.Equal(readLog(t, fsys, "/"), content) {
				t.Fatal("Open changed the log")
			}
			must(t, l.Rewrite(0, int64(len(content))))
			if !bytes.Equal(readLog(t, fsys, "/"), content) {
				t.Fatal("Rewrite changed the log")
			}
			must(t, l.Cut())
			if !bytes.Equal(readLog(t, fsys, "/"), h[:]) {
				t.Fatal("Cut left something else than a header")
			}
			commit(t, l, 7, 1)
			must(t, l.Close())
		})
	}
	if _, err := Open(vfs.NewMem(), "/", LogOptions{PageSize: pageSize}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no log: %v", err)
	}
	if _, err := Open(vfs.NewMem(), "/", LogOptions{PageSize: 100}); err == nil {
		t.Error("page size 100 was taken")
	}
}

// opsFile writes down the order of the disk operations and fails one of them.
type opsFile struct {
	vfs.File
	ops  []string
	fail string
}

var errOp = errors.New("operation failed")

func (f *opsFile) did(op string) error {
	f.ops = append(f.ops, op)
	if op == f.fail {
		return errOp
	}
	return nil
}

func (f *opsFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.did("write"); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *opsFile) Truncate(n int64) error {
	if err := f.did("truncate"); err != nil {
		return err
	}
	return f.File.Truncate(n)
}

func (f *opsFile) Sync() error     { return f.did("sync") }
func (f *opsFile) SyncData() error { return f.did("sync") }

func watched(t *testing.T) (*Log, *opsFile) {
	t.Helper()
	f := &opsFile{File: newCrashFile(rand.New(rand.NewPCG(1, 1)))}
	h := format.EncodeWALHeader()
	_, err := f.WriteAt(h[:], 0)
	must(t, err)
	l := newLog(f, LogOptions{PageSize: pageSize, ChunkBytes: 9000, LogBytes: 9000})
	must(t, l.look())
	f.ops = nil
	return l, f
}

// TestOrder pins which operations each call does, in which order.
func TestOrder(t *testing.T) {
	l, f := watched(t)
	for _, c := range []struct {
		name string
		call func() error
		want string
	}{
		{"first growth", func() error { return l.Reserve(2) }, "write sync"},
		{"no growth", func() error { return l.Reserve(1) }, ""},
		{"group", func() error { return l.Append(entries(11, 2)) }, "write"},
		{"sync", l.Sync, "sync"},
		{"growth beyond LogBytes", func() error { return l.Reserve(600) }, "write write write sync"},
		{"group in pieces", func() error { return l.Append(entries(13, 598)) }, "write write write"},
		{"sync again", l.Sync, "sync"},
		{"reset", func() error { l.Reset(); return nil }, ""},
		{"shrink", l.Shrink, "truncate"},
		{"rewrite", func() error { return l.Rewrite(16, slot(2)) }, "write sync"},
		{"rewrite nothing", func() error { return l.Rewrite(0, 0) }, ""},
		{"cut", l.Cut, "truncate sync"},
		{"cut without a header", func() error { l.header = false; return l.Cut() }, "write sync truncate sync"},
	} {
		f.ops = nil
		must(t, c.call())
		if got := strings.Join(f.ops, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestFailures: a failed write of a group or a failed sync ends the use of the
// log, and no operation follows it; a failed write of zeros does not.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name, fail string
		call       func(l *Log) error
		usable     bool
	}{
		{"write of zeros", "write", func(l *Log) error { return l.Reserve(9) }, true},
		{"sync of zeros", "sync", func(l *Log) error { return l.Reserve(9) }, false},
		{"write of a group", "write", func(l *Log) error { return l.Append(entries(12, 1)) }, false},
		{"sync of a group", "sync", func(l *Log) error { return l.Sync() }, false},
		{"truncation by Cut", "truncate", func(l *Log) error { return l.Cut() }, false},
		{"sync of Cut", "sync", func(l *Log) error { return l.Cut() }, false},
		{"write of Rewrite", "write", func(l *Log) error { return l.Rewrite(16, slot(1)) }, false},
		{"sync of Rewrite", "sync", func(l *Log) error { return l.Rewrite(16, slot(1)) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, f := watched(t)
			commit(t, l, 11, 1)
			f.fail = c.fail
			if err := c.call(l); !errors.Is(err, errOp) || c.usable != (l.Err() == nil) {
				t.Fatalf("got %v, Err %v", err, l.Err())
			}
			f.fail, f.ops = "", nil
			if c.usable {
				commit(t, l, 12, 1)
				return
			}
			calls := []error{l.Reserve(50), l.Append(entries(12, 1)), l.Sync(), l.Cut(), l.Shrink(), l.Rewrite(16, 17)}
			if slices.ContainsFunc(calls, func(err error) bool { return !errors.Is(err, errOp) }) || len(f.ops) > 0 {
				t.Errorf("afterwards: %v, operations %v", calls, f.ops)
			}
			must(t, l.Close())
		})
	}
	l, f := watched(t)
	must(t, l.Reserve(600))
	l.Reset()
	f.fail = "truncate"
	if err := l.Shrink(); !errors.Is(err, errOp) || l.Err() != nil || l.Capacity() < 600 {
		t.Errorf("failed Shrink: %v, Err %v, capacity %d", err, l.Err(), l.Capacity())
	}
}
