package folder

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// snap begins a snapshot that is kept, and notes what it holds.
func (a *author) snap() string {
	a.t.Helper()
	sn, err := a.db.Snapshot()
	a.must(err)
	if a.Kept == nil {
		a.Kept = map[string]map[string][]byte{}
	}
	a.Kept[sn.ID()] = maps.Clone(a.Now)
	a.must(sn.Close())
	return sn.ID()
}

// snapshotScenes are smaller than the others, since opening one reads its snapshots
// too. They have snapshots that outlived their process: one that was closed
// cleanly, one with a log left behind, and one whose frozen pages stand in the
// SnapStore alone.
func snapshotScenes(t *testing.T) []*Scene {
	var list []*Scene
	for _, kind := range []struct {
		name  string
		dedup bool
		o     quiver.Options
	}{{"kept", false, small()}, {"kept-log", false, unsynced()}, {"dedup", true, small()}} {
		kind.o.SnapPersist, kind.o.SnapDedup, kind.o.Clock = true, kind.dedup, fixedClock{1}
		a := newAuthor(t, quiver.InitOptions{Buckets: 1}, kind.o)
		for i := range 6 {
			key := fmt.Sprintf("key %02d", i)
			a.put(key, text(key, 1, 700))
		}
		a.put("long", text("long", 1, 4500))
		first := a.snap()
		a.group(map[string][]byte{"key 02": text("key 02", 2, 600), "key 01": nil, "long": text("long", 2, 5000)})
		a.snap()
		a.put("key 03", text("key 03", 2, 600))
		if kind.name == "kept-log" {
			ended := a.snap()
			a.put("key 05", text("key 05", 2, 300))
			a.must(a.db.EndSnapshot(ended))
			delete(a.Kept, ended)
			a.must(a.db.Checkpoint())
			a.put("key 00", text("key 00", 2, 500))
			a.group(map[string][]byte{"key 04": text("key 04", 2, 20), "batch": text("batch", 1, 100)})
		} else {
			a.put("key 04", text("key 04", 2, 10))
			a.close()
		}
		s := a.finish(kind.name)
		if kind.dedup {
			// As a compaction of the folder by hand would leave it: the engine reads
			// these pages through hashindex.bin.
			for _, file := range []string{format.FreezeName, format.IndexName} {
				s.drop(snapshotsName + "/" + first + "/" + file)
			}
		}
		list = append(list, s)
	}
	return list
}

func (s *Scene) drop(name string) {
	delete(s.Files, name)
	for i, n := range s.Names {
		if n == name {
			s.Names = append(s.Names[:i:i], s.Names[i+1:]...)
			return
		}
	}
}

// backupScenes are backups, a full one and one that goes over it, and a folder in
// which the restore of the first was interrupted at its end.
func backupScenes(t *testing.T) []*Scene {
	a := newAuthor(t, quiver.InitOptions{Buckets: 2}, small())
	a.fill()
	full, err := a.db.Backup(context.Background(), "/b/full", quiver.BackupOptions{})
	a.must(err)
	a.Kept = map[string]map[string][]byte{"full": maps.Clone(a.Now)}
	a.more()
	_, err = a.db.Backup(context.Background(), "/b/part", quiver.BackupOptions{Since: &full.LSN})
	a.must(err)
	a.Kept["part"] = maps.Clone(a.Now)
	a.close()

	half := a.State
	half.Now, half.Kept, half.Half = half.Kept["full"], nil, true
	var restoring *Scene
	_, err = quiver.Restore(context.Background(), root+"2", "/b/full", quiver.RestoreOptions{FS: a.disk, Progress: func(p quiver.Progress) {
		if p.Phase == "recount" && restoring == nil {
			restoring = (&author{t: t, disk: a.disk.Clone(), State: half}).take("restoring", root+"2/")
		}
	}})
	a.must(err)
	if restoring == nil || restoring.Files[restoreName] == nil {
		t.Fatal("the restore was not seen")
	}

	ours := a.take("backup", "/b/")
	original := &Scene{Name: "backup-original", Files: maps.Clone(ours.Files), Names: ours.Names, State: ours.State}
	for _, name := range ours.Names {
		if strings.HasSuffix(name, format.BackupManifest) {
			var m map[string]json.RawMessage
			a.must(json.Unmarshal(ours.Files[name], &m))
			original.Files[name] = fmt.Appendf(nil, `{"snapshot_lsn":%s,"since_lsn":%s,"page_size":%s,"pages_emitted":%s,"bytes_emitted":%s,"dir_present":%s,"dir_bytes":%s}`,
				m["snapshot_lsn"], m["since_lsn"], m["page_size"], m["pages_emitted"], m["bytes_emitted"], m["dir_present"], m["dir_bytes"])
		}
	}
	return []*Scene{restoring, ours, original}
}

// take takes what stands below a folder of the disk as the death of the process
// leaves it.
func (a *author) take(name, folder string) *Scene {
	a.t.Helper()
	s := &Scene{Name: name, Files: map[string][]byte{}, State: a.State}
	for _, path := range a.disk.Names() {
		below, ok := strings.CutPrefix(path, folder)
		info, err := a.disk.Stat(path)
		a.must(err)
		if !ok || info.Dir || below == "LOCK" || strings.HasSuffix(below, "quiver-lock") || below == "quiver-reserve" {
			continue
		}
		b, err := vfs.ReadFile(a.disk, path, diskBytes)
		a.must(err)
		s.Files[below] = b
		s.Names = append(s.Names, below)
	}
	return s
}

// TestBackupScenes: every backup holds what is noted of it, and the ways to change
// one lead somewhere.
func TestBackupScenes(t *testing.T) {
	list := Backups()
	if len(list) < 2 {
		t.Fatalf("%d backups", len(list))
	}
	for i := range list {
		for _, way := range []byte{0, wayJudge | wayVerify} {
			if err := Backup([]byte{byte(i), way}); err != nil {
				t.Errorf("%s: %v", list[i].Name, err)
			}
		}
	}
}
