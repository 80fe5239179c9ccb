package snap

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/stretchr/testify/require"
)

// vectorDir is the folder of databases that the original wrote.
func vectorDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("QUIVER_REFERENCE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "conformance")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no reference vectors: %v (set QUIVER_REFERENCE_VECTORS)", err)
	}
	return dir
}

// vector is a database of the original with snapshots.
type vector struct {
	d        *faultfs.FS
	storeDir string
	Store    string `json:"snapstore_dir"`
	PageSize int    `json:"page_size"`
	Registry struct {
		Entries []format.Snapshot `json:"entries"`
	} `json:"registry"`
	Snapshots []struct {
		ID    string      `json:"id"`
		LSN   uint64      `json:"lsn"`
		Pairs [][2]string `json:"pairs_at_begin"`
	} `json:"snapshots"`
}

func readVector(t *testing.T, name string) *vector {
	t.Helper()
	dir := filepath.Join(vectorDir(t), name)
	v := &vector{d: faultfs.New(faultfs.Options{NoReads: true})}
	require.NoError(t, v.d.Import(filepath.Join(dir, "db"), root))
	b, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
	require.Len(t, v.Snapshots, 3)
	require.Equal(t, pageSize, v.PageSize)
	v.storeDir = filepath.Join(root, v.Store)
	return v
}

func (v *vector) options(st *Store) Options {
	return Options{FS: v.d, Root: root, PageSize: v.PageSize, Durable: true, Store: st}
}

var vectorNames = []string{"18-snapshots", "19-snapstore-custom-dir"}

func TestVectorRegistry(t *testing.T) {
	for _, name := range vectorNames {
		v := readVector(t, name)
		path := registryPath(root)
		before := readFile(t, v.d, path)
		entries, err := LoadRegistry(v.d, root)
		require.NoError(t, err)
		require.Equal(t, v.Registry.Entries, entries)
		require.NoError(t, SaveRegistry(v.d, root, entries))
		require.Equal(t, before, readFile(t, v.d, path))
	}
}

// TestVectorFrames: every frame of the original is read, from freeze.bin and from
// the SnapStore alone, nothing is changed by looking, and each page says only what
// the snapshot saw when it was taken.
func TestVectorFrames(t *testing.T) {
	for _, name := range vectorNames {
		v := readVector(t, name)
		before := v.d.Digest()
		frozen := map[string][]Frame{}
		for _, readOnly := range []bool{true, false} {
			for _, snapshot := range v.Snapshots {
				s, err := Open(snapshot.ID, snapshot.LSN, v.options(nil), readOnly)
				require.NoError(t, err)
				require.Nil(t, s.Heads())
				frozen[s.ID()] = v.frames(t, s)
				require.NoError(t, s.Close())
				checkPairs(t, frozen[s.ID()], snapshot.Pairs)
			}
			require.Equal(t, before, v.d.Digest())
		}
		st, err := OpenStore(v.d, v.storeDir, v.PageSize, false)
		require.NoError(t, err)
		require.NoError(t, st.Damage())
		for _, snapshot := range v.Snapshots {
			must(v.d.RemoveFile(inFolder(snapshot.ID, format.FreezeName)))
			requireHolds(t, mustOpen(t, snapshot.ID, snapshot.LSN, v.options(st)), frozen[snapshot.ID]...)
		}
	}
}

// frames reads what index.bin of the vector names.
func (v *vector) frames(t *testing.T, s *Sidecar) []Frame {
	t.Helper()
	entries, err := format.DecodeFrozenEntries(readFile(t, v.d, inFolder(s.ID(), format.IndexName)))
	require.NoError(t, err)
	require.Equal(t, len(entries), s.Pages())
	var frames []Frame
	for _, e := range entries {
		p := make([]byte, v.PageSize)
		ok, err := s.Read(e.PageID, p)
		require.NoError(t, err)
		require.True(t, ok && s.Has(e.PageID))
		require.Equal(t, e.LSN, format.PageLSN(p))
		frames = append(frames, Frame{PageID: e.PageID, LSN: e.LSN, Page: p})
	}
	return frames
}

// checkPairs compares the records of frozen pages with what the snapshot saw,
// except for values in overflow pages, whose chains may be live.
func checkPairs(t *testing.T, frames []Frame, want [][2]string) {
	t.Helper()
	pairs := map[string]string{}
	for _, p := range want {
		pairs[p[0]] = p[1]
	}
	compared := 0
	for _, f := range frames {
		if format.PageType(f.Page) != format.TypeKV {
			continue
		}
		for key, value := range format.KV(f.Page).All() {
			saw, ok := pairs[hex.EncodeToString(key)]
			require.True(t, ok, "key %q of page %d", key, f.PageID)
			if !format.IsPlaceholder(value) {
				require.Equal(t, saw, hex.EncodeToString(value), "key %q of page %d", key, f.PageID)
				compared++
			}
		}
	}
	require.NotZero(t, compared)
}

// TestVectorFilesAreOurs: the same pages frozen by us make the same files.
func TestVectorFilesAreOurs(t *testing.T) {
	for _, name := range vectorNames {
		v := readVector(t, name)
		d := newDisk(faultfs.Options{})
		st := mustStore(t, d)
		for _, snapshot := range v.Snapshots {
			theirs, err := Open(snapshot.ID, snapshot.LSN, v.options(nil), true)
			require.NoError(t, err)
			ours, err := Create(snapshot.ID, snapshot.LSN, someHeads, durable(d, st))
			require.NoError(t, err)
			require.NoError(t, ours.Freeze(v.frames(t, theirs)))
			for _, file := range []string{format.FreezeName, format.IndexName, format.HashIndexName} {
				path := inFolder(snapshot.ID, file)
				require.Equal(t, readFile(t, v.d, path), readFile(t, d, path), file)
			}
		}
		require.NoError(t, st.Close())
		require.Equal(t, readFile(t, v.d, filepath.Join(v.storeDir, format.StoreName)), readFile(t, d, storePath))
		want, err := format.DecodeStoreIndex(readFile(t, v.d, filepath.Join(v.storeDir, format.IndexName)))
		require.NoError(t, err)
		got, err := format.DecodeStoreIndex(readFile(t, d, storeIndexPath))
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
	}
}

// TestVectorRemove: each removal takes one reference from each image that the
// snapshot names, and a compaction leaves what the others name.
func TestVectorRemove(t *testing.T) {
	for _, name := range vectorNames {
		v := readVector(t, name)
		st, err := OpenStore(v.d, v.storeDir, v.PageSize, false)
		require.NoError(t, err)
		refs, err := References(v.d, root)
		require.NoError(t, err)
		require.NoError(t, st.Raise(refs))
		for h, n := range refs {
			require.Equal(t, n, st.Count(h), "the original counted the same")
		}
		images := st.Images()
		for i, snapshot := range v.Snapshots {
			s := mustOpen(t, snapshot.ID, snapshot.LSN, v.options(nil))
			frozen := v.frames(t, s)
			require.NoError(t, s.Close())
			counts := map[uint64]uint32{}
			for _, f := range frozen {
				counts[format.Hash64(f.Page)] = st.Count(format.Hash64(f.Page))
			}
			require.NoError(t, Remove(snapshot.ID, v.options(st)))
			for h, n := range counts {
				require.Equal(t, n-1, st.Count(h))
			}
			_, after, dropped, err := st.Compact()
			require.NoError(t, err)
			require.Equal(t, len(frozen), dropped)
			images -= dropped
			require.EqualValues(t, images*imageStride, after)
			for _, other := range v.Snapshots[i+1:] {
				s := mustOpen(t, other.ID, other.LSN, v.options(nil))
				for _, f := range v.frames(t, s) {
					requireImage(t, st, f.Page)
				}
				require.NoError(t, s.Close())
			}
		}
		require.Zero(t, images)
		require.NoError(t, st.Close())
		ids, err := List(v.d, root)
		require.NoError(t, err)
		require.Empty(t, ids)
	}
}
