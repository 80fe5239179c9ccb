package faultfs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// commit is what a careful program does; each line is a call site.
func commit(t *testing.T, f *faultfs.FS, text string) {
	t.Helper()
	h, err := f.OpenFile("/wal-1", vfs.Write|vfs.Create)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []byte(text) {
		if _, err := h.WriteAt([]byte{c}, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.SyncData(); err != nil {
		t.Fatal(err)
	}
	if err := f.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	if err := vfs.ReplaceFile(f, "/meta", []byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSites(t *testing.T) {
	f := faultfs.New(faultfs.Options{Callers: true})
	commit(t, f, "ab")
	commit(t, f, "cd")
	var got []string
	for _, s := range f.Log().Sites() {
		if s.Calls < 1 || !strings.HasPrefix(s.Place, "faultfs/site_test.go:") && !strings.HasPrefix(s.Place, "vfs/helpers.go:") ||
			strings.HasPrefix(s.Place, "vfs") != strings.Contains(s.Place, "<faultfs/site_test.go:") {
			t.Errorf("site %+v", s)
		}
		got = append(got, fmt.Sprint(s.Kind, " ", s.Classes, " ", s.Calls))
	}
	want := []string{"open wal 1", "create wal 1", "write wal 4", "syncdata wal 2", "syncdir other 2", "close wal 2",
		"remove tmp 2", "rename tmp 2", "syncdir other 2", "create tmp 2", "write tmp 2", "sync tmp 2", "close tmp 2"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("sites %q\nwant %q", got, want)
	}
}

// TestEveryMutantIsDifferent runs each automatic mutant: it strikes, the
// program notices nothing, and a crash can leave what it cannot leave without.
// The exceptions are the first two syncs, whose order means nothing, and the
// removal of what is not there, with what changes place with it.
func TestEveryMutantIsDifferent(t *testing.T) {
	run := func(p faultfs.Plan) (*faultfs.FS, map[string]bool) {
		f := faultfs.New(faultfs.Options{Sector: 512, Callers: true})
		f.Inject(p)
		seen := map[string]bool{}
		acked := "-"
		for _, text := range []string{"abc", "def"} {
			commit(t, f, text)
			f.Note(text)
		}
		for s := range f.Log().Points() {
			for _, r := range f.Log().Records() {
				if r.Kind == faultfs.KindNote && r.Seq <= s.To {
					acked = r.Note
				}
			}
			for im := range s.Images(faultfs.Enum{}) {
				seen[acked+": "+show(t, im.FS())] = true
			}
		}
		return f, seen
	}
	f, right := run(nil)
	mutants := f.Log().Mutants()
	if len(mutants) != 4+8 {
		t.Fatalf("%d mutants: %v", len(mutants), mutants)
	}
	for _, m := range mutants {
		text := faultfs.Plan{m}.String()
		plan := mustParse(t, text)
		g, wrong := run(plan)
		if g.Fired()[0] == 0 {
			t.Errorf("%v never strikes", plan)
		}
		differs := false
		for outcome := range wrong {
			differs = differs || !right[outcome]
		}
		before := m.Kind == faultfs.KindSyncDir && strings.HasPrefix(m.Site, "faultfs/site_test.go:")
		equal := m.Effect == faultfs.EffectSwap && (before || m.Kind&(faultfs.KindSyncData|faultfs.KindRemove) != 0)
		if differs == equal {
			t.Errorf("%v leaves something that is not left without it: %v", plan, differs)
		}
	}
}

// calls is the order in which calls have changed the disk.
func calls(f *faultfs.FS) string {
	var list []string
	for _, r := range f.Log().Records() {
		if r.Fault == "" && r.Kind&faultfs.KindCreate == 0 {
			list = append(list, fmt.Sprint(r.Kind, r.Path, string(r.Data())))
		}
	}
	return strings.Join(list, " ")
}

func TestSwap(t *testing.T) {
	for _, test := range []struct{ name, plan, run, order, disk string }{
		{"two writes", "write/*#1:ok:swap", "write a 0 A; write a 0 B", "write/aB write/aA", "a=A"},
		{"pairs of writes", "write/*#1+:ok:swap", "write a 0 A; write a 1 B; write a 2 C; write a 3 D",
			"write/aB write/aA write/aD write/aC", "a=ABCD"},
		{"a write and its sync", "write/*#1:ok:swap", "write a 0 A; sync a", "sync/a write/aA", "a=A"},
		{"a sync and the rename it is for", "sync/*#1:ok:swap", "write a 0 A; sync a; rename a b", "write/aA rename/a sync/a", "b=A"},
		{"a rename and its syncdir", "rename/*#1:ok:swap", "write a 0 A; rename a b; syncdir /", "write/aA syncdir/ rename/a", "b=A"},
		{"reading calls are not the next", "write/*#1:ok:swap", "write a 0 A; open a; close a; trunc a 0",
			"open/a close/a open/a truncate/a write/aA", "a=A"},
		{"a call that fails fails at once", "remove/*#1+:ok:swap", "!remove x; write a 0 A; remove a; mkdir d",
			"write/aA mkdir/d remove/a", "d/"},
		{"truncate and mkdir", "truncate|mkdir/*#1+:ok:swap", "write a 0 A4; trunc a 2; write a 0 B; mkdir d; create e",
			"write/aAAAA write/aB truncate/a mkdir/d", "a=BA d/ e="},
		{"allocate", "allocate/*#1:ok:swap", "alloc a 0 4; trunc a 2", "truncate/a allocate/a", "a=.4"},
		{"the late call may fail", "remove/*#1:ok:swap", "mkdir d; remove d; create d/x", "mkdir/d remove/d", "a= d/ d/x="},
		{"a late write of a file that is gone", "write/*#1:ok:swap", "write a 0 A; close a; remove a", "close/a remove/a write/a", "-"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, faultfs.New(faultfs.Options{}))
			s.run("create a; settle")
			s.fs.ResetLog()
			s.run("fault " + test.plan + "; " + test.run)
			if got := calls(s.fs); got != test.order {
				t.Errorf("calls %s, want %s\n%v", got, test.order, s.fs.Log())
			}
			if got := show(t, s.fs); got != test.disk {
				t.Errorf("disk %s, want %s", got, test.disk)
			}
			if replayed := s.fs.Log().StateAfter(s.fs.Seq()).Kill(); !replayed.Equal(s.fs) {
				t.Errorf("replay: %s", s.fs.Diff(replayed))
			}
		})
	}
}

// TestCrashWithinASwap looks for the states in which only the later of two
// calls was made.
func TestCrashWithinASwap(t *testing.T) {
	s := newScript(t, faultfs.New(faultfs.Options{}))
	s.run("create a; create b; settle")
	s.fs.ResetLog()
	s.run("fault write/*#1:ok:swap; write a 0 A")
	if n := len(s.fs.State().Pending()); n != 0 {
		t.Errorf("%d atoms pending of a call that waits", n)
	}
	s.run("write b 0 B")
	var live []string
	for st := range s.fs.Log().Points() {
		live = append(live, show(t, st.Kill()))
	}
	if want := []string{"a= b=", "a= b=B", "a=A b=B"}; !slices.Equal(live, want) {
		t.Errorf("live states %q, want %q", live, want)
	}
}

func TestLies(t *testing.T) {
	for _, test := range []struct {
		plan, run, live string
		want            []string
	}{
		{"sync/*#1:ok:lie", "write a 0 N; sync a", "a=N", []string{"a=O", "a=N"}},
		{"sync/*#1:ok:lie", "write a 0 N; sync a; sync a", "a=N", []string{"a=N"}},
		{"syncdir/*#1:ok:lie", "create b; syncdir /", "a=O b=", []string{"a=O", "a=O b="}},
		{"write/*#1:ok:lie", "write a 0 N; sync a", "a=O", []string{"a=O"}},
		{"rename/*#1:ok:lie", "rename a b; syncdir /", "a=O", []string{"a=O"}},
		{"remove|mkdir/*#1+:ok:lie", "remove a; mkdir d; syncdir /", "a=O", []string{"a=O"}},
		{"truncate|allocate/*#1+:ok:lie", "trunc a 0; alloc a 0 9; sync a", "a=O", []string{"a=O"}},
	} {
		s := newScript(t, faultfs.New(faultfs.Options{}))
		s.run("create a; write a 0 O; settle; fault " + test.plan + "; " + test.run)
		if got := show(t, s.fs); got != test.live {
			t.Errorf("%s: %s is %s", test.plan, test.run, got)
		}
		if diff := diffSets(outcomes(t, s.fs.State(), faultfs.Enum{}), test.want); diff != "" {
			t.Errorf("%s, %s:%s", test.plan, test.run, diff)
		}
	}
}

// TestFaultsBySite strikes one of two places that make the same call.
func TestFaultsBySite(t *testing.T) {
	run := func(f *faultfs.FS) (fails string) {
		h, err := f.OpenFile("/a", vfs.Write|vfs.Create)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := h.WriteAt([]byte("1"), 0); err != nil {
				fails += "first "
			}
			if _, err := h.WriteAt([]byte("2"), 0); err != nil {
				fails += "second "
			}
		}
		return fails
	}
	f := faultfs.New(faultfs.Options{Callers: true})
	run(f)
	for _, test := range []struct{ count, want string }{{"#1", "second "}, {"#1+", "second second "}, {"#3", ""}} {
		g := faultfs.New(faultfs.Options{})
		g.Inject(mustParse(t, "write["+f.Log().Records()[2].Place()+"]/*"+test.count+":EIO"))
		if got := run(g); got != test.want {
			t.Errorf("%s of the second place: %q fails, want %q", test.count, got, test.want)
		}
	}
}
