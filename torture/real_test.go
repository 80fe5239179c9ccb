package torture

import (
	"os"
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

func TestReal(t *testing.T) {
	r := Real(PartConfig{Seed: 1}, 16)
	t.Log(r)
	for _, v := range r.Violations {
		t.Log(v)
	}
	require.Empty(t, r.Violations)
	require.Positive(t, r.Kills)
	require.Positive(t, r.Acked)
}

// A child that acknowledges what only its own memory holds.
func TestRealFindsWhatIsKeptInMemory(t *testing.T) {
	t.Setenv(hoardingChild, "1")
	r := Real(PartConfig{Seed: 1, Limit: 1}, 24)
	require.NotEmpty(t, r.Violations)
	require.NotEmpty(t, r.Violations[0].Steps)
}

func TestChildWantsItsArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"dir", "x", "1"}, {"dir", "1", "x"}} {
		var out, problems strings.Builder
		require.Equal(t, 1, realChild(args, nil, &out, &problems))
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
