package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// hoardingChild is set in the environment of children that keep the last write
// of the log to themselves.
const hoardingChild = "TORTURE_HOARDING_CHILD"

// testedChild is what TestMain does in a child process.
func testedChild(args []string) int {
	if os.Getenv(hoardingChild) == "" {
		return RealChild(args)
	}
	return realChild(args, func(fsys vfs.FS) vfs.FS { return hoardingFS{fsys} }, os.Stdout, os.Stderr)
}

// realFolderOf is the folder with a number that has the wanted work.
func realFolderOf(n uint64, clients bool) *realFolder {
	n *= 2
	if clients {
		n++
	}
	return newRealFolder(n)
}

func TestReal(t *testing.T) {
	r := Real(PartConfig{Seed: 1}, 32)
	t.Log(r)
	for _, v := range r.Violations {
		t.Log(v)
	}
	require.Empty(t, r.Violations)
	require.Positive(t, r.Kills)
	require.Positive(t, r.Acked)
	require.Equal(t, 4, r.Folders)
}

// A child that acknowledges what only its own memory holds is found out, by
// phrases and by clients; and what it has left is there to be looked at.
func TestRealFindsWhatIsKeptInMemory(t *testing.T) {
	t.Setenv(hoardingChild, "1")
	for _, clients := range []bool{false, true} {
		t.Run(fmt.Sprint("clients ", clients), func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			var found []Violation
			var f *realFolder
			for n := uint64(0); n < 6 && len(found) == 0; n++ {
				f = realFolderOf(n, clients)
				found = f.violations()
			}
			require.NotEmpty(t, found)
			story := strings.Join(found[0].Steps, "\n")
			require.Contains(t, story, "kept: "+f.left)
			require.FileExists(t, filepath.Join(f.left, metaName))
			require.FileExists(t, filepath.Join(f.dir, metaName))
		})
	}
}

// A folder without a violation leaves nothing behind.
func TestRealTidiesUp(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	require.Empty(t, newRealFolder(0).violations())
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// The phrases reach every operation of the alphabet on every start state.
func TestRealDoesWhatTheTiersDo(t *testing.T) {
	starts, kinds := map[string]bool{}, map[Kind]bool{}
	for n := range uint64(100) {
		w := realFolderOf(n, false).work.(*realPhrases)
		starts[w.start] = true
		require.Len(t, w.lives, roundsAFolder)
		for i, list := range w.lives[1:] {
			require.NotEmpty(t, list, "life %d", i+1)
			for _, o := range list {
				kinds[o.op.Kind] = true
			}
		}
	}
	require.Len(t, starts, len(Starts()))
	for _, phrase := range alphabet(DefaultKnobs()) {
		for _, o := range phrase {
			require.True(t, kinds[o.Kind], o)
		}
	}
}

func TestChildWantsItsArguments(t *testing.T) {
	knobs := DefaultKnobs().String()
	for _, args := range [][]string{nil, {"dir"}, {clientsChild, "dir", "1"}, {clientsChild, "dir", "x", "1"}, {clientsChild, "dir", "1", "x"},
		{phrasesChild, "dir", knobs, "1"}, {phrasesChild, "dir", "x", "1", "sync"}, {phrasesChild, "dir", knobs, "x", "sync"},
		{phrasesChild, "dir", knobs, "1", "no-such-operation"}} {
		var out, problems strings.Builder
		require.Equal(t, 1, realChild(args, nil, &out, &problems), "%v", args)
		require.NotEmpty(t, problems.String())
		require.Empty(t, out.String())
	}
}

// hoardingFS writes to the log only when it is asked to write there again.
type hoardingFS struct{ vfs.FS }

func (h hoardingFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	f, err := h.FS.OpenFile(path, flag)
	if err != nil || !strings.HasSuffix(path, ".log") {
		return f, err
	}
	return &hoardingFile{File: f}, nil
}

type hoardingFile struct {
	vfs.File
	mu   sync.Mutex
	kept []byte
	off  int64
}

func (h *hoardingFile) release() error {
	if h.kept == nil {
		return nil
	}
	_, err := h.File.WriteAt(h.kept, h.off)
	h.kept = nil
	return err
}

func (h *hoardingFile) WriteAt(b []byte, off int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.release(); err != nil {
		return 0, err
	}
	h.kept, h.off = append([]byte{}, b...), off
	return len(b), nil
}

func (h *hoardingFile) first(do func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.release(); err != nil {
		return err
	}
	return do()
}

func (h *hoardingFile) ReadAt(b []byte, off int64) (n int, err error) {
	err = h.first(func() error { n, err = h.File.ReadAt(b, off); return err })
	return n, err
}

func (h *hoardingFile) Size() (n int64, err error) {
	err = h.first(func() error { n, err = h.File.Size(); return err })
	return n, err
}

func (h *hoardingFile) Truncate(size int64) error {
	return h.first(func() error { return h.File.Truncate(size) })
}

func (h *hoardingFile) Allocate(off, length int64) error {
	return h.first(func() error { return h.File.Allocate(off, length) })
}

func (h *hoardingFile) Close() error { return h.first(h.File.Close) }
