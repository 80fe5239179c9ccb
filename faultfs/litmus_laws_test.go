package faultfs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// lawLitmus is a litmus test under one law; see litmus. "?" is noise.
type lawLitmus struct {
	law   faultfs.Law
	name  string
	setup string // made durable
	run   string
	want  []string
}

var lawLitmusTests = []lawLitmus{
	// A sync of a file persists its creating entry; entries in order in each directory.
	{faultfs.Ext4ish, "a synced file has its name", "", "create a; write a 0 N; sync a", []string{"a=N"}},
	{faultfs.Ext4ish, "a synced empty file has its name", "", "create a; sync a", []string{"a="}},
	{faultfs.Ext4ish, "a synced file has its name, by datasync", "", "create a; write a 0 N; datasync a", []string{"a=N"}},
	{faultfs.Ext4ish, "an unsynced file has none for sure", "", "create a; write a 0 N512", []string{"-", "a=", "a=.512", "a=N512"}},
	{faultfs.Ext4ish, "entries in order", "", "create a; create b; remove a", []string{"-", "a=", "a= b=", "b="}},
	{faultfs.Ext4ish, "a synced file takes the entries before it along", "create x", "remove x; create a; create b; sync b; create c",
		[]string{"a= b=", "a= b= c="}},
	{faultfs.Ext4ish, "directories do not wait for each other", "mkdir d", "create a; create d/b",
		[]string{"d/", "a= d/", "d/ d/b=", "a= d/ d/b="}},
	{faultfs.Ext4ish, "the directory of a synced file may be missing", "", "mkdir d; create d/a; sync d/a", []string{"-", "d/ d/a="}},
	{faultfs.Ext4ish, "a synced directory has its name", "", "mkdir d; create d/a; syncdir d", []string{"d/ d/a="}},
	{faultfs.Ext4ish, "a rename is not a creation", "create a; write a 0 X", "rename a b; sync a", []string{"a=X", "b=X"}},
	{faultfs.Ext4ish, "a rename waits in both directories", "mkdir d; create a", "create d/x; create y; rename a d/b",
		[]string{"a= d/", "a= d/ d/x=", "a= d/ y=", "a= d/ d/x= y=", "d/ d/b= d/x= y="}},
	{faultfs.Ext4ish, "a rename synced in one directory binds the other", "mkdir d; mkdir e; create d/a", "create e/x; rename d/a e/b; syncdir d",
		[]string{"d/ e/ e/b= e/x="}},
	{faultfs.Ext4ish, "sizes show what was not written", "create a; write a 0 O512", "write a 512 N512",
		[]string{"a=O512", "a=O512.512", "a=O512N512"}},
	{faultfs.Ext4ish, "a failed sync promises no name", "", "create a; write a 0 N; fault sync#1:EIO:F1; !sync a", []string{"-", "a="}},
	{faultfs.Ext4ish, "a failed sync promises no name, whatever persisted", "", "create a; write a 0 N; fault sync#1:EIO:F5=3; !sync a", []string{"-", "a=N"}},

	// Bytes before the size that shows them; entries and sizes in order everywhere.
	{faultfs.Ordered, "a size never shows what was not written", "create a; write a 0 O512", "write a 512 N512", []string{"a=O512", "a=O512N512"}},
	{faultfs.Ordered, "appends in order", "create a; write a 0 O512", "write a 512 A512; write a 1024 B512",
		[]string{"a=O512", "a=O512A512", "a=O512A512B512"}},
	{faultfs.Ordered, "overwrites in any order", "create a; write a 0 O1024", "write a 0 A512; write a 512 B512",
		[]string{"a=O1024", "a=A512O512", "a=O512B512", "a=A512B512"}},
	{faultfs.Ordered, "what lies before the end is free", "create a; write a 0 O512", "write a 256 N512",
		[]string{"a=O512", "a=O256N256", "a=O512N256", "a=O256N512"}},
	{faultfs.Ordered, "bytes first, then the size, after the name", "", "create a; write a 0 N512", []string{"-", "a=", "a=N512"}},
	{faultfs.Ordered, "growth without bytes is zeros", "create a; write a 0 O2", "trunc a 4", []string{"a=O2", "a=O2.2"}},
	{faultfs.Ordered, "sizes and entries wait for each other", "create b; write b 0 O; mkdir d", "write b 1 N; create a; create d/c",
		[]string{"b=O d/", "b=ON d/", "a= b=ON d/", "a= b=ON d/ d/c="}},
	{faultfs.Ordered, "cuts wait too", "create a; write a 0 O2; create b; write b 0 O", "trunc a 1; remove b", []string{"a=O2 b=O", "a=O b=O", "a=O"}},
	{faultfs.Ordered, "a synced size takes what came before along", "create b", "create a; write b 0 N; sync b", []string{"a= b=N"}},
	{faultfs.Ordered, "a synced overwrite takes nothing along", "create b; write b 0 O", "create a; write b 0 N; sync b", []string{"b=N", "a= b=N"}},
	{faultfs.Ordered, "a size that must persist takes its bytes along", "create a; write a 0 O512", "write a 512 N1024; create c; sync c",
		[]string{"a=O512N1024 c="}},
	{faultfs.Ordered, "a replaced file is old or new, but for its length zero", "create m; write m 0 O", "create t; write t 0 N; rename t m",
		[]string{"m=O", "m=O t=", "m=O t=N", "m=N"}},
	{faultfs.Ordered, "a synced file has its name", "", "create a; create b; sync b", []string{"a= b="}},

	// Prefixes of the log; every sync persists all before it.
	{faultfs.Prefix, "overwrites in order", "create a; write a 0 O1024", "write a 0 A512; write a 512 B512",
		[]string{"a=O1024", "a=A512O512", "a=A512B512"}},
	{faultfs.Prefix, "files in order", "create a; write a 0 O1024; create b; write b 0 O", "write a 0 N1024; write b 0 N",
		[]string{"a=O1024 b=O", "a=N1024 b=O", "a=N1024 b=N"}},
	{faultfs.Prefix, "a sync covers every file", "create a; write a 0 O; create b; write b 0 O", "write a 0 N; write b 0 N; sync b", []string{"a=N b=N"}},
	{faultfs.Prefix, "a sync covers every name", "create b; write b 0 O", "create a; write b 0 N; sync b; create c", []string{"a= b=N", "a= b=N c="}},
	{faultfs.Prefix, "a syncdir covers every file", "create a; write a 0 O", "write a 0 N; syncdir /", []string{"a=N"}},
	{faultfs.Prefix, "a failed sync covers nothing else", "create a; write a 0 O; create b", "write a 0 N; fault sync#1:EIO:F1; !sync b", []string{"a=O b=", "a=N b="}},
	{faultfs.Prefix, "the write in flight tears", "create a; write a 0 O1536", "write a 0 N1536",
		[]string{"a=O1536", "a=N512O1024", "a=O512N512O512", "a=O1024N512", "a=N1024O512", "a=N512O512N512", "a=O512N1024", "a=N1536"}},
	{faultfs.Prefix, "an append in flight is there or not", "create a; write a 0 O512", "write a 512 N1024", []string{"a=O512", "a=O512N1024"}},
	{faultfs.Prefix, "a replaced file", "create m; write m 0 O", "create t; write t 0 N; rename t m", []string{"m=O", "m=O t=", "m=O t=N", "m=N"}},
	{faultfs.Prefix, "a removal is not undone behind later writes", "create a; create b; write b 0 O", "remove a; write b 0 N", []string{"a= b=O", "b=O", "b=N"}},

	// Noise or old bytes where a write's size persists and its bytes do not.
	{faultfs.Garbage, "an append", "create a; write a 0 O512", "write a 512 N512", []string{"a=O512", "a=O512?512", "a=O512N512"}},
	{faultfs.Garbage, "an append inside a sector", "create a; write a 0 O100", "write a 100 N60", []string{"a=O100", "a=O100?60", "a=O100N60"}},
	{faultfs.Garbage, "an overwrite shows no garbage", "create a; write a 0 O512", "write a 0 N512", []string{"a=O512", "a=N512"}},
	{faultfs.Garbage, "half before the end", "create a; write a 0 O256", "write a 128 N256",
		[]string{"a=O256", "a=O128N128", "a=O256?128", "a=O128N256"}},
	{faultfs.Garbage, "two appends", "create a; write a 0 O512", "write a 512 A512; write a 1024 B512",
		[]string{"a=O512", "a=O512?512", "a=O512A512", "a=O512?1024", "a=O512A512?512", "a=O512?512B512", "a=O512A512B512"}},
	{faultfs.Garbage, "one append over another", "create a; write a 0 O512", "write a 512 A512; write a 512 B1024",
		[]string{"a=O512", "a=O512?512", "a=O512A512", "a=O512B512", "a=O512?1024", "a=O512?512B512", "a=O512A512?512", "a=O512A512B512",
			"a=O512B512?512", "a=O512B1024"}},
	{faultfs.Garbage, "grown by truncate: zeros", "create a; write a 0 O2", "trunc a 4", []string{"a=O2", "a=O2.2"}},
	{faultfs.Garbage, "grown by allocate: zeros", "create a; write a 0 O512", "alloc a 0 1024", []string{"a=O512", "a=O512.512"}},
	{faultfs.Garbage, "a gap is zeros", "create a; write a 0 O512", "write a 1024 N512", []string{"a=O512", "a=O512.512?512", "a=O512.512N512"}},
	{faultfs.Garbage, "synced: no garbage", "create a; write a 0 O512", "write a 512 N512; sync a", []string{"a=O512N512"}},
	{faultfs.Garbage, "a new file", "", "create a; write a 0 N512; syncdir /", []string{"a=", "a=?512", "a=N512"}},
	{faultfs.Garbage, "old bytes of a removed file", "create x; write x 0 X512", "close x; remove x; syncdir /; create a; write a 0 N512; syncdir /",
		[]string{"a=", "a=?512", "a=X512", "a=N512"}},
	{faultfs.Garbage, "old bytes of a file whose removal persists", "create x; write x 0 X512; create a", "remove x; write a 0 N512",
		[]string{"a= x=X512", "a=?512 x=X512", "a=N512 x=X512", "a=", "a=?512", "a=X512", "a=N512"}},
	{faultfs.Garbage, "old bytes of a replaced file", "create m; write m 0 O512", "create t; write t 0 N512; rename t m; syncdir /",
		[]string{"m=", "m=?512", "m=O512", "m=N512"}},
	{faultfs.Garbage, "old bytes of a cut tail", "create a; write a 0 O1024", "trunc a 512; sync a; write a 512 N512",
		[]string{"a=O512", "a=O512?512", "a=O1024", "a=O512N512"}},
	{faultfs.Garbage, "a shrink in between", "create a; write a 0 O1024", "trunc a 512; write a 512 N512",
		[]string{"a=O1024", "a=O512", "a=O512?512", "a=O512N512"}},

	// Renames in steps.
	{faultfs.SplitRename, "both names, neither name", "create a; write a 0 X", "rename a b", []string{"a=X", "a=X b=X", "-", "b=X"}},
	{faultfs.SplitRename, "the new name with the old target", "create a; write a 0 N; create b; write b 0 O", "rename a b",
		[]string{"a=N b=O", "a=N", "a=N b=N", "b=O", "-", "b=N"}},
	{faultfs.SplitRename, "synced", "create a; write a 0 N; create b; write b 0 O", "rename a b; syncdir /", []string{"b=N"}},
	{faultfs.SplitRename, "a file replaced through a temporary one", "create m; write m 0 O", "create t; write t 0 N; sync t; rename t m",
		[]string{"m=O", "m=O t=N", "m=N", "m=N t=N", "-", "t=N"}},
	{faultfs.SplitRename, "a target that was removed before", "create a; write a 0 N; create b; write b 0 O", "remove b; rename a b",
		[]string{"a=N b=O", "a=N", "a=N b=N", "b=O", "-", "b=N"}},
	{faultfs.SplitRename, "between directories", "mkdir d; mkdir e; create d/a", "rename d/a e/b",
		[]string{"d/ d/a= e/", "d/ d/a= e/ e/b=", "d/ e/", "d/ e/ e/b="}},
	{faultfs.SplitRename, "a directory", "mkdir d; create d/a", "rename d e", []string{"d/ d/a=", "d/ d/a= e/ e/a=", "-", "e/ e/a="}},
	{faultfs.SplitRename, "twice", "create a; write a 0 X", "rename a b; rename b c",
		[]string{"a=X", "a=X b=X", "-", "b=X", "a=X c=X", "c=X", "a=X b=X c=X", "b=X c=X"}},

	// A sector in flight loses all of its bytes.
	{faultfs.NoPSOW, "durable bytes of the sector go too", "create a; write a 0 O512", "write a 0 N16", []string{"a=O512", "a=N16O496", "a=.512", "a=?512"}},
	{faultfs.NoPSOW, "an append takes what stands before it", "create a; write a 0 O100", "write a 100 N100",
		[]string{"a=O100", "a=O100.100", "a=O100N100", "a=.100", "a=?100", "a=.200", "a=?200"}},
	{faultfs.NoPSOW, "one sector at a time", "create a; write a 0 O1024", "write a 0 N1024",
		[]string{"a=O1024", "a=N512O512", "a=O512N512", "a=N1024", "a=.512O512", "a=?512O512", "a=.512N512", "a=?512N512",
			"a=O512.512", "a=O512?512", "a=N512.512", "a=N512?512"}},
	{faultfs.NoPSOW, "other sectors and files stay", "create a; write a 0 O1024; create b; write b 0 O512", "write a 512 N512",
		[]string{"a=O1024 b=O512", "a=O512N512 b=O512", "a=O512.512 b=O512", "a=O512?512 b=O512"}},
	{faultfs.NoPSOW, "synced sectors are safe", "create a; write a 0 O512", "write a 0 N512; sync a; create b", []string{"a=N512", "a=N512 b="}},
	{faultfs.NoPSOW, "any sector that no sync has covered", "create a; write a 0 O512; create b; write b 0 O512", "write a 0 A512; write b 0 B512",
		[]string{"a=O512 b=O512", "a=A512 b=O512", "a=O512 b=B512", "a=A512 b=B512", "a=.512 b=O512", "a=?512 b=O512", "a=.512 b=B512", "a=?512 b=B512",
			"a=O512 b=.512", "a=O512 b=?512", "a=A512 b=.512", "a=A512 b=?512"}},

	{faultfs.NoPSOW, "with every subset of the rest", "create a; write a 0 O512; create c", "write a 0 N512; create b; remove c",
		[]string{"a=O512 c=", "a=O512", "a=O512 b= c=", "a=O512 b=", "a=N512 c=", "a=N512", "a=N512 b= c=", "a=N512 b=",
			"a=.512 c=", "a=.512", "a=.512 b= c=", "a=.512 b=", "a=?512 c=", "a=?512", "a=?512 b= c=", "a=?512 b="}},
	{faultfs.NoPSOW, "a cut inside a sector writes it", "create a; write a 0 O1024", "trunc a 600",
		[]string{"a=O1024", "a=O600", "a=O512.88", "a=O512?88"}},
	{faultfs.NoPSOW, "a cut between sectors writes none", "create a; write a 0 O1024", "trunc a 512", []string{"a=O1024", "a=O512"}},

	// Processes end, the machine does not.
	{faultfs.Kill, "writes stay", "create a; write a 0 O", "write a 0 N", []string{"a=N"}},
	{faultfs.Kill, "names stay", "create a; write a 0 X", "rename a b; create c", []string{"b=X c="}},
	{faultfs.Kill, "a removed file ends with its handles", "create a; write a 0 O", "remove a; write a 0 N", []string{"-"}},
	{faultfs.Kill, "what memory has after a failed sync", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO:F1; !sync a", []string{"a=N"}},
	{faultfs.Kill, "what memory has after a reverted one", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO:F2; !sync a", []string{"a=O"}},
}

func TestLitmusUnderLaws(t *testing.T) {
	for _, l := range lawLitmusTests {
		t.Run(l.law.String()+"/"+l.name, func(t *testing.T) {
			for _, sector := range sectorSizes {
				s := newScaledScript(t, sector)
				s.run(l.setup)
				s.run("settle")
				s.run(l.run)
				want := s.scaled(l.want...)
				if diff := diffSets(outcomesUnder(t, s.fs.State(), l.law), want); diff != "" {
					t.Errorf("sectors of %d, after %q:%s", sector, l.run, diff)
				}
				replayed := s.fs.Log().StateAfter(s.fs.Seq())
				if diff := diffSets(outcomesUnder(t, replayed, l.law), want); diff != "" {
					t.Errorf("sectors of %d, replay of the log after %q:%s", sector, l.run, diff)
				}
			}
		})
	}
}

// TestByteCutsUnderLaws tears an append inside its sector.
func TestByteCutsUnderLaws(t *testing.T) {
	for _, test := range []struct {
		law  faultfs.Law
		run  string
		want []string
	}{
		{faultfs.Posix, "write a 512 N512", []string{"a=O512", "a=O512.512", "a=O512N512", "a=O512N.511", "a=O512N256.256", "a=O512N511."}},
		{faultfs.Ext4ish, "write a 512 N512", []string{"a=O512", "a=O512.512", "a=O512N512", "a=O512N.511", "a=O512N256.256", "a=O512N511."}},
		{faultfs.Garbage, "write a 512 N512", []string{"a=O512", "a=O512?512", "a=O512N512", "a=O512N?511", "a=O512N256?256", "a=O512N511?"}},
		{faultfs.Ordered, "write a 512 N512", []string{"a=O512", "a=O512N512"}},
		{faultfs.Prefix, "write a 512 N512", []string{"a=O512", "a=O512N512"}},
		{faultfs.Ordered, "write a 0 N512", []string{"a=O512", "a=N512", "a=NO511", "a=N256O256", "a=N511O"}},
		{faultfs.Prefix, "write a 0 N512", []string{"a=O512", "a=N512", "a=NO511", "a=N256O256", "a=N511O"}},
		{faultfs.NoPSOW, "write a 0 N512", []string{"a=O512", "a=N512", "a=.512", "a=?512"}},
	} {
		s := pendingState(t, "create a; write a 0 O512", test.run)
		e := faultfs.Enum{ByteCuts: true, Profile: faultfs.Profile{Law: test.law}}
		if diff := diffSets(noisyOutcomes(t, s, e, false), test.want); diff != "" {
			t.Errorf("%v, %s:%s", test.law, test.run, diff)
		}
	}
}

// TestNoGarbageOverBytes lets the first of two writes persist without its size,
// which the size of the second one shows.
func TestNoGarbageOverBytes(t *testing.T) {
	s := pendingState(t, "create a; write a 0 O512", "write a 512 A512; write a 512 B1024")
	sel := faultfs.Of(1, 2) // the bytes of the first, the size of the second
	for seed := range uint64(4) {
		f := s.Under(faultfs.Profile{Law: faultfs.Garbage, Seed: seed}).Crash(sel)
		data, err := f.ReadFile("/a")
		if err != nil {
			t.Fatal(err)
		}
		if got := pack(data[:1024]); got != "O512A512" || len(data) != 1536 || strings.Contains(pack(data[1024:]), "512") {
			t.Errorf("seed %d: %s and %d bytes", seed, got, len(data)-1024)
		}
	}
}

// TestGarbageInTheLockFile looks at a call that cuts a file and writes it.
func TestGarbageInTheLockFile(t *testing.T) {
	s := newScript(t, faultfs.New(faultfs.Options{Sector: 512}))
	s.run("create L; write L 0 O100; settle")
	l, err := s.fs.Lock("/L", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetHolder(strings.Repeat("N", 50)); err != nil {
		t.Fatal(err)
	}
	want := []string{"L=O100", "L=N50O50", "L=", "L=?50", "L=N50"}
	if diff := diffSets(outcomesUnder(t, s.fs.State(), faultfs.Garbage), want); diff != "" {
		t.Error(diff)
	}
}

// outcomesUnder is every disk that a crash may leave under a law, sorted, with
// noise as "?". What differs from seed to seed is noise; old bytes are those
// of some file.
func outcomesUnder(t *testing.T, s *faultfs.State, law faultfs.Law) []string {
	t.Helper()
	if law != faultfs.Garbage && law != faultfs.NoPSOW {
		return outcomes(t, s, faultfs.Enum{MaxSubset: 16, Profile: faultfs.Profile{Law: law}})
	}
	return noisyOutcomes(t, s, faultfs.Enum{MaxSubset: 16, Profile: faultfs.Profile{Law: law}}, true)
}

// noisyOutcomes takes content of letters alone for old bytes where there may be
// some.
func noisyOutcomes(t *testing.T, s *faultfs.State, e faultfs.Enum, old bool) []string {
	t.Helper()
	disks := map[string][]map[string][]byte{} // by selection, one for each seed
	for seed := range uint64(8) {
		p := faultfs.Profile{Law: e.Profile.Law, Seed: seed}
		e.Profile = p
		for sel := range s.Selections(e) {
			disk := map[string][]byte{}
			f := s.Under(p).Crash(sel)
			for _, name := range f.List() {
				data, err := f.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				disk[name] = data
			}
			disks[sel.String()] = append(disks[sel.String()], disk)
		}
	}
	var list []string
	for _, seeds := range disks {
		for _, disk := range seeds {
			var parts []string
			for name, data := range disk {
				parts = append(parts, name[1:]+"="+pack(maskNoise(data, name, seeds, old)))
			}
			slices.Sort(parts)
			if text := strings.Join(parts, " "); text == "" {
				list = append(list, "-")
			} else {
				list = append(list, text)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// maskNoise puts "?" for the bytes in which the noisy versions of a file differ.
func maskNoise(data []byte, name string, seeds []map[string][]byte, old bool) []byte {
	plain := func(p []byte) bool {
		return old && !slices.ContainsFunc(p, func(c byte) bool { return c != 0 && (c < 'A' || c > 'Z') })
	}
	if plain(data) {
		return data
	}
	masked := slices.Clone(data)
	for _, disk := range seeds {
		other := disk[name]
		if plain(other) || len(other) != len(data) {
			continue
		}
		for i, c := range other {
			if c != data[i] {
				masked[i] = '?'
			}
		}
	}
	return masked
}
