package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

const differentialSeed, differentialSteps = 20260108, 20_000

// TestMemLikeOS drives the memory disk and the real one with the same random
// operations and compares every answer: values, bytes and kinds of error.
func TestMemLikeOS(t *testing.T) {
	rng := rand.New(rand.NewPCG(differentialSeed, 0))
	real := &side{fs: vfs.OS(), root: t.TempDir()}
	mem := &side{fs: vfs.NewMem(), root: string(filepath.Separator)}
	defer real.closeAll()
	kinds := map[string]int{}
	for step := range differentialSteps {
		op := randomOp(rng)
		want, got := op.run(real), op.run(mem)
		if got != want {
			t.Fatalf("seed %d, step %d, %v:\nreal disk:   %s\nmemory disk: %s",
				differentialSeed, step, op, want, got)
		}
		kinds[op.kind+" "+want[:min(len(want), 2)]]++
	}
	if want, got := real.tree("."), mem.tree("."); want != got {
		t.Fatalf("seed %d, at the end:\nreal disk:   %s\nmemory disk: %s", differentialSeed, want, got)
	}
	for _, kind := range opKinds {
		if kinds[kind.name+" ok"] == 0 {
			t.Errorf("%s never succeeded", kind.name)
		}
	}
}

// side is one of the two disks with the handles and locks that are open on it.
type side struct {
	fs    vfs.FS
	root  string
	files [6]vfs.File // closed ones stay, so that use after Close is met
	locks [3]vfs.Lock
}

func (s *side) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

func (s *side) closeAll() {
	for _, f := range s.files {
		if f != nil {
			_ = f.Close()
		}
	}
	for _, l := range s.locks {
		if l != nil {
			_ = l.Close()
		}
	}
}

// operation is one step; which fields count depends on the kind.
type operation struct {
	kind        string
	path, other string
	slot        int
	flag        vfs.OpenFlag
	off, length int64
	fill        byte
}

func (op operation) String() string {
	return fmt.Sprintf("%s path=%s other=%s slot=%d flag=%04b off=%d length=%d fill=%d",
		op.kind, op.path, op.other, op.slot, op.flag, op.off, op.length, op.fill)
}

var opKinds = []struct {
	name   string
	weight int
	run    func(s *side, op operation) string
}{
	{"open", 14, runOpen},
	{"read", 16, runRead},
	{"write", 20, runWrite},
	{"truncate", 8, func(s *side, op operation) string {
		return s.onFile(op, func(f vfs.File) string { return outcome(f.Truncate(op.off)) })
	}},
	{"allocate", 6, func(s *side, op operation) string {
		return s.onFile(op, func(f vfs.File) string { return outcome(f.Allocate(op.off, op.length)) })
	}},
	{"size", 6, func(s *side, op operation) string {
		return s.onFile(op, func(f vfs.File) string {
			size, err := f.Size()
			return outcome(err, size)
		})
	}},
	{"close", 4, func(s *side, op operation) string {
		return s.onFile(op, func(f vfs.File) string { return outcome(f.Close()) })
	}},
	{"stat", 6, func(s *side, op operation) string {
		info, err := s.fs.Stat(s.path(op.path))
		return outcome(err, info)
	}},
	{"readdir", 4, func(s *side, op operation) string {
		list, err := s.fs.ReadDir(s.path(op.path))
		return outcome(err, len(list), list)
	}},
	{"mkdir", 4, func(s *side, op operation) string { return outcome(s.fs.Mkdir(s.path(op.path))) }},
	{"remove", 4, func(s *side, op operation) string { return outcome(s.fs.Remove(s.path(op.path))) }},
	{"rename", 6, func(s *side, op operation) string {
		return outcome(s.fs.Rename(s.path(op.path), s.path(op.other)))
	}},
	{"lock", 4, runLock},
	{"holder", 2, func(s *side, op operation) string {
		return s.onLock(op, func(l vfs.Lock) string { return outcome(l.SetHolder(fmt.Sprint("holder ", op.fill))) })
	}},
	{"unlock", 3, func(s *side, op operation) string {
		return s.onLock(op, func(l vfs.Lock) string { return outcome(l.Close()) })
	}},
}

// names mix files, directories and names below both.
var names = []string{"a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a", "d/e/b", "a/below", "f", "f/a"}

func randomOp(rng *rand.Rand) operation {
	total := 0
	for _, kind := range opKinds {
		total += kind.weight
	}
	pick, at := rng.IntN(total), 0
	for pick >= opKinds[at].weight {
		pick -= opKinds[at].weight
		at++
	}
	// Ends of files and of pages are met by small ranges and round numbers.
	off := rng.Int64N(3*4096 + 10)
	if rng.IntN(3) == 0 {
		off = 4096*rng.Int64N(4) + rng.Int64N(3)
	}
	return operation{
		kind:   opKinds[at].name,
		path:   names[rng.IntN(len(names))],
		other:  names[rng.IntN(len(names))],
		slot:   rng.IntN(6),
		flag:   vfs.OpenFlag(rng.IntN(16)),
		off:    off,
		length: rng.Int64N(9000),
		fill:   byte(1 + rng.IntN(255)),
	}
}

func (op operation) run(s *side) string {
	for _, kind := range opKinds {
		if kind.name == op.kind {
			return kind.run(s, op)
		}
	}
	panic("no operation " + op.kind)
}

func (s *side) onFile(op operation, call func(f vfs.File) string) string {
	if f := s.files[op.slot]; f != nil {
		return call(f)
	}
	return "no file"
}

func (s *side) onLock(op operation, call func(l vfs.Lock) string) string {
	if l := s.locks[op.slot%len(s.locks)]; l != nil {
		return call(l)
	}
	return "no lock"
}

func runOpen(s *side, op operation) string {
	f, err := s.fs.OpenFile(s.path(op.path), op.flag)
	if err == nil {
		if old := s.files[op.slot]; old != nil {
			_ = old.Close()
		}
		s.files[op.slot] = f
	}
	return outcome(err)
}

func runRead(s *side, op operation) string {
	return s.onFile(op, func(f vfs.File) string {
		buf := bytes.Repeat([]byte{0xAA}, int(op.length+1))
		n, err := f.ReadAt(buf, op.off)
		return outcome(err, n, string(buf[:n]))
	})
}

func runWrite(s *side, op operation) string {
	return s.onFile(op, func(f vfs.File) string {
		n, err := f.WriteAt(bytes.Repeat([]byte{op.fill}, int(op.length+1)), op.off)
		return outcome(err, n)
	})
}

func runLock(s *side, op operation) string {
	slot := &s.locks[op.slot%len(s.locks)]
	l, err := s.fs.Lock(s.path(op.path), op.flag&1 != 0)
	if err == nil {
		if *slot != nil {
			_ = (*slot).Close()
		}
		*slot = l
	}
	if locked := (*vfs.LockedError)(nil); errors.As(err, &locked) {
		return outcome(err, locked.Holder)
	}
	return outcome(err)
}

// outcome is what a caller may see of an answer.
func outcome(err error, values ...any) string {
	// ENOTEMPTY matches fs.ErrExist, hence stands before it.
	for _, kind := range []error{
		io.EOF, vfs.ErrLocked, fs.ErrClosed, syscall.ENOTEMPTY, fs.ErrExist, fs.ErrNotExist,
		syscall.EISDIR, syscall.ENOTDIR, syscall.EINVAL, syscall.EBADF,
	} {
		if errors.Is(err, kind) {
			return fmt.Sprint(kind, values)
		}
	}
	if err != nil {
		return fmt.Sprintf("other error: %v", err)
	}
	return fmt.Sprint("ok", values)
}

// tree tells all names and contents below dir.
func (s *side) tree(dir string) string {
	list, err := s.fs.ReadDir(s.path(dir))
	text := outcome(err, list)
	for _, info := range list {
		name := dir + "/" + info.Name
		if info.Dir {
			text += "\n" + name + ": " + s.tree(name)
			continue
		}
		data, err := vfs.ReadFile(s.fs, s.path(name), info.Size)
		text += fmt.Sprintf("\n%s: %x %v", name, data, err)
	}
	return text
}
