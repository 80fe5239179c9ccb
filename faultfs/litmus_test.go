package faultfs_test

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// litmus is a small program and the exact set of disks that a power cut after
// it may leave: an outcome that is missing in the list is forbidden, and every
// one in the list must be reached by some selection. Sectors have 512 bytes; with
// larger ones all numbers grow alike.
type litmus struct {
	name  string
	setup string // made durable
	run   string
	live  string // what programs see after run, when that is of interest
	want  []string
}

var litmusTests = []litmus{
	// Data.
	{"nothing pending", "create a; write a 0 O512", "", "", []string{"a=O512"}},
	{"overwrite unsynced", "create a; write a 0 O512", "write a 0 N512", "a=N512", []string{"a=O512", "a=N512"}},
	{"overwrite synced", "create a; write a 0 O512", "write a 0 N512; sync a", "", []string{"a=N512"}},
	{"overwrite data-synced", "create a; write a 0 O512", "write a 0 N512; datasync a", "", []string{"a=N512"}},
	{"two writes in any order", "create a; write a 0 O1024", "write a 0 A512; write a 512 B512", "",
		[]string{"a=O1024", "a=A512O512", "a=O512B512", "a=A512B512"}},
	{"two writes of one sector: the last chosen wins", "create a; write a 0 O512", "write a 0 A512; write a 0 B512", "",
		[]string{"a=O512", "a=A512", "a=B512"}},
	{"two writes within one sector", "create a; write a 0 O4", "write a 0 A; write a 3 B", "",
		[]string{"a=O4", "a=AO3", "a=O3B", "a=AO2B"}},
	{"one write of three sectors tears", "create a; write a 0 O1536", "write a 0 N1536", "",
		[]string{"a=O1536", "a=N512O1024", "a=O512N512O512", "a=O1024N512", "a=N1024O512", "a=N512O512N512", "a=O512N1024", "a=N1536"}},
	{"write across a sector border", "create a; write a 0 O1024", "write a 511 N2", "a=O511N2O511",
		[]string{"a=O1024", "a=O511NO512", "a=O512NO511", "a=O511N2O511"}},
	{"sync between two writes", "create a; write a 0 O1024", "write a 0 A512; sync a; write a 512 B512", "",
		[]string{"a=A512O512", "a=A512B512"}},
	{"sync covers its file only", "create a; write a 0 O; create b; write b 0 O", "write a 0 N; write b 0 N; sync a", "",
		[]string{"a=N b=O", "a=N b=N"}},
	{"sync through another handle", "create a; write a 0 O", "write a 0 N; open a; sync a", "", []string{"a=N"}},
	{"close makes nothing durable", "create a; write a 0 O", "write a 0 N; close a", "a=N", []string{"a=O", "a=N"}},
	{"syncdir says nothing about data", "create a; write a 0 O", "write a 0 N; syncdir /", "", []string{"a=O", "a=N"}},

	// Sizes.
	{"append: size without data reads zeros, data without size is not seen", "create a; write a 0 O512", "write a 512 N512", "",
		[]string{"a=O512", "a=O512.512", "a=O512N512"}},
	{"append synced", "create a; write a 0 O512", "write a 512 N512; datasync a", "", []string{"a=O512N512"}},
	{"append inside a sector", "create a; write a 0 O2", "write a 2 N2", "", []string{"a=O2", "a=O2.2", "a=O2N2"}},
	{"two appends", "create a; write a 0 O512", "write a 512 A512; write a 1024 B512", "",
		[]string{"a=O512", "a=O512.512", "a=O512A512", "a=O512.1024", "a=O512A512.512", "a=O512.512B512", "a=O512A512B512"}},
	{"shrink", "create a; write a 0 O1024", "trunc a 512", "a=O512", []string{"a=O1024", "a=O512"}},
	{"shrink synced", "create a; write a 0 O1024", "trunc a 512; sync a", "", []string{"a=O512"}},
	{"shrink, then append", "create a; write a 0 O1024", "trunc a 512; write a 512 N512", "",
		[]string{"a=O1024", "a=O512", "a=O512.512", "a=O512N512"}},
	{"shrink, then grow again", "create a; write a 0 O1024", "trunc a 100; trunc a 1024", "a=O100.924",
		[]string{"a=O1024", "a=O100", "a=O100.924"}},
	{"shrink, then grow by less", "create a; write a 0 O1024", "trunc a 100; trunc a 500", "a=O100.400",
		[]string{"a=O1024", "a=O100", "a=O100.400"}},
	{"grow", "create a; write a 0 O2", "trunc a 4", "", []string{"a=O2", "a=O2.2"}},
	{"allocate", "create a; write a 0 O512", "alloc a 0 1024", "a=O512.512", []string{"a=O512", "a=O512.512"}},
	{"allocate synced", "create a; write a 0 O512", "alloc a 512 512; sync a", "", []string{"a=O512.512"}},
	{"allocate inside changes nothing", "create a; write a 0 O512", "alloc a 0 512", "", []string{"a=O512"}},

	// Names.
	{"create", "", "create a", "a=", []string{"-", "a="}},
	{"create and write", "", "create a; write a 0 N512", "", []string{"-", "a=", "a=.512", "a=N512"}},
	{"create, write, sync: the name may be missing", "", "create a; write a 0 N; sync a", "", []string{"-", "a=N"}},
	{"create, write, syncdir: the bytes may be missing", "", "create a; write a 0 N; syncdir /", "", []string{"a=", "a=.", "a=N"}},
	{"create, write, sync, syncdir", "", "create a; write a 0 N; sync a; syncdir /", "", []string{"a=N"}},
	{"remove", "create a; write a 0 O", "remove a", "-", []string{"a=O", "-"}},
	{"remove and syncdir", "create a; write a 0 O", "remove a; syncdir /", "", []string{"-"}},
	{"write, then remove", "create a; write a 0 O", "write a 0 N; remove a", "-", []string{"a=O", "a=N", "-"}},
	{"write a removed file", "create a; write a 0 O", "remove a; syncdir /; write a 0 N; sync a", "-", []string{"-"}},
	{"remove and create anew", "create a; write a 0 O", "close a; remove a; create a; write a 0 N; sync a", "a=N",
		[]string{"a=O", "-", "a=N"}},
	{"rename", "create a; write a 0 X", "rename a b", "b=X", []string{"a=X", "b=X"}},
	{"rename and syncdir", "create a; write a 0 X", "rename a b; syncdir /", "", []string{"b=X"}},
	{"rename over a file", "create a; write a 0 N; create b; write b 0 O", "rename a b", "b=N", []string{"a=N b=O", "b=N"}},
	{"sync does not make a rename durable", "create a; write a 0 X", "rename a b; sync a", "", []string{"a=X", "b=X"}},
	{"rename there and back", "create a; write a 0 X", "rename a b; rename b a", "a=X", []string{"a=X", "b=X"}},
	{"replace a file", "create m; write m 0 O", "create t; write t 0 N; sync t; rename t m", "m=N",
		[]string{"m=O", "m=O t=N", "m=N"}},
	{"replace a file without syncing it: it may come out empty", "create m; write m 0 O", "create t; write t 0 N; rename t m", "",
		[]string{"m=O", "m=O t=", "m=O t=.", "m=O t=N", "m=", "m=.", "m=N"}},
	{"replace a file, all synced", "create m; write m 0 O", "create t; write t 0 N; sync t; rename t m; syncdir /", "", []string{"m=N"}},
	{"a new file under an old name, renamed", "create t; write t 0 O", "close t; remove t; create t; write t 0 N; sync t; rename t m", "m=N",
		[]string{"t=O", "-", "t=N", "m=N"}},
	{"names in any order", "", "create a; create b", "", []string{"-", "a=", "b=", "a= b="}},
	{"lock makes a file", "", "lock LOCK", "", []string{"-", "LOCK="}},

	// Directories.
	{"a directory in a directory that was not synced", "", "mkdir d; create d/a; syncdir d", "", []string{"-", "d/ d/a="}},
	{"syncdir covers its directory only", "mkdir d", "create d/a; create b; syncdir /", "", []string{"b= d/", "b= d/ d/a="}},
	{"rename between directories is one step", "mkdir d; mkdir e; create d/a", "rename d/a e/b", "d/ e/ e/b=",
		[]string{"d/ d/a= e/", "d/ e/ e/b="}},
	{"rename between directories, new one synced", "mkdir d; mkdir e; create d/a", "rename d/a e/b; syncdir e", "", []string{"d/ e/ e/b="}},
	{"rename between directories, old one synced", "mkdir d; mkdir e; create d/a", "rename d/a e/b; syncdir d", "", []string{"d/ e/ e/b="}},
	{"rename between directories takes the creation along", "mkdir d", "create a; rename a d/b; syncdir d", "", []string{"d/ d/b="}},
	{"rename a directory", "mkdir d; create d/a", "rename d e", "e/ e/a=", []string{"d/ d/a=", "e/ e/a="}},
	{"remove a directory", "mkdir d", "remove d", "-", []string{"d/", "-"}},

	// Failed syncs.
	{"failed before it did anything: it may be tried again", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO; !sync a", "a=N", []string{"a=O", "a=N"}},
	{"failed before, tried again", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO; !sync a; sync a", "", []string{"a=N"}},
	{"F1: clean in memory, old on the disk", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO:F1; !sync a; sync a", "a=N", []string{"a=O"}},
	{"F1, written again", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO:F1; !sync a; write a 0 N; sync a", "", []string{"a=N"}},
	{"F1 loses a growth until the place is written again", "create a; write a 0 O", "write a 1 N; fault sync#1:EIO:F1; !sync a; write a 1 M; sync a", "", []string{"a=OM"}},
	{"F1 loses a growth", "create a; write a 0 O", "write a 1 N; fault sync#1:EIO:F1; !sync a; write a 0 P; sync a", "a=PN", []string{"a=P"}},
	{"F1 loses a shrink", "create a; write a 0 O2", "trunc a 1; fault sync#1:EIO:F1; !sync a; sync a", "a=O", []string{"a=O2"}},
	{"F1 loses a shrink, cut again", "create a; write a 0 O2", "trunc a 1; fault sync#1:EIO:F1; !sync a; trunc a 1; sync a", "", []string{"a=O"}},
	{"F1 spares other files", "create a; write a 0 O; create b; write b 0 O", "write a 0 N; write b 0 N; fault sync#1:EIO:F1; !sync a; sync b", "", []string{"a=O b=N"}},
	{"F1 of a directory", "", "create a; fault syncdir#1:EIO:F1; !syncdir /; syncdir /", "a=", []string{"-"}},
	{"F2: old in memory too", "create a; write a 0 O2", "write a 1 N; fault sync#1:EIO:F2; !sync a", "a=O2", []string{"a=O2"}},
	{"F2 takes a growth back", "create a; write a 0 O", "write a 1 N; fault sync#1:EIO:F2; !sync a; write a 1 M; sync a", "a=OM", []string{"a=OM"}},
	{"F3: failed and durable", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO:F3; !sync a", "a=N", []string{"a=N"}},
	{"F4: durable, the next sync fails", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO:F4; sync a", "", []string{"a=N"}},
	{"F4: told once", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO:F4; sync a; open a; !datasync a; sync a", "", []string{"a=N"}},
	{"F4 of a directory", "", "create a; fault syncdir#1:EIO:F4; syncdir /; !syncdir /; syncdir /", "a=", []string{"a="}},
	{"F5: the first of three sectors", "create a; write a 0 O1536", "write a 0 N1536; fault sync#1:EIO:F5=1; !sync a; sync a", "a=N1536", []string{"a=N512O1024"}},
	{"F5: the other half of them", "create a; write a 0 O1536", "write a 0 N1536; fault sync#1:EIO:F5=aaaaaaaaaaaaaaaa; !sync a; sync a", "", []string{"a=O512N512O512"}},
	{"F5: one rename, kept", "create a; write a 0 N; sync a; syncdir /", "rename a b; fault syncdir/*#1:EIO:F5; !syncdir /", "b=N", []string{"b=N"}},
	{"F5: one rename, lost", "create a; write a 0 N; sync a; syncdir /", "rename a b; fault syncdir/*#1:EIO:F5=aaaaaaaaaaaaaaaa; !syncdir /; syncdir /", "b=N", []string{"a=N"}},
	{"F5: every second sector", "create a; write a 0 O1536", "write a 0 N1536; fault sync#1:EIO:F5; !sync a; sync a", "", []string{"a=N512O512N512"}},

	{"F5: a cut persists, the growth before it does not", "create a; write a 0 O512", "write a 512 N1024; trunc a 1024; fault sync#1:EIO:F5=8; !sync a",
		"a=O512N512", []string{"a=O512"}},

	// The end of a process, and of the machine after it.
	{"kill, then power", "create a; write a 0 O", "write a 0 N; kill", "a=N", []string{"a=O", "a=N"}},
	{"kill, synced by the next process", "create a; write a 0 O", "write a 0 N; kill; sync a", "", []string{"a=N"}},
	{"kill, read but not synced", "", "create a; write a 0 N; sync a; kill; open a; close a", "a=N", []string{"-", "a=N"}},
	{"kill after F1: memory lies on", "create a; write a 0 O", "write a 0 N; fault sync#1:EIO:F1; !sync a; kill; sync a", "a=N", []string{"a=O"}},
	{"kill ends a removed file", "create a; write a 0 O", "remove a; kill", "-", []string{"a=O", "-"}},
	{"power cut, then written again", "create a; write a 0 O", "write a 0 N; power; write a 0 M", "a=M", []string{"a=O", "a=M"}},
}

func TestLitmus(t *testing.T) {
	for _, l := range litmusTests {
		t.Run(l.name, func(t *testing.T) {
			for _, sector := range sectorSizes {
				l.check(t, newScaledScript(t, sector))
			}
		})
	}
}

func (l litmus) check(t *testing.T, s *script) {
	s.run(l.setup)
	s.run("settle")
	s.run(l.run)
	if got := show(t, s.fs); l.live != "" && got != s.scaled(l.live)[0] {
		t.Errorf("live view: %s, want %s", got, l.live)
	}
	want := s.scaled(l.want...)
	got := outcomes(t, s.fs.State(), faultfs.Enum{MaxSubset: 16})
	if diff := diffSets(got, want); diff != "" {
		t.Errorf("after %q:%s", l.run, diff)
	}
	replayed := outcomes(t, s.fs.Log().StateAfter(s.fs.Seq()), faultfs.Enum{MaxSubset: 16})
	if diff := diffSets(replayed, want); diff != "" {
		t.Errorf("replay of the log after %q:%s\n%v", l.run, diff, s.fs.Log())
	}
}
