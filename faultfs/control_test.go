package faultfs_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func TestLogText(t *testing.T) {
	label := ""
	s := newScript(t, faultfs.New(faultfs.Options{Label: func() string { return label }}))
	s.run("create a; write a 0 X100; fault sync#1:EIO:F1")
	label = "writer 2, put"
	s.run("!sync a")
	label = ""
	s.fs.Note("acked")
	s.run("trunc a 5; rename a b; !remove c; close a")
	if _, err := s.fs.Lock("/L", false); err != nil {
		t.Fatal(err)
	}
	want := `1 create /a +write +create +exclusive
2 write /a [0,+100) 6cb5a5ab426e6d7d
3 sync /a => sync /a: input/output error {sync/*#1:EIO:F1} by writer 2, put
4 note "acked"
5 truncate /a to 5
6 rename /a -> /b
7 remove /c => remove /c: file does not exist
8 close /a
9 lock /L
`
	if got := s.fs.Log().String(); got != want {
		t.Errorf("log is\n%swant\n%s", got, want)
	}
	rec := s.fs.Log().Records()[2]
	if rec.Seq != 3 || rec.Kind != faultfs.KindSync || rec.Path != "/a" || rec.Err == nil || rec.Caller != "" || rec.Label != "writer 2, put" || rec.Sum() != 0 {
		t.Errorf("record %+v", rec)
	}
	if other := newScript(t, s.fs.Snapshot()); other.fs.Mkdir("/x") != nil || other.fs.Log().Records()[0].Label != "" {
		t.Error("another disk asks the hook of this one")
	}
	s.fs.ResetLog()
	s.run("mkdir d")
	log := s.fs.Log()
	if got := log.String(); got != "10 mkdir /d\n" {
		t.Errorf("log after ResetLog is %q", got)
	}
	if st := log.StateAfter(9); st.From != 9 || st.To != 9 || st.Record() != nil {
		t.Errorf("the log begins with the state %+v", st)
	}
}

func TestCallers(t *testing.T) {
	f := faultfs.New(faultfs.Options{Callers: true})
	h, err := f.OpenFile("/a", vfs.Write|vfs.Create)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := vfs.ReplaceFile(f, "/b", nil); err != nil {
		t.Fatal(err)
	}
	for i, rec := range f.Log().Records() {
		want := "faultfs/control_test.go:"
		if i >= 2 {
			want = "vfs/helpers.go:"
		}
		if !strings.HasPrefix(rec.Caller, want) {
			t.Errorf("%v: caller %q, want %s", rec, rec.Caller, want)
		}
	}
}

func TestLogReads(t *testing.T) {
	f := faultfs.New(faultfs.Options{NoReads: true})
	if err := f.WriteFile("/a", []byte("xy")); err != nil {
		t.Fatal(err)
	}
	f.ResetLog()
	for i, on := range []bool{false, true, false} {
		f.LogReads(on)
		if _, err := f.Stat("/a"); err != nil {
			t.Fatal(err)
		}
		if got, want := len(f.Log().Records()), min(i, 1); got != want {
			t.Errorf("after %d calls %d are logged, want %d", i+1, got, want)
		}
	}
}

func TestCounters(t *testing.T) {
	f := faultfs.New(faultfs.Options{NoReads: true})
	for _, name := range []string{"/db/wal-000001.log", "/db/data-000001.p1seg", "/db/meta", "/db/dir", "/db/free", "/db/LOCK",
		"/db/meta.tmp", "/db/.snapshots/1/freeze.bin", "/db/readme", "/b/pages.bin"} {
		if err := f.WriteFile(name, nil); err != nil {
			t.Fatal(err)
		}
		h, err := f.OpenFile(name, vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(name) {
			if _, err := h.WriteAt([]byte("xy"), int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.ReadAt(make([]byte, 4), 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(h.Sync(), h.SyncData()); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SyncDir("/db"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		k    faultfs.Kind
		c    faultfs.Class
		want int
	}{
		{faultfs.KindWrite, faultfs.ClassWAL, len("/db/wal-000001.log")},
		{faultfs.KindWrite, faultfs.ClassSeg | faultfs.ClassMeta, len("/db/data-000001.p1seg") + len("/db/meta")},
		{faultfs.KindWrite, faultfs.ClassTmp, len("/db/meta.tmp")},
		{faultfs.KindWrite, faultfs.ClassSnap, len("/db/.snapshots/1/freeze.bin")},
		{faultfs.KindWrite, faultfs.ClassDir | faultfs.ClassFree | faultfs.ClassLock | faultfs.ClassOther, 7 + 8 + 8 + 10},
		{faultfs.KindWrite, faultfs.ClassBackup, len("/b/pages.bin")},
		{faultfs.KindFsync, 0, 21},
		{faultfs.KindSyncDir, faultfs.ClassOther, 1},
		{faultfs.KindRename, 0, 0},
	} {
		if got := f.Count(test.k, test.c); got != test.want {
			t.Errorf("%v/%v: %d calls, want %d", test.k, test.c, got, test.want)
		}
	}
	if got := f.Bytes(faultfs.KindWrite, faultfs.ClassMeta); got != 2*int64(len("/db/meta")) {
		t.Errorf("%d bytes written", got)
	}
	if f.Count(faultfs.KindRead, 0) != 10 || strings.Contains(f.Log().String(), "read /") {
		t.Error("reading calls must be counted and not logged")
	}
	if f.Handles() != 10 || f.Locks() != 0 {
		t.Errorf("%d handles, %d locks", f.Handles(), f.Locks())
	}
}

// TestSyncCoversWhatWasBefore writes while a sync is on its way: the write
// began after the sync and must stay pending.
func TestSyncCoversWhatWasBefore(t *testing.T) {
	var f *faultfs.FS
	var h vfs.File
	race := false
	f = faultfs.New(faultfs.Options{Before: func(c faultfs.Call) {
		if c.Kind&faultfs.KindFsync == 0 || !race {
			return
		}
		if _, err := h.WriteAt([]byte("late"), 0); err != nil {
			t.Error(err)
		}
	}})
	if err := f.WriteFile("/a", []byte("....")); err != nil {
		t.Fatal(err)
	}
	h, err := f.OpenFile("/a", vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	race = true
	if err := h.Sync(); err != nil {
		t.Fatal(err)
	}
	if diff := diffSets(outcomes(t, f.State(), faultfs.Enum{}), []string{"a=.4", "a=late"}); diff != "" {
		t.Errorf("after the sync:%s", diff)
	}
	if err := f.State().Crash(faultfs.None()).SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	if n := f.Count(faultfs.KindWrite, 0); n != 1 {
		t.Errorf("%d writes: the hook runs for other disks too", n)
	}
	race = false
	if err := h.Sync(); err != nil {
		t.Fatal(err)
	}
	if n := len(f.State().Pending()); n != 0 {
		t.Errorf("%d atoms pending after the second sync", n)
	}
}

// TestLocksEndWithTheProcess looks at locks after a kill and a power cut.
func TestLocksEndWithTheProcess(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	l, err := f.Lock("/L", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetHolder("somebody"); err != nil {
		t.Fatal(err)
	}
	var held *vfs.LockedError
	if _, err := f.Lock("/L", false); !errors.As(err, &held) || held.Holder != "somebody" {
		t.Errorf("second lock: %v", err)
	}
	s := f.State()
	for _, next := range []*faultfs.FS{s.Kill(), s.Crash(faultfs.None()), s.Crash(faultfs.All(len(s.Pending()))), f.Snapshot()} {
		if next.Locks() != 0 || next.Handles() != 0 {
			t.Errorf("%d locks and %d handles on a new disk", next.Locks(), next.Handles())
		}
		if _, err := next.Lock("/L", true); err != nil {
			t.Errorf("lock on a new disk: %v", err)
		}
	}
	if f.Locks() != 1 {
		t.Errorf("%d locks", f.Locks())
	}
	r := newScript(t, faultfs.New(faultfs.Options{}))
	r.run("create a; write a 0 A; remove a")
	if used, left := r.fs.Used(), r.fs.State().Kill().Used(); used != 4096 || left != 0 {
		t.Errorf("a removed file takes %d bytes while it is open, %d after a kill", used, left)
	}
}

func TestSilentChanges(t *testing.T) {
	f := faultfs.New(faultfs.Options{Sector: 512})
	step := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(text string) {
		t.Helper()
		if got := show(t, f); got != text {
			t.Errorf("live: %s, want %s", got, text)
		}
		if got := outcomes(t, f.State(), faultfs.Enum{}); !slices.Equal(got, []string{text}) {
			t.Errorf("durable: %s, want %s", got, text)
		}
	}
	step(f.WriteFile("/d/e/a", []byte("AAAA")))
	want("d/ d/e/ d/e/a=A4")
	step(f.FlipBit("/d/e/a", 1, 1))
	want("d/ d/e/ d/e/a=ACA2")
	step(f.TruncateFile("d/e/a", 600))
	want("d/ d/e/ d/e/a=ACA2.596")
	step(f.TruncateFile("d/e/a", 1))
	step(f.WriteFile("b", nil))
	want("b= d/ d/e/ d/e/a=A")
	if got := f.List(); !slices.Equal(got, []string{"/b", "/d/e/a"}) {
		t.Errorf("List = %q", got)
	}
	step(f.RemoveFile("/d/e/a"))
	want("b= d/ d/e/")
	for i, err := range []error{f.FlipBit("/b", 0, 0), f.FlipBit("/none", 0, 0), f.RemoveFile("/d"), f.RemoveFile("/none"),
		f.TruncateFile("/b", -1), f.WriteFile("/d", nil), f.WriteFile("/b/x", nil)} {
		if err == nil {
			t.Errorf("bad change %d is not refused", i)
		}
	}
	want("b= d/ d/e/")
	if replayed := f.Log().StateAfter(f.Seq()).Kill(); !replayed.Equal(f) {
		t.Errorf("replay: %s", f.Diff(replayed))
	}
}

func TestImportExport(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	if err := errors.Join(f.WriteFile("/db/meta", []byte("meta")), f.WriteFile("/db/s/x", make([]byte, 9000)), f.Mkdir("/db/empty")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := f.Export("/db", dir); err != nil {
		t.Fatal(err)
	}
	back := faultfs.New(faultfs.Options{Sector: 512})
	if err := back.Import(dir, "/db"); err != nil {
		t.Fatal(err)
	}
	if diff := f.Diff(back); diff != "" {
		t.Error(diff)
	}
	if len(back.State().Pending()) != 0 {
		t.Error("imported files must be durable")
	}
	if err := back.WriteFile("/db/meta", []byte("mete")); err != nil {
		t.Fatal(err)
	}
	if diff := f.Diff(back); diff != "/db/meta differs from byte 3 on" {
		t.Errorf("Diff = %q", diff)
	}
}

// TestManyGoroutines is for the race detector: a disk, its states and its
// images are used by many goroutines at once.
func TestManyGoroutines(t *testing.T) {
	f := smallDatabase(t, faultfs.Options{}, 2)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			name := fmt.Sprintf("/db/file%d", g)
			h, err := f.OpenFile(name, vfs.Write|vfs.Create)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 20 {
				if _, err := h.WriteAt([]byte("some bytes"), int64(i*3000)); err != nil {
					t.Error(err)
				}
				if err := h.Sync(); err != nil {
					t.Error(err)
				}
				f.Note("round")
			}
		})
		all.Go(func() {
			for range 5 {
				s := f.State()
				for im := range s.Images(faultfs.Enum{MaxSubset: 2}) {
					all.Go(func() {
						one := im.FS()
						if one.Digest() != im.Digest {
							t.Error("image is not its digest")
						}
						if err := vfs.ReplaceFile(one, "/db/meta", []byte("new")); err != nil {
							t.Error(err)
						}
					})
				}
				_ = f.Log().StateAfter(f.Seq()).Kill()
				f.Count(faultfs.KindWrite, 0)
			}
		})
	}
	all.Wait()
}
