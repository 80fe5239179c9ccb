package torture

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// TestLimits: few handles and read-only disks are met by the engine as it is, and
// engines that make nothing of them are found out.
func TestLimits(t *testing.T) {
	for name, test := range map[string]struct {
		m    Mutation
		rule string
	}{
		"the engine as it is":                       {nil, ""},
		"what has no handle is taken for absent":    {opening(absentWithoutHandle), "I"},
		"every read opens the file again":           {opening(reopening), "I19 reads"},
		"a refused write is taken for one":          {opening(writesGoThrough), "I"},
		"a handle is left where another is refused": {opening(hoarding), "I20 no leaks"},
	} {
		tier := limitTier(test.m)
		for i, w := range errorWorkloads("") {
			if i%40 == 3 && !tier.full() {
				tier.limitAll(w, i)
			}
		}
		if test.m == nil {
			require.Empty(t, tier.found)
			require.Greater(t, tier.report.Limits, 80)
			continue
		}
		require.NotEmpty(t, tier.found, name)
		require.True(t, slices.ContainsFunc(tier.found, func(v Violation) bool { return strings.HasPrefix(v.Rule, test.rule) }), "%s: %v", name, tier.found)
		c, err := ParseToken(tier.found[0].Token)
		require.NoError(t, err)
		require.True(t, c.limited())
	}
}

func limitTier(m Mutation) *errorTier {
	t := &errorTier{crew: newCrew(PartConfig{Mutate: m}), reached: map[errorSite][]reach{}, covered: map[cell]bool{}, looked: map[errorSite]bool{}}
	t.bases.mutate = m
	return t
}

// TestCells: each way of an error is a cell of its own, and so is each limit.
func TestCells(t *testing.T) {
	var texts []string
	for _, c := range cellsOf(errorSite{"wal/log.go:1", faultfs.KindRead}) {
		texts = append(texts, c.String())
	}
	require.Len(t, texts, 4*len(faultfs.Errors(faultfs.KindRead)))
	for _, want := range []string{"#1:EIO", "#1+:EIO", "#1here:EIO", "#1x2:EIO", "#1x2:ok:short=half", "#1here:EAGAIN"} {
		require.Contains(t, texts, "wal/log.go:1 read/*"+want)
	}
	for kind, more := range map[faultfs.Kind]int{faultfs.KindWrite: 2*3 + 1, faultfs.KindCreate: 2, faultfs.KindSyncDir: 1, faultfs.KindClose: 0} {
		require.Len(t, cellsOf(errorSite{"", kind}), 2*len(faultfs.Errors(kind))+more, "%v", kind)
	}
	require.Equal(t, "wal/log.go:1 lock: no handles", cell{site: errorSite{"wal/log.go:1", faultfs.KindLock}, limit: noHandles}.String())
}

// opening is a mutation of the open files.
func opening(open func(f vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error)) Mutation {
	return func(f vfs.FS) vfs.FS { return openingFS{f, open} }
}

type openingFS struct {
	vfs.FS
	open func(f vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error)
}

func (o openingFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	return o.open(o.FS, path, flag)
}

func absentWithoutHandle(f vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
	file, err := f.OpenFile(path, flag)
	if errors.Is(err, syscall.EMFILE) {
		err = fs.ErrNotExist
	}
	return file, err
}

func hoarding(f vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
	file, err := f.OpenFile(path, flag)
	if err != nil || flag&vfs.Write == 0 {
		return file, err
	}
	// A second handle, which nobody closes when it is refused.
	second, err := f.OpenFile(path, 0)
	if err != nil {
		return nil, err
	}
	return file, second.Close()
}

func reopening(f vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
	file, err := f.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return reopeningFile{file, f, path}, nil
}

type reopeningFile struct {
	vfs.File
	fs   vfs.FS
	path string
}

func (r reopeningFile) ReadAt(b []byte, off int64) (int, error) {
	f, err := r.fs.OpenFile(r.path, 0)
	if err != nil {
		return 0, err
	}
	n, err := f.ReadAt(b, off)
	return n, errors.Join(err, f.Close())
}

func writesGoThrough(f vfs.FS, path string, flag vfs.OpenFlag) (vfs.File, error) {
	file, err := f.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return throughFile{file}, nil
}

type throughFile struct{ vfs.File }

func (w throughFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := w.File.WriteAt(b, off)
	if errors.Is(err, syscall.EROFS) {
		return len(b), nil
	}
	return n, err
}
