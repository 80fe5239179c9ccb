package faultfs_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// walker makes the same random calls on any number of disks and compares what
// they answer.
type walker struct {
	r     *rand.Rand
	disks []vfs.FS
	roots []string
	files [][]vfs.File // open handles, the same on every disk
	locks [][]vfs.Lock
}

var walkNames = []string{"a", "b", "c", "d", "d/a", "d/b", "e", "e/a", "a/x", ""}

func (w *walker) name() string { return walkNames[w.r.IntN(len(walkNames))] }

// all makes a call on every disk and describes the common answer.
func (w *walker) all(what string, call func(disk int) (string, error)) (string, error) {
	var first string
	for i := range w.disks {
		answer, err := call(i)
		text := fmt.Sprintf("%s, %s", answer, errorClass(err))
		switch {
		case i == 0:
			first = text
		case text != first:
			return what, fmt.Errorf("%s: disk 0 answers %q, disk %d answers %q (%v)", what, first, i, text, err)
		}
	}
	return what + " = " + first, nil
}

// errorClass is what of an error a caller may rely on.
func errorClass(err error) string {
	if err == nil || err == io.EOF {
		return fmt.Sprint(err)
	}
	for _, known := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrClosed, vfs.ErrLocked, syscall.ENOTDIR, syscall.EISDIR,
		syscall.EINVAL, syscall.EBADF, syscall.EBUSY, syscall.ENOSPC} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "other error"
}

func (w *walker) step() (string, error) {
	switch k := w.r.IntN(20); {
	case k < 9 && len(w.files) > 0:
		return w.fileStep()
	case k < 11 && len(w.files) < 8:
		return w.open()
	case k == 11:
		return w.lockStep()
	case k == 12:
		name := w.name()
		return w.all("mkdir "+name, func(i int) (string, error) { return "", w.disks[i].Mkdir(w.path(i, name)) })
	case k == 13 || k == 14:
		name := w.name()
		if name == "" {
			name = "e" // a temporary directory can be removed, the root of a disk cannot
		}
		return w.all("remove "+name, func(i int) (string, error) { return "", w.disks[i].Remove(w.path(i, name)) })
	case k == 15 || k == 16:
		from, to := w.name(), w.name()
		if from == "" {
			from = "d"
		}
		return w.all("rename "+from+" "+to, func(i int) (string, error) {
			return "", w.disks[i].Rename(w.path(i, from), w.path(i, to))
		})
	case k == 17:
		name := w.name()
		return w.all("syncdir "+name, func(i int) (string, error) { return "", w.disks[i].SyncDir(w.path(i, name)) })
	default:
		return w.look()
	}
}

func (w *walker) path(disk int, name string) string { return filepath.Join(w.roots[disk], name) }

func (w *walker) look() (string, error) {
	name := w.name()
	what, err := w.all("readdir "+name, func(i int) (string, error) {
		infos, err := w.disks[i].ReadDir(w.path(i, name))
		return fmt.Sprint(infos), err
	})
	if err != nil || name == "" {
		return what, err
	}
	return w.all("stat "+name, func(i int) (string, error) {
		info, err := w.disks[i].Stat(w.path(i, name))
		return fmt.Sprint(info), err
	})
}

func (w *walker) open() (string, error) {
	name, flag := w.name(), vfs.OpenFlag(w.r.IntN(16))
	files := make([]vfs.File, len(w.disks))
	what, err := w.all(fmt.Sprintf("open %s %d", name, flag), func(i int) (string, error) {
		f, err := w.disks[i].OpenFile(w.path(i, name), flag)
		if err == nil {
			files[i] = f
		}
		return "", err
	})
	if err == nil && files[0] != nil {
		w.files = append(w.files, files)
	}
	return what, err
}

func (w *walker) lockStep() (string, error) {
	if len(w.locks) > 0 && w.r.IntN(2) == 0 {
		n := w.r.IntN(len(w.locks))
		if w.r.IntN(2) == 0 {
			return w.all("holder", func(i int) (string, error) { return "", w.locks[n][i].SetHolder("somebody") })
		}
		what, err := w.all("unlock", func(i int) (string, error) { return "", w.locks[n][i].Close() })
		if w.r.IntN(4) > 0 {
			w.locks = append(w.locks[:n:n], w.locks[n+1:]...)
		}
		return what, err
	}
	name, exclusive := w.name(), w.r.IntN(2) == 0
	locks := make([]vfs.Lock, len(w.disks))
	what, err := w.all("lock "+name, func(i int) (string, error) {
		l, err := w.disks[i].Lock(w.path(i, name), exclusive)
		if err == nil {
			locks[i] = l
			return "", nil
		}
		var held *vfs.LockedError
		if errors.As(err, &held) {
			return held.Holder, err
		}
		return "", err
	})
	if err == nil && locks[0] != nil {
		w.locks = append(w.locks, locks)
	}
	return what, err
}

func (w *walker) fileStep() (string, error) {
	n := w.r.IntN(len(w.files))
	h := w.files[n]
	off, length := int64(w.r.IntN(9000)), w.r.IntN(6000)
	if w.r.IntN(3) == 0 {
		off, length = off/512*512, length/512*512
	}
	length = max(length, 1) // the system does not look at the handle when there is nothing to do
	switch w.r.IntN(11) {
	case 0, 1, 2:
		data := make([]byte, length)
		fill := byte(w.r.IntN(4))
		for i := range data {
			data[i] = fill
		}
		return w.all(fmt.Sprintf("write %d %d", off, length), func(i int) (string, error) {
			n, err := h[i].WriteAt(data, off)
			return fmt.Sprint(n), err
		})
	case 3, 4:
		return w.all(fmt.Sprintf("read %d %d", off, length), func(i int) (string, error) {
			p := make([]byte, length)
			n, err := h[i].ReadAt(p, off)
			return pack(p[:n]), err
		})
	case 5:
		return w.all(fmt.Sprintf("truncate %d", off), func(i int) (string, error) { return "", h[i].Truncate(off) })
	case 6:
		return w.all(fmt.Sprintf("allocate %d %d", off, length), func(i int) (string, error) {
			return "", h[i].Allocate(off, int64(length))
		})
	case 7:
		return w.all("size", func(i int) (string, error) { n, err := h[i].Size(); return fmt.Sprint(n), err })
	case 8:
		return w.all("sync", func(i int) (string, error) { return "", h[i].Sync() })
	case 9:
		return w.all("syncdata", func(i int) (string, error) { return "", h[i].SyncData() })
	}
	what, err := w.all("close", func(i int) (string, error) { return "", h[i].Close() })
	if w.r.IntN(4) > 0 { // a closed handle is used on now and then
		w.files = append(w.files[:n:n], w.files[n+1:]...)
	}
	return what, err
}

func (w *walker) close() {
	for _, h := range w.files {
		for _, f := range h {
			_ = f.Close() // may be closed already
		}
	}
	for _, l := range w.locks {
		for _, one := range l {
			_ = one.Close()
		}
	}
}

// walk runs steps on all disks and fails with the calls up to the difference.
func (w *walker) walk(t *testing.T, steps int) {
	t.Helper()
	defer w.close()
	var done []string
	for range steps {
		what, err := w.step()
		if err != nil {
			for _, d := range done[max(0, len(done)-40):] {
				t.Log(d)
			}
			t.Fatal(err)
		}
		done = append(done, what)
	}
}

// TestSameAsMemory compares the live view with the plain memory disk.
func TestSameAsMemory(t *testing.T) {
	for seed := range uint64(60) {
		o := faultfs.Options{Sector: 512 << (3 * (seed % 2))}
		w := &walker{r: rand.New(rand.NewPCG(seed, 1)), disks: []vfs.FS{vfs.NewMem(), faultfs.New(o)}, roots: []string{"/", "/"}}
		w.walk(t, 400)
	}
}

// operations is how many random calls are compared with the system's disk, and
// firstSeed what they start from. The nightly run makes a million, each night
// others: TMPDIR decides on which disk, and a file system in memory is a good
// choice.
var (
	operations = flag.Int("operations", 1800, "random calls to compare with the disk of the system")
	firstSeed  = flag.Uint64("first-seed", 0, "seed of the first 300 of them; the next ones have the next seeds")
)

// TestSameAsSystem compares the live view with the disk of the system.
func TestSameAsSystem(t *testing.T) {
	const steps = 300
	root := t.TempDir()
	for i := range uint64((*operations + steps - 1) / steps) {
		seed := *firstSeed + i
		dir := filepath.Join(root, fmt.Sprint(seed))
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		o := faultfs.Options{Sector: 512 << (3 * (seed % 2)), NoReads: true}
		fs := faultfs.New(o)
		w := &walker{r: rand.New(rand.NewPCG(seed, 2)), disks: []vfs.FS{vfs.OS(), fs}, roots: []string{dir, "/"}}
		w.walk(t, steps)
		there := faultfs.New(o)
		if err := there.Import(dir, "/"); err != nil {
			t.Fatal(err)
		}
		if diff := there.Diff(fs); diff != "" {
			t.Fatalf("seed %d: at the end: %s", seed, diff)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}
