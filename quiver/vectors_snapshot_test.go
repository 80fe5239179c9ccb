package quiver_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// The original's snapshots are listed as it wrote them. It keeps no bucket heads,
// so what they saw cannot be known: that is told, never other data. They are
// removed with the counts that the original would leave, and their images dropped.
func TestVectorsOfSnapshots(t *testing.T) {
	for _, name := range []string{"18-snapshots", "19-snapstore-custom-dir"} {
		t.Run(name, func(t *testing.T) {
			v := loadVector(t, name)
			var expect struct {
				Store    string `json:"snapstore_dir"`
				Registry struct {
					Entries []quiver.SnapshotInfo
				}
			}
			text, err := os.ReadFile(filepath.Join(vectorFolder(t), name, "expect.json"))
			must(t, err)
			must(t, json.Unmarshal(text, &expect))
			o := quiver.Options{FS: v.disk, Inline: true, LockWait: -1, SnapStoreDir: expect.Store}
			before := v.disk.Snapshot()
			db := mustOpenReadOnly(t, "/db", o)
			list, err := db.Snapshots()
			must(t, err)
			require.Equal(t, expect.Registry.Entries, list)
			for _, in := range list {
				_, err := db.OpenSnapshot(in.ID)
				require.ErrorIs(t, err, quiver.ErrSnapshotGone)
			}
			mustCheck(t, db, false)
			must(t, db.Close())
			sameBytes(t, before, v.disk)

			o.NoRecount = true
			db = mustOpen(t, "/db", o)
			for i, in := range list {
				removeOfVector(t, v, db, expect.Store, in.ID)
				left, err := db.Snapshots()
				must(t, err)
				require.Equal(t, append([]quiver.SnapshotInfo{}, list[i+1:]...), left)
			}
			_, err = db.Repair(t.Context(), quiver.RepairOptions{})
			must(t, err)
			mustHold(t, db, v.pairs)
			must(t, db.Close())
			mustBeClean(t, v.disk, "/db", v.pairs)
		})
	}
}

// removeOfVector removes a snapshot and compacts, and judges the counts between.
func removeOfVector(t *testing.T, v *vector, db *quiver.DB, store, id string) {
	t.Helper()
	want := storeCounts(t, v.disk, store)
	entries, err := format.DecodeFrozenEntries(must2(v.disk.ReadFile("/db/.snapshots/" + id + "/hashindex.bin")))
	must(t, err)
	once := map[uint64]bool{}
	for _, e := range entries {
		if !once[e.Where] {
			once[e.Where] = true
			want[e.Where]--
		}
	}
	must(t, db.RemoveSnapshot(id))
	require.Equal(t, want, storeCounts(t, v.disk, store))
	info, err := db.CompactSnapStore()
	must(t, err)
	dropped := 0
	for h, n := range want {
		if n == 0 {
			dropped++
			delete(want, h)
		}
	}
	require.Equal(t, dropped, info.Dropped)
	require.EqualValues(t, len(want)*(format.StoreFrameHeaderSize+v.PageSize), info.After)
	require.Equal(t, want, storeCounts(t, v.disk, store))
}

func storeCounts(t *testing.T, disk *faultfs.FS, store string) map[uint64]uint32 {
	t.Helper()
	entries, err := format.DecodeStoreIndex(must2(disk.ReadFile(filepath.Join("/db", store, "index.bin"))))
	must(t, err)
	counts := map[uint64]uint32{}
	for _, e := range entries {
		counts[e.Hash] = e.Refs
	}
	return counts
}
