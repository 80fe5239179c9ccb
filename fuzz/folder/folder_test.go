package folder

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"github.com/quiverdb/quiverdb-go/fuzz/native"
	"github.com/quiverdb/quiverdb-go/quiver"
)

func run(f *testing.F, target string) {
	property := Properties()[target]
	native.Run(f, func(data []byte) error {
		growStack()
		return property(data)
	})
}

// growStack makes room on the stack at once. Every input has a fresh goroutine, with
// next to nothing on its stack as yet: to grow it deep in a call means to walk through
// and to move all that stands there, several times for an input.
//
//go:noinline
func growStack() {
	var room [24 << 10]byte
	runtime.KeepAlive(&room)
}

func FuzzFolder(f *testing.F) { run(f, "FuzzFolder") }
func FuzzLog(f *testing.F)    { run(f, "FuzzLog") }
func FuzzBackup(f *testing.F) { run(f, "FuzzBackup") }

// TestScenes: every scene holds what is noted of it.
func TestScenes(t *testing.T) {
	if n := len(Scenes()); n < 8 {
		t.Fatalf("%d scenes", n)
	}
	for i, s := range Scenes() {
		r := ReadRecipe([]byte{byte(i)})
		d, err := r.disk()
		must(t, err)
		db, v, err := r.open(d, true, false)
		must(t, err)
		if s.Half {
			if !errors.Is(v.opened, quiver.ErrIncomplete) {
				t.Errorf("%s: %v", s.Name, v.opened)
			}
			continue
		}
		if db == nil || !v.sound() {
			t.Fatalf("%s: %+v", s.Name, v)
		}
		must(t, db.Close())
		if d := diff(s.Now, v.scan); d != "" {
			t.Errorf("%s: %s", s.Name, d)
		}
		if len(s.Ever) == 0 && s.Name != "empty" {
			t.Errorf("%s is empty", s.Name)
		}
		for id, want := range s.Kept {
			if k := v.kept[id]; k == nil || k.err != nil || diff(want, k.pairs) != "" {
				t.Errorf("%s: snapshot %s is %+v", s.Name, id, k)
			}
		}
	}
}

// TestAnswersAreJudged: answers that are wrong in one way each are found.
func TestAnswersAreJudged(t *testing.T) {
	const clean = 1
	plain := func() (*Recipe, *view) {
		r := ReadRecipe([]byte{clean, 0, opFlip, 0, 100, 0, 1})
		if r.Scene.Name != "clean" || !r.Plain || !r.Single {
			t.Fatalf("%+v", r)
		}
		return r, &view{got: map[string][]byte{}, scan: map[string][]byte{}, refused: map[string]error{}}
	}
	for name, spoil := range map[string]func(v *view){
		"a value that never was": func(v *view) { v.got["long"] = []byte("other") },
		"a value of the past":    func(v *view) { v.got["key 03"] = text("key 03", 1, 700) },
		"a missing key":          func(v *view) { delete(v.got, "long") },
		"a deleted key":          func(v *view) { v.got["longer"] = text("longer", 1, 5000) },
	} {
		r, v := plain()
		for key, value := range r.Scene.Now {
			v.got[key] = value
		}
		if err := r.right(v); err != nil {
			t.Fatal(err)
		}
		spoil(v)
		if r.right(v) == nil {
			t.Errorf("%s is not found", name)
		}
		other := &view{got: map[string][]byte{}}
		for key, value := range r.Scene.Now {
			other.got[key] = value
		}
		if sameAnswers(v, other) == nil {
			t.Errorf("%s: the difference of two handles is not found", name)
		}
	}
	r, v := plain()
	v.got["long"] = []byte("x")
	if r.consistent(v) == nil {
		t.Error("a get that differs from the scan is not found")
	}
	if r.typed(quiver.ErrPoisoned) == nil || r.typed(&quiver.CorruptionError{Path: "elsewhere"}) == nil {
		t.Error("an error without a type or place is accepted")
	}
}

// TestRecipes: operations do what they are called, on copies.
func TestRecipes(t *testing.T) {
	fresh, err := readScenes(scenesZip)
	must(t, err)
	same := map[string]*Scene{}
	for _, s := range fresh {
		same[s.Name] = s
	}
	for i, s := range Scenes() {
		for op := range byte(16) {
			for _, seal := range []byte{0, sealBit} {
				for which := range byte(6) {
					ReadRecipe([]byte{byte(i), 0, op | seal, which, 3, 2, 1, 4, 9, 9})
				}
			}
		}
		for name, b := range same[s.Name].Files {
			if !bytes.Equal(s.Files[name], b) {
				t.Errorf("%s: a recipe has changed %s of the scene", s.Name, name)
			}
		}
	}
}
