package faultfs_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// oneOfEach makes a call of every kind and returns the errors by kind.
func oneOfEach(t *testing.T, f *faultfs.FS) map[faultfs.Kind]error {
	t.Helper()
	errs := map[faultfs.Kind]error{}
	open := func(kind faultfs.Kind, name string) vfs.File {
		h, err := f.OpenFile(name, vfs.Write|vfs.Create)
		if err != nil {
			errs[kind] = err
			if h, err = f.OpenFile(name, vfs.Write|vfs.Create); err != nil {
				t.Fatal(err)
			}
		}
		return h
	}
	if err := f.WriteFile("/a", make([]byte, 10000)); err != nil {
		t.Fatal(err)
	}
	h := open(faultfs.KindOpen, "/a")
	errs[faultfs.KindClose] = open(faultfs.KindOpen, "/a").Close()
	_, errs[faultfs.KindWrite] = h.WriteAt(make([]byte, 10000), 0)
	_, errs[faultfs.KindRead] = h.ReadAt(make([]byte, 9000), 0)
	errs[faultfs.KindAllocate] = h.Allocate(0, 20000)
	errs[faultfs.KindTruncate] = h.Truncate(15000)
	_, errs[faultfs.KindSize] = h.Size()
	errs[faultfs.KindSync] = errors.Join(h.Sync(), h.Sync())
	if _, err := h.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	errs[faultfs.KindSyncData] = errors.Join(h.SyncData(), h.SyncData())
	errs[faultfs.KindSyncDir] = errors.Join(f.SyncDir("/"), f.SyncDir("/"))
	errs[faultfs.KindMkdir] = f.Mkdir("/d")
	open(faultfs.KindCreate, "/b")
	errs[faultfs.KindRename] = f.Rename("/b", "/c")
	open(faultfs.KindCreate, "/e")
	errs[faultfs.KindRemove] = f.Remove("/e")
	_, errs[faultfs.KindStat] = f.Stat("/a")
	_, errs[faultfs.KindReadDir] = f.ReadDir("/")
	l, err := f.Lock("/LOCK", true)
	errs[faultfs.KindLock] = err
	if err == nil {
		errs[faultfs.KindHolder] = l.SetHolder("me")
		errs[faultfs.KindUnlock] = l.Close()
	}
	return errs
}

// TestEveryError injects every error and effect of the catalogue into a run
// with calls of every kind: the fault strikes, only its kind of call tells, and
// what it tells is the error.
func TestEveryError(t *testing.T) {
	kinds := map[faultfs.Kind]int{}
	all := faultfs.Plan(faultfs.Errors(0)).String() + ","
	for _, part := range []string{"1", "S", "S-1", "half", "len-1"} {
		for _, effect := range []string{"write/*#1:EIO:after=", "write/*#1:EDQUOT:after=", "write/*#1:ok:short=", "read/*#1:ok:short=", "read/*#1:ok:eof="} {
			if strings.Count(all, effect+part+",") != 1 {
				t.Errorf("%s%s is not in the list once", effect, part)
			}
		}
	}
	for _, fault := range faultfs.Errors(0) {
		plan := faultfs.Plan{fault}
		again, err := faultfs.ParsePlan(plan.String())
		if err != nil || again.String() != plan.String() {
			t.Errorf("%v parses to %v, %v", plan, again, err)
		}
		kinds[fault.Kind]++
		f := faultfs.New(faultfs.Options{})
		f.Inject(again)
		quiet := fault.Effect >= faultfs.EffectShort
		for kind, err := range oneOfEach(t, f) {
			switch {
			case kind != fault.Kind || quiet && fault.Effect != faultfs.EffectEOF:
				if err != nil {
					t.Errorf("%v: %v fails: %v", plan, kind, err)
				}
			case fault.Effect == faultfs.EffectEOF:
				if err != io.EOF {
					t.Errorf("%v: error %v", plan, err)
				}
			case fault.Kind == faultfs.KindLock && fault.Errno != syscall.EIO:
				if !errors.Is(err, vfs.ErrLocked) {
					t.Errorf("%v: error %v, want a held lock", plan, err)
				}
			case !errors.Is(err, fault.Errno):
				t.Errorf("%v: error %v", plan, err)
			}
		}
		if !slices.Equal(f.Fired(), []int{1}) || strings.Count(f.Log().String(), "{"+plan.String()+"}") != 1 {
			t.Errorf("%v fired %v", plan, f.Fired())
		}
		if secondCloses, uses := f.Misuse(); secondCloses+uses != 0 {
			t.Errorf("%v: %d second closes, %d uses of closed files", plan, secondCloses, uses)
		}
	}
	for _, k := range []faultfs.Kind{faultfs.KindOpen, faultfs.KindCreate, faultfs.KindMkdir, faultfs.KindRemove, faultfs.KindRename,
		faultfs.KindReadDir, faultfs.KindStat, faultfs.KindSyncDir, faultfs.KindLock, faultfs.KindUnlock, faultfs.KindHolder, faultfs.KindRead,
		faultfs.KindWrite, faultfs.KindTruncate, faultfs.KindAllocate, faultfs.KindSize, faultfs.KindSync, faultfs.KindSyncData, faultfs.KindClose} {
		if kinds[k] == 0 {
			t.Errorf("no error for %v", k)
		}
	}
	if kinds[faultfs.KindWrite] != 5*7+5 || kinds[faultfs.KindSync] != 7*3 {
		t.Errorf("%d errors of writes, %d of syncs", kinds[faultfs.KindWrite], kinds[faultfs.KindSync])
	}
	if some := faultfs.Errors(faultfs.KindRead | faultfs.KindLock); len(some) != kinds[faultfs.KindRead]+kinds[faultfs.KindLock] {
		t.Errorf("%d errors of reads and locks", len(some))
	}
}

// TestPartsOfWrites stops a write of 5000 bytes at every place.
func TestPartsOfWrites(t *testing.T) {
	for part, want := range map[string]int{"1": 1, "half": 2500, "len-1": 4999, "S": 512, "S-1": 511, "0": 0, "9999": 5000} {
		for _, effect := range []string{"EIO:after=", "ok:short="} {
			f := faultfs.New(faultfs.Options{Sector: 512})
			h, err := f.OpenFile("/a", vfs.Write|vfs.Create)
			if err != nil {
				t.Fatal(err)
			}
			f.Inject(mustParse(t, "write/*#1:"+effect+part))
			n, err := h.WriteAt(bytes.Repeat([]byte("x"), 5000), 0)
			if size, _ := h.Size(); n != want || size != int64(want) {
				t.Errorf("%s%s: %d bytes reported, %d written, want %d", effect, part, n, size, want)
			}
			if (err == nil) != strings.HasPrefix(effect, "ok") {
				t.Errorf("%s%s: error %v", effect, part, err)
			}
		}
	}
}

// TestReadsThatLie strikes reads of a file that was written twice.
func TestReadsThatLie(t *testing.T) {
	f := faultfs.New(faultfs.Options{Sector: 512})
	s := newScript(t, f)
	s.run("create a; write a 0 A1024; sync a; syncdir /; write a 0 B512; sync a; write a 512 B200; sync a; write a 512 C100")
	h := s.files["a"]
	read := func(plan string, off int64, n int) (string, error) {
		f.Inject(mustParse(t, plan))
		p := bytes.Repeat([]byte("?"), n)
		n, err := h.ReadAt(p, off)
		return pack(p[:n]), err
	}
	for _, test := range []struct {
		plan string
		off  int64
		n    int
		want string
		eof  bool
	}{
		{"", 0, 1024, "B512C100B100A312", false},
		{"read/*#1:ok:short=half", 0, 100, "B50", false},
		{"read/*#1:ok:short=99", 0, 50, "B50", false},
		{"read/*#1:ok:short=10", 1000, 50, "A10", false},
		{"read/*#1:ok:short=40", 1000, 50, "A24", true},
		{"read/*#1:ok:eof=0", 0, 50, "", true},
		{"read/*#1:ok:eof=len-1", 0, 50, "B49", true},
		{"read/*#1:ok:eof=99", 0, 50, "B50", false},
		{"read/*#1:ok:flip=9", 0, 3, "B@B", false},
		{"read/*#1:ok:flip=25", 0, 3, "@B2", false},
		{"read/*#1:ok:stale", 500, 524, "A12B200A312", false},
		{"read/*#1:ok:stale", 512, 100, "B100", false},
		{"read/*#2:ok:stale", 512, 100, "C100", false},
	} {
		got, err := read(test.plan, test.off, test.n)
		if got != test.want || (err == io.EOF) != test.eof || err != nil && err != io.EOF {
			t.Errorf("%s: %d bytes at %d are %s, %v, want %s", test.plan, test.n, test.off, got, err, test.want)
		}
	}
}

// TestStaleSizes grows a file without syncing it.
func TestStaleSizes(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	s := newScript(t, f)
	s.run("create a; write a 0 A100; settle; write a 100 B50; create b; write b 0 C5")
	f.Inject(mustParse(t, "size/*#1+:ok:stale, stat/*#1+:ok:stale, readdir/*#1+:ok:stale"))
	size, err1 := s.files["a"].Size()
	info, err2 := f.Stat("/a")
	list, err3 := f.ReadDir("/")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if size != 100 || info.Size != 100 || list[0].Size != 100 || list[1].Size != 0 {
		t.Errorf("sizes %d, %d, %v", size, info.Size, list)
	}
	s.run("sync a; heal")
	if size, _ := s.files["a"].Size(); size != 150 {
		t.Errorf("size %d after healing", size)
	}
}

func TestShuffledDirectory(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	var sorted []string
	for c := 'a'; c <= 'h'; c++ {
		sorted = append(sorted, string(c))
		if err := f.WriteFile("/"+string(c), nil); err != nil {
			t.Fatal(err)
		}
	}
	orders := map[string]bool{}
	for _, seed := range []string{"1", "2", "1"} {
		f.Inject(mustParse(t, "readdir/*#1:ok:shuffle="+seed))
		list, err := f.ReadDir("/")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, in := range list {
			names = append(names, in.Name)
		}
		if slices.IsSorted(names) {
			t.Errorf("seed %s lists in order", seed)
		}
		orders[strings.Join(names, "")] = true
		if slices.Sort(names); !slices.Equal(names, sorted) {
			t.Errorf("seed %s lists %v", seed, names)
		}
	}
	if len(orders) != 2 {
		t.Errorf("two seeds give %d orders", len(orders))
	}
}

// TestFaultsOfAPlace makes reads fail where the second one was.
func TestFaultsOfAPlace(t *testing.T) {
	for _, test := range []struct {
		plan  string
		fails []int
	}{
		{"read/*#2here:EIO", []int{1, 3, 6}},
		{"read/*#2x2here:EIO", []int{1, 3}},
		{"read/wal#1here:EIO", []int{4}},
		{"read/*#1here:EIO", []int{0, 5}},
	} {
		f := faultfs.New(faultfs.Options{})
		var files []vfs.File
		for _, name := range []string{"/a", "/wal-000001.log"} {
			if err := f.WriteFile(name, make([]byte, 9000)); err != nil {
				t.Fatal(err)
			}
			h, err := f.OpenFile(name, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, h)
		}
		f.Inject(mustParse(t, test.plan))
		var fails []int
		for i, r := range []struct {
			file int
			off  int64
		}{{0, 0}, {0, 4000}, {0, 5000}, {0, 3100}, {1, 4000}, {0, 999}, {0, 4999}, {0, 3000}} {
			if _, err := files[r.file].ReadAt(make([]byte, 1000), r.off); err != nil {
				fails = append(fails, i)
			}
		}
		if !slices.Equal(fails, test.fails) {
			t.Errorf("%s: reads %v fail, want %v", test.plan, fails, test.fails)
		}
	}
}

func TestHandleLimit(t *testing.T) {
	f := faultfs.New(faultfs.Options{MaxHandles: 2})
	a, err := f.OpenFile("/a", vfs.Write|vfs.Create)
	if err != nil {
		t.Fatal(err)
	}
	l, err := f.Lock("/L", true)
	if err != nil {
		t.Fatal(err)
	}
	_, errOpen := f.OpenFile("/a", 0)
	_, errLock := f.Lock("/M", true)
	_, errList := f.ReadDir("/")
	for i, err := range []error{errOpen, errLock, errList, f.SyncDir("/")} {
		if !errors.Is(err, syscall.EMFILE) {
			t.Errorf("call %d with every handle in use: %v", i, err)
		}
	}
	_, errStat := f.Stat("/a")
	_, errWrite := a.WriteAt([]byte("x"), 0)
	if err := errors.Join(errStat, errWrite, a.Sync(), f.Mkdir("/d"), l.Close()); err != nil {
		t.Errorf("calls without need of a handle: %v", err)
	}
	if _, err := f.Stat("/M"); err == nil {
		t.Error("the refused lock has made its file")
	}
	if _, err := f.OpenFile("/a", 0); err != nil {
		t.Errorf("after a lock was released: %v", err)
	}
	f.SetMaxHandles(0)
	if err := errors.Join(f.SyncDir("/"), a.Close()); err != nil {
		t.Error(err)
	}
}

// TestNoHandles leaves no handle at all, from a call on.
func TestNoHandles(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	f.MaxHandlesAfter(f.Seq()+2, -1)
	a, err := f.OpenFile("/a", vfs.Write|vfs.Create)
	if err != nil || f.Mkdir("/d") != nil || a.Close() != nil {
		t.Fatal(err)
	}
	_, errLock := f.Lock("/a", true)
	_, errOpen := f.OpenFile("/a", 0)
	_, errList := f.ReadDir("/")
	for i, err := range []error{errOpen, errLock, errList, f.SyncDir("/")} {
		if !errors.Is(err, syscall.EMFILE) {
			t.Errorf("call %d without any handle: %v", i, err)
		}
	}
	if n := strings.Count(f.Log().String(), "{"+faultfs.NoHandles+"}"); n != 4 {
		t.Errorf("the log says %d times why", n)
	}
	f.SetMaxHandles(0)
	if _, err := f.OpenFile("/a", 0); err != nil {
		t.Error(err)
	}
}

// TestReadOnlyAfter makes a disk read-only in the midst of a run.
func TestReadOnlyAfter(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	f.ReadOnlyAfter(f.Seq() + 2)
	s := newScript(t, f)
	s.run("create a; write a 0 A; !write a 0 B; sync a; !create b; !lock M")
	if _, err := f.OpenFile("/a", vfs.Write); !errors.Is(err, syscall.EROFS) {
		t.Errorf("open for writing: %v", err)
	}
	if n := strings.Count(f.Log().String(), "{"+faultfs.ReadOnly+"}"); n != 4 {
		t.Errorf("the log says %d times why:\n%v", n, f.Log())
	}
	f.SetReadOnly(false)
	s.run("write a 0 B")
}

func TestReadOnly(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	s := newScript(t, f)
	s.run("create a; write a 0 A; create L")
	f.SetReadOnly(true)
	seq := len(f.State().Pending())
	s.run("!create b; !mkdir d; !remove a; !rename a b; !write a 0 B; !trunc a 0; !alloc a 0 9; !lock M; lock L")
	if _, err := f.OpenFile("/a", vfs.Write); !errors.Is(err, syscall.EROFS) {
		t.Errorf("open for writing: %v", err)
	}
	if _, err := f.OpenFile("/a", 0); err != nil {
		t.Errorf("open for reading: %v", err)
	}
	if got := show(t, f); got != "L= a=A" || len(f.State().Pending()) != seq {
		t.Errorf("the disk for reading has %s", got)
	}
	f.SetReadOnly(false)
	s.run("write a 0 B")
}

func TestMisuse(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	h, err := f.OpenFile("/a", vfs.Write|vfs.Create)
	if err != nil {
		t.Fatal(err)
	}
	l, err := f.Lock("/L", true)
	if err != nil {
		t.Fatal(err)
	}
	f.Inject(mustParse(t, "close/*#1:EIO, unlock/*#1:EIO"))
	if h.Close() == nil || l.Close() == nil || f.Handles() != 0 || f.Locks() != 0 {
		t.Error("a close that fails must close")
	}
	_ = h.Close()
	_ = h.Sync()
	_ = h.Truncate(1)
	_ = l.Close()
	_ = l.SetHolder("")
	if closes, uses := f.Misuse(); closes != 2 || uses != 3 {
		t.Errorf("%d second closes, %d uses after close", closes, uses)
	}
}
