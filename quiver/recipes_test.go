package quiver_test

import (
	"maps"
	"os"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// kitchen is a closed database with snapshots in a SnapStore, what it holds, and
// a backup of it.
type kitchen struct {
	*storeWorld
	now pairs
}

func newKitchen(t *testing.T) *kitchen {
	k := &kitchen{storeWorld: newStoreWorld(t)}
	db := mustOpen(t, "/db", k.o)
	_, err := db.Backup(t.Context(), "/full", quiver.BackupOptions{})
	must(t, err)
	k.now, err = contents(db)
	must(t, err)
	must(t, db.Close())
	return k
}

// lose removes a file; open and check then tell.
func (k *kitchen) lose(path string) { must(k.t, k.disk.RemoveFile(path)) }

func (k *kitchen) refused(want error) {
	k.t.Helper()
	_, err := quiver.Open("/db", &k.o)
	require.ErrorIs(k.t, err, want)
	_, err = quiver.OpenReadOnly("/db", &k.o)
	require.ErrorIs(k.t, err, want)
}

// opened opens for writing, runs do, and wants all pairs.
func (k *kitchen) opened(do func(db *quiver.DB)) {
	k.t.Helper()
	db := mustOpen(k.t, "/db", k.o)
	do(db)
	mustHold(k.t, db, k.now)
	must(k.t, db.Close())
}

func (k *kitchen) restored() {
	k.t.Helper()
	must(k.t, restoreTo(k.disk, "/new", "/full"))
	mustHoldClosed(k.t, k.disk, "/new", k.now, "")
}

func (k *kitchen) mustRepair(db *quiver.DB) {
	k.t.Helper()
	_, err := db.Repair(k.t.Context(), quiver.RepairOptions{})
	must(k.t, err)
}

// Every recipe of the cookbook is run, and every one that is run stands there.
func TestRecipes(t *testing.T) {
	text, err := os.ReadFile("RECOVERY.md")
	must(t, err)
	var titles []string
	for _, m := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllSubmatch(text, -1) {
		titles = append(titles, string(m[1]))
	}
	recipes := databaseRecipes()
	maps.Copy(recipes, backupRecipes())
	maps.Copy(recipes, snapshotRecipes())
	maps.Copy(recipes, listRecipes())
	require.Len(t, recipes, len(titles))
	for _, title := range titles {
		require.Contains(t, recipes, title)
		t.Run(title, func(t *testing.T) { recipes[title](t, newKitchen(t)) })
	}
}

func databaseRecipes() map[string]func(t *testing.T, k *kitchen) {
	return map[string]func(t *testing.T, k *kitchen){
		"A corrupt page": func(t *testing.T, k *kitchen) {
			k.change("/db/data-000001.p1seg", func(b []byte) { b[4096+200] ^= 1 })
			db := mustOpenReadOnly(t, "/db", k.o)
			_, err := contents(db)
			corruption(t, err)
			_, err = db.Backup(t.Context(), "/other", quiver.BackupOptions{})
			corruption(t, err)
			must(t, db.Close())
			k.restored()
		},
		"A lost or damaged `free`": func(t *testing.T, k *kitchen) {
			k.lose("/db/free")
			k.refused(quiver.ErrCorrupt)
			k.o.Salvage = true
			k.opened(k.mustRepair)
			k.o.Salvage = false
			k.opened(func(db *quiver.DB) { mustCheck(t, db, false) })
		},
		"A lost `wal-000001.log`": func(t *testing.T, k *kitchen) {
			k.lose("/db/wal-000001.log")
			k.refused(quiver.ErrCorrupt)
			meta := must2(k.disk.ReadFile("/db/meta"))
			require.EqualValues(t, 1, meta[len(meta)-1])
			must(t, k.disk.WriteFile("/db/wal-000001.log", []byte("P1WAL001\x00\x00\x00\x00\x00\x00\x00\x00")))
			k.opened(func(db *quiver.DB) { mustCheck(t, db, false) })
		},
		"A damaged log": func(t *testing.T, k *kitchen) {
			k.o.NoDataFsync = true
			db := mustOpen(t, "/db", k.o)
			for _, key := range []string{"first", "second", "third"} {
				must(t, db.Put([]byte(key), []byte(key)))
			}
			killed := k.disk.State().Kill()
			must(t, db.Close())
			k.disk, k.o.FS = killed, killed
			k.change("/db/wal-000001.log", func(b []byte) { b[16+28+4096+100] ^= 1 })
			k.refused(quiver.ErrCorrupt)
			k.o.Salvage = true
			k.now["first"] = "first"
			k.opened(func(db *quiver.DB) { require.True(t, db.Recovery().Damaged) })
		},
		"A lost `meta`, `dir` or segment": func(t *testing.T, k *kitchen) {
			whole := k.disk
			for _, name := range []string{"meta", "dir", "data-000001.p1seg"} {
				k.disk = whole.Snapshot()
				k.o.FS = k.disk
				k.lose("/db/" + name)
				k.refused(quiver.ErrCorrupt)
				k.restored()
			}
		},
		"A lost `LOCK`": func(t *testing.T, k *kitchen) {
			k.lose("/db/LOCK")
			k.opened(func(db *quiver.DB) {})
		},
		"A full disk": func(t *testing.T, k *kitchen) {
			k.opened(func(db *quiver.DB) {
				k.disk.Inject(faultfs.Plan{{Kind: faultfs.KindAllocate | faultfs.KindCreate, Sticky: true, Errno: syscall.ENOSPC}})
				require.ErrorIs(t, db.Put([]byte("long"), make([]byte, 4<<20)), quiver.ErrFull)
				k.disk.Inject(nil)
			})
		},
	}
}

func backupRecipes() map[string]func(t *testing.T, k *kitchen) {
	return map[string]func(t *testing.T, k *kitchen){
		"An interrupted backup": func(t *testing.T, k *kitchen) {
			k.lose("/full/manifest.json")
			require.ErrorIs(t, restoreTo(k.disk, "/new", "/full"), quiver.ErrIncomplete)
			k.opened(func(db *quiver.DB) {
				_, err := db.Backup(t.Context(), "/full", quiver.BackupOptions{})
				must(t, err)
			})
			k.restored()
		},
		"An interrupted restore": func(t *testing.T, k *kitchen) {
			k.disk.Inject(faultfs.Plan{{Kind: faultfs.KindWrite, N: 5}})
			require.Error(t, restoreTo(k.disk, "/new", "/full"))
			k.disk.Inject(nil)
			_, err := quiver.OpenReadOnly("/new", &k.o)
			require.ErrorIs(t, err, quiver.ErrIncomplete)
			k.restored()
		},
		"A damaged backup": func(t *testing.T, k *kitchen) {
			k.change("/full/pages.bin", func(b []byte) { b[5000] ^= 1 })
			corruption(t, restoreTo(k.disk, "/new", "/full"))
		},
	}
}

func snapshotRecipes() map[string]func(t *testing.T, k *kitchen) {
	return map[string]func(t *testing.T, k *kitchen){
		"Get rid of a snapshot": func(t *testing.T, k *kitchen) { k.mustBeExact("as it is") },
		"Space in the SnapStore that does not come back": func(t *testing.T, k *kitchen) {
			k.counts(1, 1)
			k.opened(k.mustRepair)
			k.mustBeExact("repaired")
		},
		"A lost or damaged SnapStore": func(t *testing.T, k *kitchen) {
			whole := k.disk
			for _, lost := range [][]string{{storeFile}, {storeIndex}, {storeFile, storeIndex}} {
				k.disk = whole.Snapshot()
				k.o.FS = k.disk
				for _, path := range lost {
					k.lose(path)
				}
				k.opened(func(db *quiver.DB) { k.mustRead(db, "lost") })
				k.opened(k.mustRepair)
				k.mustBeExact("repaired")
			}
		},
		"A lost or damaged `freeze.bin`, `index.bin` or `hashindex.bin`": func(t *testing.T, k *kitchen) {
			whole := k.disk
			for _, name := range []string{"freeze.bin", "index.bin", "hashindex.bin"} {
				k.disk = whole.Snapshot()
				k.o.FS = k.disk
				k.lose(k.path(0, name))
				k.opened(func(db *quiver.DB) { k.mustRead(db, name); k.mustRepair(db); k.mustRead(db, name) })
			}
			k.disk = whole
			k.o.FS = whole
			k.lose(k.path(0, "freeze.bin"))
			k.lose(storeFile)
			k.opened(func(db *quiver.DB) {
				_, err := db.Repair(t.Context(), quiver.RepairOptions{})
				corruption(t, err)
				must(t, db.RemoveSnapshot(k.ids[0]))
				k.mustRepair(db)
			})
		},
		"A snapshot of the original program": func(t *testing.T, k *kitchen) {
			TestVectorsOfSnapshots(t)
		},
	}
}

// listRecipes are for what says which snapshots there are, and where they begin.
func listRecipes() map[string]func(t *testing.T, k *kitchen) {
	return map[string]func(t *testing.T, k *kitchen){
		"A lost `heads.bin`": func(t *testing.T, k *kitchen) {
			k.lose(k.path(0, "heads.bin"))
			k.opened(func(db *quiver.DB) {
				_, err := db.OpenSnapshot(k.ids[0])
				require.ErrorIs(t, err, quiver.ErrSnapshotGone)
				must(t, db.RemoveSnapshot(k.ids[0]))
			})
		},
		"A damaged `heads.bin`": func(t *testing.T, k *kitchen) {
			path := k.path(0, "heads.bin")
			b := must2(k.disk.ReadFile(path))
			b[len(b)/2] ^= 1
			must(t, k.disk.WriteFile(path, b))
			_, err := quiver.Open("/db", &k.o)
			require.ErrorIs(t, err, quiver.ErrCorrupt)
			k.lose(path)
			k.opened(func(db *quiver.DB) { must(t, db.RemoveSnapshot(k.ids[0])) })
		},
		"A damaged `registry.json`": func(t *testing.T, k *kitchen) {
			const path = "/db/.snapshots/registry.json"
			registry := must2(k.disk.ReadFile(path))
			must(t, k.disk.WriteFile(path, registry[:len(registry)/2]))
			_, err := quiver.Open("/db", &k.o)
			require.ErrorIs(t, err, quiver.ErrCorrupt)
			must(t, k.disk.WriteFile(path, registry))
			k.opened(func(db *quiver.DB) { k.mustRead(db, "put back") })
		},
		"A lost `registry.json`": func(t *testing.T, k *kitchen) {
			registry := must2(k.disk.ReadFile("/db/.snapshots/registry.json"))
			k.lose("/db/.snapshots/registry.json")
			k.opened(func(*quiver.DB) {})
			must(t, k.disk.WriteFile("/db/.snapshots/registry.json", registry))
			k.opened(func(db *quiver.DB) { k.mustRead(db, "put back") })
		},
	}
}
