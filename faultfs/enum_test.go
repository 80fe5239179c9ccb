package faultfs_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

func TestSelection(t *testing.T) {
	s := faultfs.Of(0, 5, 64, 130)
	for _, test := range []struct {
		sel  faultfs.Selection
		want string
		len  int
	}{
		{faultfs.None(), "0", 0},
		{faultfs.All(3), "7", 3},
		{faultfs.All(64), "ffffffffffffffff", 64},
		{faultfs.All(65), "1ffffffffffffffff", 65},
		{s, "400000000000000010000000000000021", 4},
		{s.Without(130).Without(200), "10000000000000021", 3},
		{s.With(1).Without(64).Without(130), "23", 3},
		{faultfs.Of(1).Cut(2, 77), "6/2:77", 2},
	} {
		if got := test.sel.String(); got != test.want || test.sel.Len() != test.len {
			t.Errorf("%s with %d atoms, want %s with %d", got, test.sel.Len(), test.want, test.len)
		}
		again, err := faultfs.ParseSelection(test.want)
		if err != nil || again.String() != test.want {
			t.Errorf("%s parses to %v, %v", test.want, again, err)
		}
	}
	if s.String() != "400000000000000010000000000000021" {
		t.Error("a method changed its receiver")
	}
	for i := range 200 {
		if want := i == 0 || i == 5 || i == 64 || i == 130; s.Has(i) != want {
			t.Errorf("Has(%d) = %v", i, !want)
		}
	}
	for _, bad := range []string{"", "x", "/1:2", "1/2", "1/2:x", "-1"} {
		if sel, err := faultfs.ParseSelection(bad); err == nil {
			t.Errorf("%q parses to %v", bad, sel)
		}
	}
}

func pendingState(t *testing.T, setup, run string) *faultfs.State {
	t.Helper()
	s := newScript(t, faultfs.New(faultfs.Options{Sector: 512}))
	s.run(setup + "; settle")
	s.run(run)
	return s.fs.State()
}

// TestPendingAtoms compares the atoms of each kind of call with the table in
// the package documentation.
func TestPendingAtoms(t *testing.T) {
	for _, test := range []struct {
		run  string
		want []string
	}{
		{"write a 100 N1000", []string{"D /a [100,+412)", "D /a [512,+512)", "D /a [1024,+76)"}},
		{"write a 2000 N100", []string{"Z /a size 2100", "D /a [2000,+48)", "D /a [2048,+52)"}},
		{"trunc a 10", []string{"T /a size 10"}},
		{"trunc a 9000", []string{"Z /a size 9000"}},
		{"trunc a 2000", nil},
		{"alloc a 0 9000", []string{"Z /a size 9000"}},
		{"alloc a 0 2000", nil},
		{"create b", []string{"E+ /b"}},
		{"mkdir b", []string{"E+ /b"}},
		{"remove a", []string{"E- /a"}},
		{"rename a b", []string{"N /a -> /b"}},
		{"write a 0 N; remove a; syncdir /", nil},
		{"remove a; syncdir /; write a 0 N5000", nil},
		{"open a; sync a; close a; syncdir /", nil},
	} {
		var got []string
		for _, a := range pendingState(t, "create a; write a 0 O2000", test.run).Pending() {
			_, text, _ := strings.Cut(a.String(), " ") // the number of the call
			got = append(got, text)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.run, got, test.want)
		}
	}
}

// TestManyAtoms checks the selections of a state with too many units for all
// their subsets.
func TestManyAtoms(t *testing.T) {
	s := pendingState(t, "create a; write a 0 O5120; create b; write b 0 O5120",
		"write a 0 A2560; write b 0 B512; write a 2560 C2560; write b 512 D512; remove b; create c; write a 0 E512")
	got := outcomes(t, s, faultfs.Enum{})
	all := "a=E512A2048C2560 c="
	want := map[string]string{
		"nothing":                "a=O5120 b=O5120",
		"everything":             all,
		"last call lost":         "a=A2560C2560 c=",
		"only the last call":     "a=E512O4608 b=O5120",
		"only the first call":    "a=A2560O2560 b=O5120",
		"first call lost":        "a=E512O2048C2560 c=",
		"middle sectors lost":    "a=E512O1536A512C2560 c=",
		"only the middle":        "a=O512A1536O3072 b=O5120",
		"prefix of two calls":    "a=A2560O2560 b=B512O4608",
		"prefix of four calls":   "a=A2560C2560 b=B512D512O4096",
		"removal lost":           "a=E512A2048C2560 b=B512D512O4096 c=",
		"only the removal":       "a=O5120",
		"creation lost":          "a=E512A2048C2560",
		"only the creation":      "a=O5120 b=O5120 c=",
		"one write of b is kept": "a=O5120 b=O512D512O4096",
	}
	for what, disk := range want {
		if !slices.Contains(got, disk) {
			t.Errorf("%s is not among the images: %s", what, disk)
		}
	}
	fewer := outcomes(t, s, faultfs.Enum{NoSingles: true, NoTears: true})
	if slices.Contains(fewer, want["middle sectors lost"]) || !slices.Contains(fewer, want["prefix of two calls"]) {
		t.Error("NoSingles")
	}
	fewer = outcomes(t, s, faultfs.Enum{NoPrefixes: true})
	if slices.Contains(fewer, want["prefix of two calls"]) || !slices.Contains(fewer, want["middle sectors lost"]) {
		t.Error("NoPrefixes")
	}
	if n := len(outcomes(t, s, faultfs.Enum{NoPrefixes: true, NoSingles: true, NoTears: true})); n != 2 {
		t.Errorf("%d images with everything left out, want 2", n)
	}
}

// TestTears checks the sector and byte cuts of last writes, which subsets of
// units do not reach.
func TestTears(t *testing.T) {
	s := pendingState(t, "create a; write a 0 O3072; create b; write b 0 O3072", "write a 0 A3072; write b 0 B3072")
	e := faultfs.Enum{MaxSubset: -1, NoSingles: true, NoPrefixes: true}
	want := []string{"a=O3072 b=O3072", "a=A3072 b=B3072", "a=O3072 b=B3072", "a=A3072 b=O3072"}
	for _, cut := range [][2]string{{"512", "2560"}, {"1024", "2048"}, {"1536", "1536"}, {"2048", "1024"}, {"2560", "512"}} {
		head, tail := cut[0], cut[1]
		want = append(want,
			"a=A"+head+"O"+tail+" b=B3072", "a=O"+head+"A"+tail+" b=B3072",
			"a=A3072 b=B"+head+"O"+tail, "a=A3072 b=O"+head+"B"+tail)
	}
	if diff := diffSets(outcomes(t, s, e), want); diff != "" {
		t.Errorf("sector cuts:%s", diff)
	}
	e.ByteCuts = true
	want = append(want, "a=A3072 b=BO3071", "a=A3072 b=B256O2816", "a=A3072 b=B511O2561",
		"a=A3072 b=B2561O511", "a=A3072 b=B2816O256", "a=A3072 b=B3071O")
	if diff := diffSets(outcomes(t, s, e), want); diff != "" {
		t.Errorf("byte cuts:%s", diff)
	}
	e.NoTears, e.ByteCuts = true, false
	if diff := diffSets(outcomes(t, s, e), want[:2]); diff != "" {
		t.Errorf("no tears:%s", diff)
	}
	s = pendingState(t, "create a; write a 0 O2048", "write a 0 A1024; write a 1024 B1024")
	e.NoTears = false
	want = []string{"a=O2048", "a=A1024B1024", "a=A1024O1024", "a=A1024B512O512", "a=A1024O512B512"}
	if diff := diffSets(outcomes(t, s, e), want); diff != "" {
		t.Errorf("the last write of a file:%s", diff)
	}
}

// TestMostTellingFirst wants nothing and everything before all other choices,
// so that a search that stops at the first failure names a simple one.
func TestMostTellingFirst(t *testing.T) {
	s := pendingState(t, "create a; write a 0 O1024", "write a 0 A512; write a 512 B512; create b; create c")
	for _, e := range []faultfs.Enum{{}, {MaxSubset: -1}, {MaxSubset: -1, Wide: true}} {
		var first []string
		for sel := range s.Selections(e) {
			first = append(first, sel.String())
		}
		if !slices.Equal(first[:2], []string{"0", "f"}) {
			t.Errorf("%+v begins with %v", e, first[:2])
		}
	}
}

// TestFixedAtoms leaves the lock file out of the choice.
func TestFixedAtoms(t *testing.T) {
	const run = "write LOCK 0 L; write a 0 A512; write LOCK 1 L; write a 512 B512"
	s := pendingState(t, "create a; write a 0 O1024; create LOCK", run)
	want := []string{"LOCK= a=O1024", "LOCK=L2 a=O1024", "LOCK=L2 a=A512O512", "LOCK=L2 a=O512B512", "LOCK=L2 a=A512B512"}
	for _, subset := range []int{8, -1} {
		got := outcomes(t, s, faultfs.Enum{MaxSubset: subset, Fixed: faultfs.ClassLock})
		if diff := diffSets(got, want); diff != "" {
			t.Errorf("at most %d units:%s", subset, diff)
		}
	}
}

// TestImagesAreTheirSelections takes every image apart again: the disk made
// from the printed selection is the image.
func TestImagesAreTheirSelections(t *testing.T) {
	var states []*faultfs.State
	for s := range smallDatabase(t, faultfs.Options{Sector: 512}, 4).Log().Points() {
		states = append(states, s)
	}
	states = append(states, pendingState(t, "create a; write a 0 O102400", "write a 0 A51200; write a 51200 B51200"))
	images := 0
	e := faultfs.Enum{MaxSubset: 4, ByteCuts: true}
	for _, s := range states {
		seen, alone := map[faultfs.Digest]bool{}, map[faultfs.Digest]bool{}
		for sel := range s.Selections(e) {
			alone[s.Image(sel).Digest] = true
		}
		for im := range s.Images(e) {
			images++
			if seen[im.Digest] {
				t.Fatalf("%v comes twice", im)
			}
			seen[im.Digest] = true
			sel, err := faultfs.ParseSelection(im.Sel.String())
			if err != nil {
				t.Fatal(err)
			}
			f := s.Crash(sel)
			if f.Digest() != im.Digest || f.Digest() != im.FS().Digest() {
				t.Fatalf("%v: the selection gives another disk", im)
			}
			if len(f.State().Pending()) != 0 || f.Seq() != 0 {
				t.Fatalf("%v: the disk is not fresh", im)
			}
		}
		if !maps.Equal(seen, alone) {
			t.Errorf("call %d: %d images, %d when each is made alone", s.From, len(seen), len(alone))
		}
	}
	if images < 200 {
		t.Errorf("only %d images", images)
	}
}

// TestEnumerationIsRepeatable wants the same images in the same order.
func TestEnumerationIsRepeatable(t *testing.T) {
	list := func() (names []string) {
		for s := range smallDatabase(t, faultfs.Options{}, 4).Log().Points() {
			for im := range s.Images(faultfs.Enum{ByteCuts: true}) {
				names = append(names, im.String()+" "+im.Digest.String())
			}
		}
		return names
	}
	if a, b := list(), list(); !reflect.DeepEqual(a, b) {
		t.Error("two runs give different images")
	}
}

// TestEnoughIsEnough stops every iterator early.
func TestEnoughIsEnough(t *testing.T) {
	s := pendingState(t, "create a; write a 0 O5120", "write a 0 A2560; write a 512 B512; write a 2560 C2560; write a 0 E512; create c; create d; create e")
	total := 0
	for range s.Selections(faultfs.Enum{ByteCuts: true}) {
		total++
	}
	for stop := 1; stop <= total; stop++ {
		n := 0
		for range s.Selections(faultfs.Enum{ByteCuts: true}) {
			if n++; n == stop {
				break
			}
		}
	}
	for range smallDatabase(t, faultfs.Options{}, 1).Log().Points() {
		break
	}
}
