package faultfs_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// face is what of a state a replay must reproduce.
type face struct {
	live, none, all faultfs.Digest
	pending         string
}

func faceOf(s *faultfs.State) face {
	pending := s.Pending()
	var text string
	for _, a := range pending {
		text += a.String() + "\n"
	}
	return face{
		live:    s.Kill().Digest(),
		none:    s.Image(faultfs.None()).Digest,
		all:     s.Image(faultfs.All(len(pending))).Digest,
		pending: text,
	}
}

// randomRun makes random calls and returns the face of the disk after each.
func randomRun(t *testing.T, f *faultfs.FS, seed uint64, steps int) map[int]face {
	t.Helper()
	w := &walker{r: rand.New(rand.NewPCG(seed, 3)), disks: []vfs.FS{f}, roots: []string{"/"}}
	defer w.close()
	faces := map[int]face{f.Seq(): faceOf(f.State())}
	for range steps {
		if _, err := w.step(); err != nil {
			t.Fatal(err)
		}
		faces[f.Seq()] = faceOf(f.State())
	}
	return faces
}

// TestReplayIsTheRun replays logs of random runs, failed syncs and full disks
// included, and wants every state that the run itself went through.
func TestReplayIsTheRun(t *testing.T) {
	for seed := range uint64(16) {
		f := faultfs.New(faultfs.Options{Sector: 512, NoReads: seed%2 == 0, Budget: 60_000})
		f.Inject(mustParse(t, []string{
			"sync#2:EIO:F1, sync#4:EIO:F2, sync#6:EIO:F4, sync#9:EIO:F5, write#5x2:EIO:after=700, " +
				"truncate#4:EIO:done, remove#2:EIO, syncdir#3:EIO:F1, syncdir#5:EIO:F4, rename#2:EIO:done",
			"write#2+:ok:swap, sync|syncdata#2+:ok:swap, rename|remove|mkdir|syncdir#1+:ok:swap, truncate|allocate#1+:ok:swap",
			"write#3x2:ok:short=half, sync#2x3:ok:lie, write#7:ok:lie, rename#2:ok:lie, read#1+:ok:stale, size#2:ok:stale, readdir#1+:ok:shuffle=3",
		}[seed%3]))
		faces := randomRun(t, f, seed, 300)
		log := f.Log()
		points := 0
		for s := range log.Points() {
			points++
			for seq := s.From; seq <= s.To; seq++ {
				want, known := faces[seq]
				if !known {
					continue // inside a step of several calls
				}
				if got := faceOf(s); got != want {
					t.Fatalf("seed %d: state after call %d is\n%+v\nwant\n%+v\n%v", seed, seq, got, want, log)
				}
			}
			if seq := (s.From + s.To) / 2; points%7 == 0 && faceOf(log.StateAfter(seq)) != faceOf(s) {
				t.Fatalf("seed %d: StateAfter(%d) is not the point", seed, seq)
			}
		}
		if last := log.StateAfter(f.Seq()); last.To != f.Seq() || points < 30 {
			t.Errorf("seed %d: %d points, the last up to call %d of %d", seed, points, last.To, f.Seq())
		}
	}
}

// TestEverythingPersistedIsLive checks the invariant of the model: with no
// failed sync in the way, the disk with all pending atoms is the live view.
func TestEverythingPersistedIsLive(t *testing.T) {
	for seed := range uint64(20) {
		f := faultfs.New(faultfs.Options{Sector: 512 << (3 * (seed % 2))})
		faces := randomRun(t, f, seed, 300)
		for _, seq := range slices.Sorted(maps.Keys(faces)) {
			got := faces[seq]
			if got.all != got.live {
				t.Fatalf("seed %d: after call %d everything persisted differs from the live view\n%v", seed, seq, f.Log())
			}
		}
		f.SyncAll()
		if s := f.State(); len(s.Pending()) != 0 || s.Image(faultfs.None()).Digest != f.Digest() {
			t.Fatalf("seed %d: SyncAll left something pending", seed)
		}
	}
}

// TestImagesStandAlone writes to images, and to the disk that they come from,
// and wants no other disk to change.
func TestImagesStandAlone(t *testing.T) {
	f := smallDatabase(t, faultfs.Options{}, 3)
	log := f.Log()
	scribble := func(f *faultfs.FS) {
		for _, name := range f.List() {
			h, err := f.OpenFile(name, vfs.Write)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.WriteAt([]byte("scribble"), 4090); err != nil {
				t.Fatal(err)
			}
			if err := h.Truncate(9000); err != nil {
				t.Fatal(err)
			}
			if err := h.Sync(); err != nil {
				t.Fatal(err)
			}
			if err := f.Rename(name, name+".old"); err != nil {
				t.Fatal(err)
			}
			if err := f.SyncDir("/db"); err != nil {
				t.Fatal(err)
			}
		}
	}
	list := func() (text string) {
		for s := range log.Points() {
			for im := range s.Images(faultfs.Enum{MaxSubset: 3}) {
				text += fmt.Sprintln(im, im.Digest)
			}
		}
		return text
	}
	before := list()
	for s := range log.Points() {
		for im := range s.Images(faultfs.Enum{MaxSubset: 3}) {
			one, two := im.FS(), im.FS()
			scribble(one)
			if two.Digest() != im.Digest || one.Digest() == im.Digest {
				t.Fatalf("%v: writing to one disk of the image shows on the other", im)
			}
		}
		scribble(s.Kill())
	}
	scribble(f)
	if after := list(); after != before {
		t.Error("the states of the log have changed")
	}
}

// TestBuffersAreTheCallers changes a buffer after it was written.
func TestBuffersAreTheCallers(t *testing.T) {
	f := faultfs.New(faultfs.Options{Sector: 512})
	if err := f.WriteFile("/a", make([]byte, 1024)); err != nil {
		t.Fatal(err)
	}
	h, err := f.OpenFile("/a", vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	p := unpack("A812")
	if _, err := h.WriteAt(p, 0); err != nil {
		t.Fatal(err)
	}
	copy(p, unpack("B812"))
	if got := show(t, f); got != "a=A812.212" {
		t.Errorf("live: %s", got)
	}
	want := []string{"a=.1024", "a=A512.512", "a=.512A300.212", "a=A812.212"}
	if diff := diffSets(outcomes(t, f.State(), faultfs.Enum{}), want); diff != "" {
		t.Errorf("images:%s", diff)
	}
	if got := f.Log().StateAfter(f.Seq()).Kill(); !got.Equal(f) {
		t.Errorf("replay: %s", f.Diff(got))
	}
}

// TestTwoFutures lets two disks made from one state go on, each its own way.
func TestTwoFutures(t *testing.T) {
	f := newScript(t, faultfs.New(faultfs.Options{}))
	f.run("create a; write a 0 A; create b; write b 0 A")
	s := f.fs.State()
	one, two := newScript(t, s.Kill()), newScript(t, s.Kill())
	one.run("write a 0 B")
	two.run("write b 0 C")
	f.run("sync a; sync b; syncdir /")
	one.run("sync a; sync b; syncdir /")
	two.run("sync a; sync b; syncdir /")
	for i, test := range []struct {
		s    *script
		want string
	}{{f, "a=A b=A"}, {one, "a=B b=A"}, {two, "a=A b=C"}} {
		if got := outcomes(t, test.s.fs.State(), faultfs.Enum{}); !slices.Equal(got, []string{test.want}) {
			t.Errorf("disk %d: %q, want %q", i, got, test.want)
		}
	}
}

// TestKilledDiskGoesOn checks that what was pending at a kill stays pending
// for the next process, and is covered by its syncs.
func TestKilledDiskGoesOn(t *testing.T) {
	for seed := range uint64(20) {
		f := faultfs.New(faultfs.Options{Sector: 512})
		randomRun(t, f, seed, 200)
		s := f.State()
		next := s.Kill()
		if got, want := faceOf(next.State()), faceOf(s); got != want {
			t.Fatalf("seed %d: killed disk is\n%+v\nwant\n%+v", seed, got, want)
		}
		for _, name := range next.List() {
			h, err := next.OpenFile(name, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		var names faultfs.Selection
		for i, a := range next.State().Pending() {
			if a.Kind >= faultfs.AtomBind {
				names = names.With(i)
			}
		}
		if next.State().Image(names).Digest != next.Digest() {
			t.Fatalf("seed %d: a sync of every file left data pending", seed)
		}
		randomRun(t, next, seed+100, 50)
	}
}
