package torture

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Scenes with snapshots that outlive their process: the registry, the files of
// each snapshot and, with dedup, the store of their pages are damaged too.

// keptScenes are their names, in the place of a workload in a token.
func keptScenes() []string { return []string{"kept", "kept killed", "kept dedup", "kept dedup killed"} }

// keeping writes such a scene.
type keeping struct {
	s      *scene
	disk   *faultfs.FS
	db     *quiver.DB
	stages []*faultfs.FS
	ids    []string // of the snapshots, as the engine named them
	number uint64
	err    error
}

func keptScene(name string) (*scene, error) {
	if !slices.Contains(keptScenes(), name) {
		return nil, fmt.Errorf("torture: no scene %q", name)
	}
	knobs := DefaultKnobs()
	knobs.Buckets, knobs.DataFsync, knobs.LogKiB, knobs.ChunkKiB = 2, strings.Contains(name, "dedup"), 96, 96
	k := &keeping{disk: faultfs.New(faultfs.Options{NoReads: true}),
		s: &scene{name: name, w: Workload{Knobs: knobs, Start: "empty"}, values: map[string]map[string]bool{}, snaps: map[string]model.State{}}}
	k.write()
	if k.err != nil {
		return nil, fmt.Errorf("torture: scene %s: %w", name, k.err)
	}
	if err := k.neutral(); err != nil {
		return nil, err
	}
	k.s.keys = append(k.s.keys, "missing")
	for bucket := range knobs.Buckets {
		k.s.keys = append(k.s.keys, keyIn(bucket, 500, knobs.Buckets))
	}
	return k.s, k.s.readLog()
}

func (k *keeping) write() {
	o := k.s.options(quiet{k.disk})
	if k.err = quiver.Init(root, k.s.w.Knobs.init(quiet{k.disk})); k.err != nil {
		return
	}
	if k.db, k.err = quiver.Open(root, o); k.err != nil {
		return
	}
	a, b, c, d := keyIn(0, 0, 2), keyIn(0, 1, 2), keyIn(1, 0, 2), keyIn(1, 1, 2)
	k.s.keys = []string{a, b, c, d}
	k.put(a, 300)
	k.put(b, 5000)
	k.put(c, 700)
	k.snapshot()
	k.put(a, 310)
	k.delete(c)
	k.put(d, 9000)
	k.stage()
	k.keep(k.db.Checkpoint())
	k.snapshot()
	k.put(b, 100)
	k.put(c, 40)
	k.put(a, 320)
	k.stage()
	if !strings.Contains(k.s.name, sceneKilled) {
		k.keep(k.db.Close())
	}
	k.stage()
}

func (k *keeping) keep(err error) { k.err = cmp.Or(k.err, err) }

func (k *keeping) put(key string, size int) {
	k.number++
	v := value(k.number, Change{Key: key, Size: size})
	k.keep(k.db.Put([]byte(key), []byte(v)))
	next := k.s.now.Clone()
	next[key] = v
	k.s.previous, k.s.now = k.s.now, next
	k.s.remember(next)
}

func (k *keeping) delete(key string) {
	_, err := k.db.Delete([]byte(key))
	k.keep(err)
	next := k.s.now.Clone()
	delete(next, key)
	k.s.now = next
}

func (k *keeping) snapshot() {
	s, err := k.db.Snapshot()
	if err != nil {
		k.keep(err)
		return
	}
	k.ids = append(k.ids, s.ID())
	k.s.snaps[keptID(len(k.ids))] = k.s.now
	k.keep(s.Close())
	k.stage()
}

func (k *keeping) stage() { k.stages = append(k.stages, k.disk.Snapshot()) }

// keptID is the name of a snapshot in a scene: those of the engine tell the
// process, and a scene must be the same everywhere.
func keptID(n int) string { return "snapshot-" + strconv.Itoa(n) }

// neutral writes the stages to a new disk, one over the other, with other names
// of the snapshots, so that what was there before is in the past of the disk.
func (k *keeping) neutral() error {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	for _, stage := range k.stages {
		for _, p := range disk.List() {
			if _, err := stage.Stat(k.own(p)); err != nil {
				if err := disk.Remove(p); err != nil {
					return err
				}
			}
		}
		for _, p := range stage.List() {
			b, err := stage.ReadFile(p)
			if err != nil || faultfs.ClassOf(p) == faultfs.ClassLock {
				continue
			}
			if path.Base(p) == "registry.json" {
				b = []byte(k.rename(string(b)))
			}
			if err := putFile(disk, k.rename(p), b); err != nil {
				return err
			}
		}
		disk.SyncAll()
	}
	k.s.past, k.s.disk = disk.Log(), disk.Snapshot()
	return nil
}

// rename gives a text the names of the scene, own those of the engine.
func (k *keeping) rename(text string) string {
	for i, id := range k.ids {
		text = strings.ReplaceAll(text, id, keptID(i+1))
	}
	return text
}

func (k *keeping) own(text string) string {
	for i, id := range k.ids {
		text = strings.ReplaceAll(text, keptID(i+1), id)
	}
	return text
}

func putFile(disk *faultfs.FS, p string, b []byte) error {
	if old, err := disk.ReadFile(p); err == nil && string(old) == string(b) {
		return nil
	}
	if _, err := vfs.MkdirAll(disk, path.Dir(p)); err != nil {
		return err
	}
	f, err := disk.OpenFile(p, vfs.Write|vfs.Create|vfs.Truncate)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Close())
}

// snapshots reads the snapshots of a scene: each key is as it was, or refuses
// with a typed error, or the whole snapshot does.
func (j *judge) snapshots() (answer, error) {
	a := allRight
	for _, id := range slices.Sorted(maps.Keys(j.s.snaps)) {
		want := j.s.snaps[id]
		s, err := j.db.OpenSnapshot(id)
		if err != nil {
			if err := j.typed(err); err != nil {
				return "", fmt.Errorf("snapshot %s: %w", id, err)
			}
			a = partly
			continue
		}
		told, err := j.readSnapshot(s, want)
		if e := s.Close(); err == nil && e != nil {
			err = j.typed(e)
		}
		if err != nil {
			return "", fmt.Errorf("I12 snapshot %s: %w", id, err)
		}
		if told != allRight {
			a = told
		}
	}
	return a, nil
}

func (j *judge) readSnapshot(s *quiver.Snapshot, want model.State) (answer, error) {
	got, bad := model.State{}, map[string]bool{}
	for _, k := range j.s.keys {
		v, found, err := s.Get([]byte(k))
		switch {
		case err != nil:
			if err := j.typed(err); err != nil {
				return "", fmt.Errorf("get %q: %w", k, err)
			}
			bad[k] = true
		case found:
			got[k] = string(v)
		}
	}
	expect := want.Clone()
	for k := range bad {
		delete(expect, k)
	}
	a := allRight
	if len(bad) > 0 {
		a = partly
	}
	d := model.Diff(got, expect)
	switch {
	case d == "":
		return a, nil
	case j.older() && j.everWas(got):
		return oldVersion, nil
	}
	return "", errors.New(d)
}
