package torture

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func TestErrors(t *testing.T) {
	r := Errors(PartConfig{Share: 20, Sample: true})
	t.Log(r)
	for _, v := range r.Violations {
		t.Log(v)
	}
	require.Empty(t, r.Violations)
	require.Greater(t, r.Sites, 60)
	require.Greater(t, r.Covered, r.Cells/30)
}

// An engine that does not look at what a sync of the log returns.
func TestErrorsFindsADroppedError(t *testing.T) {
	r := Errors(PartConfig{Share: 5, Sample: true, Limit: 1, Mutate: deaf(faultfs.KindSyncData, faultfs.ClassWAL)})
	require.NotEmpty(t, r.Violations)
	c, err := ParseToken(r.Violations[0].Token)
	require.NoError(t, err)
	require.Less(t, len(c.Workload.Ops), 2, "it is made shorter: %s", r.Violations[0].Token)
	require.Len(t, c.Faults, 1)
}

// An engine whose read-only handle writes.
func TestLookFindsAWriter(t *testing.T) {
	k := DefaultKnobs()
	c := Case{Workload: Workload{k, "dirty", alphabet(k)[0]}, Faults: faultfs.Plan{{Kind: faultfs.KindSyncData | faultfs.KindSync, Effect: faultfs.EffectF3}}}
	_, found, err, ok := replayPart(lookCase(c), nil)
	require.True(t, ok)
	require.NoError(t, err)
	require.Empty(t, found)
	_, found, err, _ = replayPart(lookCase(c), growing)
	require.NoError(t, err)
	require.NotEmpty(t, found)
}

// A site is the place in the engine, through the helpers of package vfs too.
func TestSitesAreInTheEngine(t *testing.T) {
	tier := &errorTier{crew: newCrew(PartConfig{}), reached: map[errorSite][]reach{}, covered: map[cell]bool{}, looked: map[errorSite]bool{}}
	for _, w := range errorWorkloads("")[:40] {
		tier.learn(w)
	}
	require.Empty(t, tier.found)
	helpers := 0
	for s := range tier.reached {
		require.Regexp(t, `^(pager|wal|snap|quiver|vfs)/[a-z]+\.go:[0-9]+(<(pager|wal|snap|quiver)/[a-z]+\.go:[0-9]+)?$`, s.Place)
		if strings.HasPrefix(s.Place, "vfs/") {
			helpers++
			require.Contains(t, s.Place, "<")
		}
	}
	require.Positive(t, helpers)
	require.Less(t, helpers, len(tier.reached)/2)
}

// deaf hides the errors of a kind of sync of files of a class.
func deaf(kind faultfs.Kind, class faultfs.Class) Mutation {
	return func(fsys vfs.FS) vfs.FS { return deafFS{fsys, kind, class} }
}

type deafFS struct {
	vfs.FS
	kind  faultfs.Kind
	class faultfs.Class
}

func (d deafFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	f, err := d.FS.OpenFile(path, flag)
	if err != nil || faultfs.ClassOf(path)&d.class == 0 {
		return f, err
	}
	return deafFile{f, d.kind}, nil
}

type deafFile struct {
	vfs.File
	kind faultfs.Kind
}

func (d deafFile) SyncData() error {
	err := d.File.SyncData()
	if d.kind&faultfs.KindSyncData != 0 {
		return nil
	}
	return err
}

// growing makes a log longer when it is opened for reading.
func growing(fsys vfs.FS) vfs.FS { return growingFS{fsys} }

type growingFS struct{ vfs.FS }

func (r growingFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	if !strings.HasSuffix(path, ".log") || flag != 0 {
		return r.FS.OpenFile(path, flag)
	}
	f, err := r.FS.OpenFile(path, vfs.Write)
	if err == nil {
		var size int64
		if size, err = f.Size(); err == nil {
			err = f.Truncate(size + 1)
		}
	}
	return f, err
}
