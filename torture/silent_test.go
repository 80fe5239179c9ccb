package torture

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

func TestSilent(t *testing.T) {
	r := Silent(PartConfig{Share: 53})
	t.Log(r)
	t.Log(r.Kinds)
	for _, v := range r.Violations {
		t.Log(v)
	}
	require.Empty(t, r.Violations)
	require.Greater(t, r.Faults, 1500)
	require.GreaterOrEqual(t, len(r.Kinds), 15, "nearly all kinds of damage take part")
	for _, n := range []int{r.Right, r.Refused, r.Partly} {
		require.Positive(t, n)
	}
	require.Less(t, r.Exceptions[string(oldVersion)], r.Faults/50)
}

// An engine that does not look at the checksums of pages.
func TestSilentFindsAnUncheckedPage(t *testing.T) {
	r := Silent(PartConfig{Share: 41, Limit: 1, Mutate: func(fsys vfs.FS) vfs.FS { return trustingFS{fsys} }})
	require.NotEmpty(t, r.Violations)
	_, found, err, ok := replayPart(r.Violations[0].Token, func(fsys vfs.FS) vfs.FS { return trustingFS{fsys} })
	require.True(t, ok)
	require.NoError(t, err)
	require.NotEmpty(t, found)
	require.Equal(t, r.Violations[0].Rule, found[0].Rule)
}

// The exceptions are for what they say, and for nothing else.
func TestSilentExceptions(t *testing.T) {
	var b bases
	names := silentScenes()[len(keptScenes())+1:]
	closed, err := b.scene(names[0])
	require.NoError(t, err)
	killed, err := b.scene(names[1])
	require.NoError(t, err)
	log, segment := inRoot(logName), inRoot("data-000001.p1seg")
	require.NotEqual(t, killed.now, killed.before)
	zeros := func(path string, off, n int64) faultfs.Damage {
		return faultfs.Damage{Kind: faultfs.DamageZeros, Path: path, Off: off, Len: n}
	}
	require.True(t, killed.inLastGroup(zeros(log, killed.lastGroup, 512)))
	require.False(t, killed.inLastGroup(zeros(log, killed.lastGroup-512, 512)))
	require.False(t, killed.inLastGroup(zeros(segment, 1<<20, 512)))
	require.False(t, closed.inLastGroup(zeros(log, 0, 16)))
	require.False(t, killed.older(zeros(segment, 0, 4096)))
	require.False(t, killed.older(faultfs.Damage{Kind: faultfs.DamageLost, Path: log, Len: 512}), "a sector is no version of a log")
	require.False(t, closed.older(faultfs.Damage{Kind: faultfs.DamageStale, Path: segment, Off: 4096, Len: 512}), "nor of a page")
	require.True(t, closed.older(faultfs.Damage{Kind: faultfs.DamageStale, Path: inRoot(dirName), Len: 512}), "but of a small file")
	for id := range killed.logged {
		d := faultfs.Damage{Kind: faultfs.DamageLost, Path: segment, Off: int64(id) * pageSize, Len: pageSize}
		require.False(t, killed.older(d), "the log has page %d", id)
		require.True(t, closed.older(d))
	}
}

// An older page excuses what is missing in its bucket, and nothing in another one.
func TestSilentOlderPage(t *testing.T) {
	var b bases
	s, err := b.scene(silentScenes()[len(keptScenes())+1])
	require.NoError(t, err)
	require.NotEmpty(t, s.chained)
	for id, bucket := range s.chained {
		if s.logged[id] {
			continue
		}
		d := faultfs.Damage{Kind: faultfs.DamageLost, Path: inRoot(segmentFile(1)), Off: int64(id) * pageSize, Len: pageSize}
		j := &judge{s: s, h: harm{damages: []faultfs.Damage{d}}}
		for k := range s.now {
			got := s.now.Clone()
			delete(got, k)
			require.Equal(t, raw.BucketOf([]byte(k), 2) == bucket, j.outdated(got), "page %d of bucket %d, key %q", id, bucket, k)
			got[k] = "never was"
			require.False(t, j.outdated(got))
		}
	}
	j := &judge{s: s, h: harm{damages: []faultfs.Damage{{Kind: faultfs.DamageOlder, Path: inRoot("free"), At: 1}}}}
	require.True(t, j.outdated(s.now))
	require.False(t, j.outdated(s.before), "a list of free pages holds no pairs")
}

// Pages are swapped between segments where there are two of them.
func TestSilentTwoSegments(t *testing.T) {
	var b bases
	for _, name := range silentScenes() {
		if !strings.Contains(name, "|"+edgeStart+"|") {
			continue
		}
		n := 0
		s, err := b.scene(name)
		require.NoError(t, err)
		tier := &silentTier{crew: newCrew(PartConfig{})}
		tier.report.clear()
		for d := range s.catalogue() {
			require.NotEqual(t, d.Path, d.With)
			n++
			tier.try(s, harm{damages: []faultfs.Damage{d}}, n%6 == 0)
		}
		require.Empty(t, tier.found)
		require.Positive(t, tier.report.Refused+tier.report.Partly, "%v", tier.report)
	}
}

// trustingFS gives every page that is read a right checksum.
type trustingFS struct{ vfs.FS }

func (f trustingFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	file, err := f.FS.OpenFile(path, flag)
	if err != nil || !strings.HasSuffix(path, ".p1seg") {
		return file, err
	}
	return trustingFile{file}, nil
}

type trustingFile struct{ vfs.File }

func (f trustingFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	for at := 0; at+pageSize <= n; at += pageSize {
		seal(b[at : at+pageSize])
	}
	return n, err
}

func seal(page []byte) {
	if string(page[:4]) != pageMagic {
		return
	}
	clear(page[60:64])
	binary.LittleEndian.PutUint32(page[60:], crc32.ChecksumIEEE(page))
}
