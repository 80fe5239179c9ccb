package quiver_test

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// fileNames are the files that make a database.
func fileNames() []string { return []string{"meta", "dir", "free", logName, "data-000001.p1seg"} }

// whole spoils a file as a whole.
func (tr *trial) whole(what, file string, apply func(f *faultfs.FS, path string) error) {
	tr.t.Helper()
	tr.try(damage{
		name: what + " " + file, file: file, off: -1,
		apply: func(f *faultfs.FS) error { return apply(f, "/db/"+file) },
	})
}

func TestDamageWholeFiles(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		contents := map[string][]byte{"empty": {}, "noise": []byte(blob("noise", 3000)), "text": bytes.Repeat([]byte("text "), 30)}
		for _, name := range fileNames() {
			contents["a copy of "+name] = tr.s.bytes(tr.t, name)
		}
		for _, file := range fileNames() {
			tr.whole("missing:", file, func(f *faultfs.FS, path string) error { return f.RemoveFile(path) })
			size := int(tr.s.size(tr.t, file))
			contents["zeros of its size"] = make([]byte, size)
			contents["noise of its size"] = []byte(blob("noise of "+file, size))
			for _, what := range pairsOfBytes(contents).sortedKeys() {
				if what != "a copy of "+file {
					tr.whole(what+" in place of", file, func(f *faultfs.FS, path string) error { return f.WriteFile(path, contents[what]) })
				}
			}
		}
	})
}

func pairsOfBytes(m map[string][]byte) pairs {
	p := pairs{}
	for k := range m {
		p[k] = ""
	}
	return p
}

// A directory in the place of a file, and a file that the system refuses to
// open, read or tell about: its error passes, or one of ours.
func TestDamageFilesThatTheSystemRefuses(t *testing.T) {
	classes := map[string]faultfs.Class{"meta": faultfs.ClassMeta, "dir": faultfs.ClassDir, "free": faultfs.ClassFree,
		logName: faultfs.ClassWAL, "data-000001.p1seg": faultfs.ClassSeg}
	forEachScene(t, func(tr *trial) {
		for _, file := range fileNames() {
			tr.try(damage{
				name: "a directory in place of " + file, file: file, off: -1, system: true,
				apply: func(f *faultfs.FS) error {
					if err := f.RemoveFile("/db/" + file); err != nil {
						return err
					}
					return f.Mkdir("/db/" + file)
				},
			})
			for _, kind := range []faultfs.Kind{faultfs.KindOpen, faultfs.KindRead, faultfs.KindSize, faultfs.KindStat} {
				for _, errno := range []syscall.Errno{syscall.EACCES, syscall.EIO, syscall.EMFILE} {
					tr.try(damage{
						name: fmt.Sprintf("%v of %s: %v", kind, file, errno), file: file, off: -1, system: true,
						apply: func(*faultfs.FS) error { return nil },
						plan:  faultfs.Plan{{Kind: kind, Class: classes[file], Errno: errno, Sticky: true}},
					})
				}
			}
		}
	})
}

// What stands in the lock file is not part of the database, but without a lock
// nothing is opened.
func TestDamageLockFile(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		nothing := func(*faultfs.FS) error { return nil }
		tr.try(damage{name: "missing", apply: nothing})
		tr.try(damage{name: "noise", apply: func(f *faultfs.FS) error { return f.WriteFile("/db/LOCK", []byte(blob("noise", 9000))) }})
		if tr.counts[allRight] != 4 {
			tr.t.Errorf("%v", tr.counts)
		}
		for _, errno := range []syscall.Errno{syscall.EACCES, syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
			tr.try(damage{name: fmt.Sprint("lock: ", errno), apply: nothing, system: true,
				plan: faultfs.Plan{{Kind: faultfs.KindLock, Errno: errno, Sticky: true}}})
		}
	})
}

// An older version of a file, as somebody restores it by mistake: what it held
// then is a right answer, anything else is not.
func TestDamageOlderFiles(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		for _, file := range fileNames() {
			last := tr.s.bytes(tr.t, file)
			for i, then := range tr.s.older {
				old, err := then.ReadFile("/db/" + file)
				must(tr.t, err)
				if bytes.Equal(old, last) {
					continue
				}
				last = old
				tr.try(damage{
					name: fmt.Sprintf("%s as of commit %d", file, i), file: file, off: -1, older: true,
					apply: func(f *faultfs.FS) error { return f.WriteFile("/db/"+file, old) },
				})
			}
		}
	})
}
