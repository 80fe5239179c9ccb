package faultfs_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// worn is a disk with sectors of 512 bytes whose files have a past.
func worn(t *testing.T) *script {
	t.Helper()
	s := newScript(t, faultfs.New(faultfs.Options{Sector: 512}))
	s.run("create a; write a 0 A1024; sync a; create b; write b 0 B700; sync b; syncdir /; " + // 7
		"write a 512 C512; sync a; " + // 9
		"write a 1024 D100; sync a; " + // 11
		"create t; write t 0 M10; sync t; rename t m; syncdir /; close t; " + // 17
		"create t; write t 0 N10; sync t; rename t m; syncdir /; close t") // 23
	return s
}

func TestDamage(t *testing.T) {
	const before = "a=A512C512D100 b=B700 m=N10"
	for _, test := range []struct{ damage, want string }{
		{"bit /a off=1 bit=1", "a=ACA510C512D100 b=B700 m=N10"},
		{"byte /b off=699 mask=3", "a=A512C512D100 b=B699A m=N10"},
		{"zeros /a off=512 len=512", "a=A512.512D100 b=B700 m=N10"},
		{"zeros /a off=510 len=4", "a=A510.4C510D100 b=B700 m=N10"},
		{"misdirect /a len=512 from=512 at=7", "a=C512A512D100 b=B700 m=N10"},
		{"misdirect /a off=512 len=100 from=1024 at=7", "a=A512D100C412.100 b=B700 m=N10"},
		{"misdirect /a off=512 len=512 at=-1", "a=.512A512D100 b=B700 m=N10"},
		{"lost /a off=512 len=512 at=8", "a=A1024D100 b=B700 m=N10"},
		{"lost /a off=1024 len=100 at=9", "a=A512C512.100 b=B700 m=N10"},
		{"swap /a len=700 from=0 with=/b", "a=B700C324D100 b=A512C188 m=N10"},
		{"swap /b off=690 len=10 with=m", "a=A512C512D100 b=B690N10 m=B10"},
		{"cut /a off=600", "a=A512C88 b=B700 m=N10"},
		{"cut /a", "a= b=B700 m=N10"},
		{"extend-zeros /b len=3", "a=A512C512D100 b=B700.3 m=N10"},
		{"missing /b", "a=A512C512D100 m=N10"},
		{"older /a at=7", "a=A1024 b=B700 m=N10"},
		{"older /m at=21", "a=A512C512D100 b=B700 m=M10"},
		{"repeat /a off=512 len=512", "a=A512C1024D100 b=B700 m=N10"},
		{"reorder /a len=512 from=612", "a=C512D100A512 b=B700 m=N10"},
		{"stale /a off=512 len=512 at=7", before},
	} {
		f := worn(t).fs
		d, err := faultfs.ParseDamage(test.damage)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := faultfs.ParseDamage(d.String()); err != nil || again != d {
			t.Errorf("%v parses to %+v, %v", d, again, err)
		}
		if err := f.Damage(d, nil); err != nil {
			t.Errorf("%v: %v", d, err)
		}
		if got := show(t, f); got != test.want {
			t.Errorf("%v: %s, want %s", d, got, test.want)
		}
		if got := show(t, f.State().Crash(faultfs.None())); got != test.want {
			t.Errorf("%v: after a crash %s, want %s", d, got, test.want)
		}
		if got := f.Log().StateAfter(f.Seq()).Kill(); !got.Equal(f) {
			t.Errorf("%v: replay: %s", d, f.Diff(got))
		}
		// Another disk with the same content knows no past of its own.
		if other := worn(t).fs.Snapshot(); other.Damage(d, f.Log()) != nil || show(t, other) != test.want {
			t.Errorf("%v: with a past of its own the damage is %s", d, show(t, other))
		}
	}
}

// TestDamageNoise looks at the two kinds whose bytes are not told.
func TestDamageNoise(t *testing.T) {
	for _, test := range []struct {
		damage      string
		head, tail  string
		size, noise int
	}{
		{"noise /b off=100 len=512 seed=3", "B100", "B88", 700, 512},
		{"extend-noise /b len=60 seed=3", "B700", "", 760, 60},
	} {
		contents := map[string]bool{}
		for _, seed := range []string{"3", "3", "4"} {
			f := worn(t).fs
			d, err := faultfs.ParseDamage(strings.Replace(test.damage, "seed=3", "seed="+seed, 1))
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Damage(d, nil); err != nil {
				t.Fatal(err)
			}
			data, err := f.ReadFile("/b")
			if err != nil || len(data) != test.size {
				t.Fatalf("%v: %d bytes, %v", d, len(data), err)
			}
			head, tail := unpack(test.head), unpack(test.tail)
			if !bytes.HasPrefix(data, head) || !bytes.HasSuffix(data, tail) {
				t.Errorf("%v: %s", d, pack(data))
			}
			if n := len(slices.Compact(slices.Clone(data[len(head):][:test.noise]))); n < test.noise*9/10 {
				t.Errorf("%v: %d different bytes in a row of %d", d, n, test.noise)
			}
			contents[string(data)] = true
		}
		if len(contents) != 2 {
			t.Errorf("%s: two seeds make %d contents", test.damage, len(contents))
		}
	}
}

// TestStaleReads damages what is read, not what is there.
func TestStaleReads(t *testing.T) {
	s := worn(t)
	h, err := s.fs.OpenFile("/a", vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	damage := func(text string) {
		t.Helper()
		d, err := faultfs.ParseDamage(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.fs.Damage(d, nil); err != nil {
			t.Fatal(err)
		}
	}
	read := func(want string) {
		t.Helper()
		p := make([]byte, 300)
		n, _ := h.ReadAt(p, 400)
		if got := pack(p[:n]); got != want {
			t.Errorf("read %s, want %s", got, want)
		}
	}
	read("A112C188")
	damage("stale-once /a off=512 len=512 at=7")
	read("A300")
	if r := s.fs.Log().Records(); r[len(r)-1].Fault == "" {
		t.Error("the log does not tell of a stale read")
	}
	read("A112C188")
	damage("stale /a off=512 len=100 at=7")
	read("A212C88")
	read("A212C88")
	if _, err := h.WriteAt([]byte("Z"), 900); err != nil {
		t.Fatal(err)
	}
	read("A112C188")
}

func TestBadDamage(t *testing.T) {
	f := worn(t).fs
	before := show(t, f)
	for _, text := range []string{"bit /x", "bit /a off=1124", "bit /a bit=8", "zeros /a off=600 len=600", "zeros /a", "noise /a off=-1 len=2",
		"older /a at=1", "older /x at=9", "lost /a len=1 at=2", "misdirect /a len=512 from=1000", "misdirect /a len=512 from=-1", "swap /a len=701 with=/b",
		"swap /a len=1 with=/x", "swap /a len=10 with=/m from=1", "cut /a off=1125", "cut /a off=-1", "repeat /a off=1000 len=200", "extend-zeros /a len=-1",
		"reorder /a len=1000 from=200", "missing /", "extend-zeros /a len=99999999999"} {
		d, err := faultfs.ParseDamage(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Damage(d, nil); err == nil {
			t.Errorf("%v is not refused", d)
		}
	}
	if got := show(t, f); got != before {
		t.Errorf("refused damages have left %s", got)
	}
	for _, text := range []string{"", "bit", "hole /a", "bit /a off", "bit /a of=1", "bit /a off=x", `bit "/a off=1`} {
		if d, err := faultfs.ParseDamage(text); err == nil {
			t.Errorf("%q parses to %v", text, d)
		}
	}
	spaced := faultfs.Damage{Kind: faultfs.DamageSwap, Path: `/a b`, With: `/"c"`, Len: 1, Seed: 1<<64 - 1, At: -1}
	if again, err := faultfs.ParseDamage(spaced.String()); err != nil || again != spaced {
		t.Errorf("%v parses to %+v, %v", spaced, again, err)
	}
}

// TestDamagesAreComplete enumerates a disk: each file, unit and kind is there,
// each damage prints and parses, can be done, and changes what is read.
func TestDamagesAreComplete(t *testing.T) {
	s := worn(t)
	log := s.fs.Log()
	e := faultfs.DamageEnum{Bits: []faultfs.Range{{Path: "/m", Off: 2, Len: 3}},
		Records: []faultfs.Range{{Path: "/a", Off: 0, Len: 512}, {Path: "/a", Off: 512, Len: 612}}}
	disk := s.fs.Snapshot()
	e.Past = log
	seen := map[string]bool{}
	units := map[string]int{}
	for d := range disk.Damages(e) {
		text := d.String()
		if seen[text] {
			t.Errorf("%s comes twice", text)
		}
		seen[text] = true
		units[fmt.Sprint(d.Kind, d.Path)]++
		again, err := faultfs.ParseDamage(text)
		if err != nil || again != d {
			t.Fatalf("%s parses to %+v, %v", text, again, err)
		}
		one := disk.Snapshot()
		if err := one.Damage(d, log); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if changed := reads(t, one, d.Path) != reads(t, disk, d.Path) || !one.Equal(disk); !changed {
			t.Errorf("%s changes nothing", text)
		}
	}
	want := map[string]int{"bit/a": 3, "bit/m": 24 + 1, "byte/b": 2, "zeros/a": 3, "noise/b": 2, "lost/a": 1, "stale/a": 1, "stale-once/a": 1,
		"lost/m": 1, "swap/a": 3, "swap/m": 2, "cut/a": 6, "cut/m": 4, "extend-zeros/a": 2, "extend-noise/m": 2, "missing/b": 1,
		"older/a": 2, "older/m": 1, "older/b": 0, "lost/b": 0, "repeat/a": 2, "reorder/a": 1, "misdirect/m": 0}
	for key, n := range want {
		if units[key] != n {
			t.Errorf("%d times %s, want %d", units[key], key, n)
		}
	}
	if units["misdirect/a"] < 2 {
		t.Errorf("%d misdirected writes", units["misdirect/a"])
	}
	for d := range disk.Damages(faultfs.DamageEnum{Kinds: faultfs.DamageZeros, Class: faultfs.ClassMeta, Unit: 4}) {
		t.Errorf("%v is of another class", d)
	}
	n := 0
	for d := range disk.Damages(faultfs.DamageEnum{Kinds: faultfs.DamageZeros | faultfs.DamageSwap, Unit: 4}) {
		if n++; d.Kind != faultfs.DamageZeros && d.Kind != faultfs.DamageSwap || d.Len > 4 {
			t.Errorf("%v was not asked for", d)
		}
	}
	if n < 281+175+3 {
		t.Errorf("only %d units of 4 bytes", n)
	}
	for stop := 1; stop < len(seen); stop += 7 {
		k := 0
		for range disk.Damages(e) {
			if k++; k == stop {
				break
			}
		}
	}
}

// reads is what a program reads of a file.
func reads(t *testing.T, f *faultfs.FS, path string) string {
	t.Helper()
	h, err := f.OpenFile(path, 0)
	if err != nil {
		return err.Error()
	}
	p := make([]byte, 3000)
	n, _ := h.ReadAt(p, 0)
	return string(p[:n])
}
