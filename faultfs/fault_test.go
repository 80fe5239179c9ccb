package faultfs_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"slices"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func mustParse(t *testing.T, text string) faultfs.Plan {
	t.Helper()
	p, err := faultfs.ParsePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanText(t *testing.T) {
	for _, text := range []string{
		"", "*/*#1:EIO", "sync|syncdata/wal#3:EIO:F1, write/*#2+:ENOSPC", "write/wal|seg#1x2:EIO:after=512",
		"read[wal/log.go:12]/wal#2here:EIO, syncdir|sync[vfs/helpers.go:90<pager/meta.go:7]/*#1+:ok:lie, write/*#3x2here:ENOSPC:after=S-1",
		"write/*#1:ok:short=len-1, write/*#1:ok:short=0, read/*#1:ok:eof=half, read/*#1:ok:stale, read/*#1:ok:flip=77, readdir/*#1+:ok:shuffle=9",
		"write/seg#1+:ok:swap, lock/*#1:EAGAIN, sync/*#1:EIO:F5=1",
		"rename/meta#1:EROFS:done", "syncdir/*#1:EIO:F5=a5", "sync/*#7x3:EDQUOT:F4", "read/other#1:133",
	} {
		p := mustParse(t, text)
		if got := p.String(); got != text {
			t.Errorf("%q prints as %q", text, got)
		}
		if again := mustParse(t, p.String()); !reflect.DeepEqual(again, p) {
			t.Errorf("%q parses to %+v after printing, %+v before", text, again, p)
		}
	}
	for _, text := range []string{
		"write", "write#1", "wrote/*#1:EIO", "write/log#1:EIO", "write/*#0:EIO", "write/*#1x0:EIO", "write/*#a:EIO",
		"write/*#1:EWHAT", "write/*#1:EIO:perhaps", "write/*#1:EIO:after=x", "sync/*#1:EIO:F1=1", "write/*#1:EIO:done:x", ",",
		"write/*#1:EIO:short=1", "write/*#1:ok", "write/*#1:ok:done", "sync[a:1/*#1:EIO", "sync[]/*#1:EIO", "write/*#1:EIO:after=most",
		"read/*#1:ok:flip", "readdir/*#1:ok:shuffle=x", "read/*#1there:EIO",
	} {
		if p, err := faultfs.ParsePlan(text); err == nil {
			t.Errorf("%q parses as %v", text, p)
		}
	}
}

// TestAnyPlanText prints and parses faults of all kinds with fields drawn at
// random: the text stands for the fault.
func TestAnyPlanText(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, f := range slices.Repeat(faultfs.Errors(0), 20) {
		f.N, f.Times = 1+r.IntN(9), r.IntN(3)
		f.Sticky, f.Here = f.Times == 0 && r.IntN(2) == 0, r.IntN(3) == 0
		f.Class = faultfs.Class(r.IntN(1 << 10))
		f.Kind |= faultfs.Kind(r.IntN(1 << 21))
		f.Site = []string{"", "wal/log.go:12", "vfs/helpers.go:9<pager/meta.go:7"}[r.IntN(3)]
		switch f.Effect {
		case faultfs.EffectF5:
			f.Keep = 1 + r.Uint64()>>1
		case faultfs.EffectShuffle:
			f.Seed = r.Uint64()
		}
		text := faultfs.Plan{f}.String()
		if again := mustParse(t, text); !reflect.DeepEqual(again, faultfs.Plan{f}) {
			t.Fatalf("%q parses to %+v, want %+v", text, again, f)
		}
	}
}

// TestFaultCounts makes ten writes, five to each of two classes, and wants the
// faults to strike exactly those they name.
func TestFaultCounts(t *testing.T) {
	for _, test := range []struct {
		plan  string
		fails []int // of the calls 0 to 9; even ones go to the log, odd ones to a segment
		fired []int
	}{
		{"write/*#3:EIO", []int{2}, []int{1}},
		{"write/*#8+:EIO", []int{7, 8, 9}, []int{3}},
		{"write/*#4x3:EIO", []int{3, 4, 5}, []int{3}},
		{"write/seg#2:EIO", []int{3}, []int{1}},
		{"write/wal#4+:EIO", []int{6, 8}, []int{2}},
		{"write/wal|seg#1:EIO", []int{0}, []int{1}},
		{"*/wal#2:EIO", []int{2}, []int{1}},
		{"sync/*#1+:EIO", nil, []int{0}},
		{"write/meta#1+:EIO", nil, []int{0}},
		{"write/*#2:EIO, write/*#2+:EIO", []int{1, 2, 3, 4, 5, 6, 7, 8, 9}, []int{1, 8}},
	} {
		f := faultfs.New(faultfs.Options{})
		wal, _ := f.OpenFile("/wal-000001.log", vfs.Write|vfs.Create)
		seg, _ := f.OpenFile("/data-000001.p1seg", vfs.Write|vfs.Create)
		f.Inject(mustParse(t, test.plan))
		var fails []int
		for i := range 10 {
			if _, err := []vfs.File{wal, seg}[i%2].WriteAt([]byte("x"), 0); err != nil {
				if !errors.Is(err, syscall.EIO) {
					t.Errorf("%s: %v", test.plan, err)
				}
				fails = append(fails, i)
			}
		}
		if !slices.Equal(fails, test.fails) || !slices.Equal(f.Fired(), test.fired) {
			t.Errorf("%s: writes %v fail, fired %v, want %v and %v", test.plan, fails, f.Fired(), test.fails, test.fired)
		}
		f.Inject(nil)
		if _, err := wal.WriteAt([]byte("x"), 0); err != nil {
			t.Errorf("%s: after healing: %v", test.plan, err)
		}
	}
}

// TestFaultEffects strikes one call and looks at what was done all the same.
func TestFaultEffects(t *testing.T) {
	for _, test := range []struct{ name, plan, run, live string }{
		{"write before", "write/*#1:EIO", "!write a 0 N4", "a=O4 b=B"},
		{"write after some bytes", "write/*#1:ENOSPC:after=3", "!write a 0 N4", "a=N3O b=B"},
		{"write after more bytes than there are", "write/*#1:EIO:after=99", "!write a 0 N4", "a=N4 b=B"},
		{"write done", "write/*#1:EIO:done", "!write a 2 N4", "a=O2N4 b=B"},
		{"truncate before", "truncate/*#1:EIO", "!trunc a 1", "a=O4 b=B"},
		{"truncate done", "truncate/*#1:EIO:done", "!trunc a 1", "a=O b=B"},
		{"allocate before", "allocate/*#1:ENOSPC", "!alloc a 0 9", "a=O4 b=B"},
		{"create before", "create/*#1:EMFILE", "open a; !create c", "a=O4 b=B"},
		{"create done", "create/*#1:EMFILE:done", "!create c", "a=O4 b=B c="},
		{"open before", "open/*#1:EMFILE", "create c; !open a; open b", "a=O4 b=B c="},
		{"mkdir before", "mkdir/*#1:EIO", "!mkdir d", "a=O4 b=B"},
		{"mkdir done", "mkdir/*#1:EIO:done", "!mkdir d", "a=O4 b=B d/"},
		{"remove before", "remove/*#1:EIO", "!remove a", "a=O4 b=B"},
		{"remove done", "remove/*#1:EIO:done", "!remove a", "b=B"},
		{"rename before", "rename/*#1:EIO", "!rename a b", "a=O4 b=B"},
		{"rename done", "rename/*#1:EIO:done", "!rename a b", "b=O4"},
		{"rename by its target", "rename/meta#1:EIO", "rename b c; !rename a meta; rename a d", "c=B d=O4"},
		{"lock before", "lock/*#1:EIO", "!lock L; lock L", "L= a=O4 b=B"},
		{"close fails and closes", "close/*#1:EIO", "open a; !close a; open a; close a", "a=O4 b=B"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, faultfs.New(faultfs.Options{}))
			s.run("create a; write a 0 O4; create b; write b 0 B; settle; fault " + test.plan)
			handles := s.fs.Handles()
			s.run(test.run)
			if got := show(t, s.fs); got != test.live {
				t.Errorf("%s, want %s", got, test.live)
			}
			if !slices.Equal(s.fs.Fired(), []int{1}) {
				t.Errorf("fired %v", s.fs.Fired())
			}
			if test.name == "close fails and closes" && s.fs.Handles() != handles {
				t.Errorf("%d handles, want %d", s.fs.Handles(), handles)
			}
		})
	}
}

func TestFaultyReads(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	if err := f.WriteFile("/a", []byte("content")); err != nil {
		t.Fatal(err)
	}
	h, err := f.OpenFile("/a", 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Inject(mustParse(t, "read/*#1:EIO, read/*#2:EIO:after=3, stat/*#1:EIO, readdir/*#1:EIO, size/*#1:EIO"))
	p := make([]byte, 7)
	if n, err := h.ReadAt(p, 0); n != 0 || !errors.Is(err, syscall.EIO) {
		t.Errorf("read = %d, %v", n, err)
	}
	if n, err := h.ReadAt(p, 0); n != 3 || !errors.Is(err, syscall.EIO) || string(p[:3]) != "con" {
		t.Errorf("second read = %d %q, %v", n, p, err)
	}
	if n, err := h.ReadAt(p, 0); n != 7 || err != nil {
		t.Errorf("third read = %d, %v", n, err)
	}
	_, errStat := f.Stat("/a")
	_, errDir := f.ReadDir("/")
	_, errSize := h.Size()
	for _, err := range []error{errStat, errDir, errSize} {
		var p *fs.PathError
		if !errors.As(err, &p) || !errors.Is(err, syscall.EIO) {
			t.Errorf("error %v", err)
		}
	}
}

// TestBudget checks what takes space and what gives it back.
func TestBudget(t *testing.T) {
	s := newScript(t, faultfs.New(faultfs.Options{Budget: 4 * 4096}))
	used := func(want int64) {
		t.Helper()
		if got := s.fs.Used(); got != want*4096 {
			t.Errorf("%d bytes used, want %d sectors", got, want)
		}
	}
	s.run("create a; alloc a 0 8192")
	used(2)
	s.run("write a 0 A8192; write a 100 B; trunc a 4000000") // overwriting and growing take nothing
	used(2)
	s.run("trunc a 8192; create b; !alloc b 0 12289; !write b 0 B12288")
	used(4)
	if err := s.fs.Rename("/b", "/c"); err != nil {
		t.Fatal(err)
	}
	if got := show(t, s.fs); got != "a=A100BA8091 c=B8192" {
		t.Errorf("a full disk holds %s", got)
	}
	s.run("!write a 8192 X; write a 8191 Y; write a 0 .8192; trunc a 4096")
	used(3)
	s.run("remove c") // its handle is open
	used(3)
	s.run("close b")
	used(1)
	s.run("alloc a 0 16384; !alloc a 0 16385")
	used(4)
	s.fs.SetBudget(0)
	s.run("alloc a 0 16385")
	used(5)
	s.run("create d; alloc d 0 5000")
	used(7)
	s.run("close d; remove d")
	used(5)
	if got := s.fs.State().Kill().Used(); got != 5*4096 {
		t.Errorf("the killed disk uses %d bytes", got)
	}
	if got := s.fs.State().Crash(faultfs.None()).Used(); got != 0 {
		t.Errorf("the disk without anything uses %d bytes", got)
	}
}

// TestReservedSpaceSurvives checks that space reserved by Allocate is there
// after a crash, without its growth only inside the file.
func TestReservedSpaceSurvives(t *testing.T) {
	s := newScript(t, faultfs.New(faultfs.Options{}))
	s.run("create a; trunc a 8192; settle; alloc a 0 12288")
	st := s.fs.State()
	for sel, want := range map[string]int64{"0": 2, "1": 3} {
		choice, err := faultfs.ParseSelection(sel)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Crash(choice).Used(); got != want*4096 {
			t.Errorf("selection %s: %d bytes used, want %d sectors", sel, got, want)
		}
	}
}

func TestStop(t *testing.T) {
	f := faultfs.New(faultfs.Options{})
	h, err := f.OpenFile("/a", vfs.Write|vfs.Create)
	if err != nil {
		t.Fatal(err)
	}
	f.StopAfter(f.Seq() + 1)
	if _, err := h.WriteAt([]byte("done"), 0); err != nil {
		t.Fatal(err)
	}
	_, errWrite := h.WriteAt([]byte("late"), 0)
	_, errOpen := f.OpenFile("/b", vfs.Create)
	_, errLock := f.Lock("/L", true)
	_, errRead := h.ReadAt(make([]byte, 1), 0)
	for i, err := range []error{errWrite, errOpen, errLock, errRead, h.Sync(), h.Close(), f.Mkdir("/d"), f.Rename("/a", "/b"), f.SyncDir("/")} {
		if !errors.Is(err, faultfs.ErrCrashed) {
			t.Errorf("call %d on the stopped disk: %v", i, err)
		}
	}
	if data, err := f.ReadFile("/a"); string(data) != "done" || err != nil {
		t.Errorf("a = %q, %v", data, err)
	}
	if f.Seq() != 2 {
		t.Errorf("%d calls counted, want 2", f.Seq())
	}
	next := f.State().Kill()
	if _, err := next.OpenFile("/a", 0); err != nil {
		t.Errorf("the disk after a kill: %v", err)
	}
}
