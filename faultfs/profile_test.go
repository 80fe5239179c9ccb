package faultfs_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

func TestProfileText(t *testing.T) {
	for _, law := range faultfs.Laws() {
		for _, seed := range []uint64{0, 7, 1<<64 - 1} {
			p := faultfs.Profile{Law: law, Seed: seed}
			again, err := faultfs.ParseProfile(p.String())
			if err != nil || again != p {
				t.Errorf("%v parses to %v, %v", p, again, err)
			}
		}
	}
	if p := (faultfs.Profile{Law: faultfs.SplitRename, Seed: 3}); p.String() != "split-rename=3" || len(faultfs.Laws()) != 8 {
		t.Errorf("%v, %v", p, faultfs.Laws())
	}
	for _, text := range []string{"", "ext4", "garbage=", "garbage=x", "=1"} {
		if p, err := faultfs.ParseProfile(text); err == nil {
			t.Errorf("%q parses to %v", text, p)
		}
	}
}

// TestImagesUnderLaws wants every image of every law to be lawful, to be what
// its printed selection gives, and to come again in another run, all subsets
// or not.
func TestImagesUnderLaws(t *testing.T) {
	log := smallDatabase(t, faultfs.Options{Sector: 512}, 4).Log()
	for _, law := range faultfs.Laws() {
		p := faultfs.Profile{Law: law, Seed: 5}
		for _, e := range []faultfs.Enum{{Profile: p, MaxSubset: 4, ByteCuts: true}, {Profile: p, MaxSubset: -1, Wide: true, Random: 5}} {
			images, first := 0, ""
			for s := range log.Points() {
				under := s.Under(p)
				var names []string
				for im := range s.Images(e) {
					images++
					names = append(names, fmt.Sprint(im, im.Digest))
					if under.Lawful(im.Sel).String() != im.Sel.String() {
						t.Fatalf("%v: %v is not lawful", p, im)
					}
					sel, err := faultfs.ParseSelection(im.Sel.String())
					if err != nil {
						t.Fatal(err)
					}
					if got := under.Crash(sel); got.Digest() != im.Digest || im.FS().Digest() != im.Digest || im.State.Profile() != p {
						t.Fatalf("%v: %v: the selection gives another disk", p, im)
					}
				}
				var again []string
				for im := range under.Images(faultfs.Enum{MaxSubset: e.MaxSubset, ByteCuts: e.ByteCuts, Wide: e.Wide, Random: e.Random}) {
					again = append(again, fmt.Sprint(im, im.Digest))
				}
				if !reflect.DeepEqual(names, again) {
					t.Fatalf("%v: two runs give different images", p)
				}
				if len(names) > 0 && first == "" {
					first = names[0]
				}
			}
			if images < 30 {
				t.Errorf("%v: only %d images", p, images)
			}
		}
	}
}

// TestViewsOfAState goes from one profile to another and back.
func TestViewsOfAState(t *testing.T) {
	s := newScript(t, faultfs.New(faultfs.Options{}))
	s.run("create a; create b; settle; rename a b; write b 0 X")
	st := s.fs.State()
	split := st.Under(faultfs.Profile{Law: faultfs.SplitRename})
	if n, m := len(st.Pending()), len(split.Pending()); m != n+2 {
		t.Errorf("%d atoms become %d", n, m)
	}
	if back := split.Under(faultfs.Profile{}); back != st || !reflect.DeepEqual(back.Pending(), st.Pending()) {
		t.Error("the strictest view is not the state itself")
	}
	s.run("rename b c")
	st, split = s.fs.State(), s.fs.State().Under(faultfs.Profile{Law: faultfs.SplitRename})
	if n, m := len(st.Pending()), len(split.Pending()); m != n+3 {
		t.Errorf("with a rename to a new name %d atoms become %d", n, m)
	}
	killed := split.Under(faultfs.Profile{Law: faultfs.Kill})
	for im := range killed.Images(faultfs.Enum{}) {
		f := im.FS()
		if f.Digest() != s.fs.Digest() || im.Digest != f.Digest() || f.Seq() != st.To {
			t.Errorf("killed disk: %s", s.fs.Diff(f))
		}
		if !reflect.DeepEqual(f.State().Pending(), st.Pending()) {
			t.Error("what was pending does not stay pending")
		}
	}
	if f := split.Kill(); !reflect.DeepEqual(f.State().Pending(), st.Pending()) {
		t.Error("a killed disk has split renames")
	}
}

// TestKillThenPower reopens a killed disk, and cuts the power before the next
// process has synced what it relies on, and after.
func TestKillThenPower(t *testing.T) {
	s := newScript(t, faultfs.New(faultfs.Options{}))
	s.run("create a; write a 0 O; settle; write a 0 N; create b")
	var all []string
	for im := range s.fs.State().Images(faultfs.Enum{Profile: faultfs.Profile{Law: faultfs.Kill}}) {
		next := newScript(t, im.FS())
		next.run("open a; sync a")
		for _, law := range []faultfs.Law{faultfs.Posix, faultfs.Prefix} {
			for st := range next.fs.Log().Points() {
				for _, text := range outcomes(t, st, faultfs.Enum{Profile: faultfs.Profile{Law: law}}) {
					all = append(all, fmt.Sprint(law, " ", st.From >= 6, " ", text))
				}
			}
		}
	}
	slices.Sort(all)
	want := []string{"posix false a=N", "posix false a=N b=", "posix false a=O", "posix false a=O b=", "posix true a=N", "posix true a=N b=",
		"prefix false a=N", "prefix false a=N b=", "prefix false a=O", "prefix true a=N b="}
	if got := slices.Compact(all); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestWide looks for the selections of the bounded list in a state with many
// atoms, and wants not one of them without it.
func TestWide(t *testing.T) {
	s := pendingState(t, "create a; write a 0 O5120; create b; write b 0 O5120; create c; write c 0 O5120",
		"write a 0 A512; write b 0 B512; write a 1024 C512; write b 1024 D512; create x; remove c; write a 2048 E512; create y")
	plain := outcomes(t, s, faultfs.Enum{MaxSubset: -1})
	wide := outcomes(t, s, faultfs.Enum{MaxSubset: -1, Wide: true})
	const all = "a=A512O512C512O512E512O2560 b=B512O512D512O3584 x= y="
	for what, disk := range map[string]string{
		"two units lost":          "a=O2048E512O2560 b=B512O512D512O3584 x= y=",
		"a gap, and the end lost": "a=A512O512C512O3584 b=O5120 c=O5120",
		"a file, without entries": "a=A512O512C512O512E512O2560 b=O5120 c=O5120",
		"a file, with entries":    "a=O5120 b=B512O512D512O3584 x= y=",
		"some entries, no data":   "a=O5120 b=O5120 c=O5120 x= y=",
		"all data, no entries":    "a=A512O512C512O512E512O2560 b=B512O512D512O3584 c=O5120",
	} {
		if !slices.Contains(wide, disk) || slices.Contains(plain, disk) {
			t.Errorf("%s: wide %v, plain %v", what, slices.Contains(wide, disk), slices.Contains(plain, disk))
		}
	}
	for _, disk := range append(plain, all) {
		if !slices.Contains(wide, disk) {
			t.Errorf("the wide list leaves out %s", disk)
		}
	}
	random := func(seed uint64) []string {
		return outcomes(t, s, faultfs.Enum{MaxSubset: -1, NoSingles: true, NoPrefixes: true, NoTears: true, Random: 40, Seed: seed})
	}
	if one, two := random(1), random(2); len(one) < 15 || slices.Equal(one, two) || !slices.Equal(one, random(1)) {
		t.Errorf("%d and %d random images", len(one), len(two))
	}
}

// TestNothingBehindTheEnd grows a file whose last sector was lost to noise.
func TestNothingBehindTheEnd(t *testing.T) {
	s := pendingState(t, "create a; write a 0 O100", "write a 0 N10").Under(faultfs.Profile{Law: faultfs.NoPSOW})
	f := newScript(t, s.Crash(faultfs.None().Cut(0, 1)))
	f.run("trunc a 200")
	data, err := f.fs.ReadFile("/a")
	if err != nil || len(data) != 200 || pack(data[100:]) != ".100" || strings.Contains(pack(data[:100]), "O") {
		t.Errorf("%s, %v", pack(data), err)
	}
}

// TestLostSectors wants every sector of a long write lost, and a bounded number
// of a very long one.
func TestLostSectors(t *testing.T) {
	s := pendingState(t, "create a; write a 0 O300000", "write a 0 A300000").Under(faultfs.Profile{Law: faultfs.NoPSOW})
	atoms := map[int]bool{}
	for im := range s.Images(faultfs.Enum{}) {
		if atom, _, cut := im.Sel.CutAtom(); cut {
			atoms[atom] = true
		}
	}
	if n := len(s.Pending()); n != 586 || len(atoms) != n {
		t.Errorf("%d of %d sectors lost", len(atoms), n)
	}
	s = pendingState(t, "create a; write a 0 O600000", "write a 0 A600000").Under(faultfs.Profile{Law: faultfs.NoPSOW})
	clear(atoms)
	for sel := range s.Selections(faultfs.Enum{NoTears: true, NoSingles: true}) {
		if atom, _, cut := sel.CutAtom(); cut {
			atoms[atom] = true
		}
	}
	if n := len(s.Pending()); n != 1172 || len(atoms) != n/2 {
		t.Errorf("%d of %d sectors lost", len(atoms), n)
	}
	if _, _, cut := faultfs.All(3).CutAtom(); cut {
		t.Error("a selection without a cut tells of one")
	}
}
