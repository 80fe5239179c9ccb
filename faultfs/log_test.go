package faultfs_test

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

func TestFingerprint(t *testing.T) {
	run := func(text string) faultfs.Digest {
		s := newScript(t, faultfs.New(faultfs.Options{}))
		s.run(text)
		return s.fs.Log().Fingerprint()
	}
	const base = "create a; write a 0 A; sync a"
	first := run(base)
	if again := run(base); again != first {
		t.Error("two equal runs differ")
	}
	for _, other := range []string{"create a; write a 0 B; sync a", "create a; write a 1 A; sync a", "create a; write a 0 A; datasync a",
		"create a; write a 0 A", base + "; !remove b", "create a; write a 0 A; fault sync#1:EIO:F3; !sync a"} {
		if run(other) == first {
			t.Errorf("%q has the fingerprint of %q", other, base)
		}
	}
}

// TestDoubleCrash crashes in the middle of what was done after a crash: each
// disk made from an image has a log of its own.
func TestDoubleCrash(t *testing.T) {
	s := newScript(t, faultfs.New(faultfs.Options{}))
	s.run("create a; write a 0 O; settle; write a 0 N")
	var all []string
	for im := range s.fs.State().Images(faultfs.Enum{}) {
		next := newScript(t, im.FS())
		next.run("write a 1 M; sync a; create b")
		for state := range next.fs.Log().Points() {
			all = append(all, outcomes(t, state, faultfs.Enum{})...)
		}
	}
	want := []string{"a=O", "a=O.", "a=OM", "a=OM b=", "a=N", "a=N.", "a=NM", "a=NM b="}
	if diff := diffSets(all, want); diff != "" {
		t.Errorf("after two crashes:%s", diff)
	}
}
