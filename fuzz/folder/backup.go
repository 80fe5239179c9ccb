package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/quiverdb/quiverdb-go/fuzz/disk"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Folders of the backups in a scene, and where they are restored.
const (
	fullName = "full"
	partName = "part"
	restored = root + "/restored"
)

// Backup makes a folder of two backups, a full one and an incremental one, changes
// their files as a recipe says, restores them, and checks the answers:
//
//   - No panic, no hang, and no allocation far beyond the size of the files.
//   - An error is of a documented type, and nothing stays open.
//   - Where a full backup is refused there is no database, and where an incremental
//     one is refused the one that it goes over is as it was, or incomplete.
//   - What is restored can be opened; with wayVerify, or if the recipe is Plain, it can
//     be read from end to end; with wayVerify Check finds nothing in it.
//   - Of a Plain recipe every value is one that the key once had; of a Single one
//     the pairs are those of the backup.
//   - The judge, which restores nothing and shares no code with the engine, reads
//     the same pairs from the files of the backups where it finds nothing wrong.
//
// The bytes of an input are those of Folder's recipe, for the scenes of Backups.
func Backup(data []byte) error {
	r := readRecipe(data, Backups())
	watch := time.AfterFunc(hangs, func() { panic("hangs: " + r.String()) })
	defer watch.Stop()
	if err := r.restoreAll(); err != nil {
		return fmt.Errorf("%w\n%v", err, r)
	}
	return nil
}

// restoreAll restores the full backup and, over it, the other one.
func (r *Recipe) restoreAll() error {
	got, limit := uint64(0), r.mayAllocate()
	for range 3 {
		before := allocated()
		if err := r.restoreBoth(); err != nil {
			return err
		}
		if got = allocated() - before; got <= limit {
			return nil
		}
	}
	return fmt.Errorf("%d bytes allocated, at most %d expected", got, limit)
}

// restoreBoth restores into an empty folder. Most recipes leave the full backup as
// it is, whose restore is then the one of the scene.
func (r *Recipe) restoreBoth() error {
	d, err := r.disk()
	if err != nil {
		return err
	}
	var full map[string][]byte
	if r.changed(fullName) {
		if full, err = r.restore(d, nil, fullName); err != nil {
			return fmt.Errorf("full backup: %w", err)
		}
	} else {
		full = r.Scene.Kept[fullName]
		if err := d.Mkdir(restored); err != nil {
			return err
		}
		for name, content := range restoredScenes()[r.Scene.Name] {
			d.SetFile(restored+"/"+name, content)
		}
	}
	if full == nil {
		return nil
	}
	if _, err := r.restore(d, full, partName); err != nil {
		return fmt.Errorf("incremental backup: %w", err)
	}
	return nil
}

// restoredScenes are the files of the full backups of the scenes when they are
// restored, by the name of the scene.
var restoredScenes = sync.OnceValue(func() map[string]map[string][]byte {
	all := map[string]map[string][]byte{}
	for _, s := range Backups() {
		d, err := (&Recipe{Scene: s, Files: s.Files}).disk()
		if err == nil {
			_, err = quiver.Restore(context.Background(), restored, root+"/"+fullName, quiver.RestoreOptions{FS: d})
		}
		files := map[string][]byte{}
		for _, name := range d.Names() {
			below, ok := strings.CutPrefix(name, restored+"/")
			if !ok || err != nil {
				continue
			}
			files[below], err = vfs.ReadFile(d, name, diskBytes)
		}
		if err != nil {
			panic(err) // the scenes are part of the program
		}
		all[s.Name] = files
	}
	return all
})

// changed reports whether the recipe has changed anything below a folder.
func (r *Recipe) changed(folder string) bool {
	for _, files := range []map[string][]byte{r.Files, r.Scene.Files} {
		for name := range files {
			was, there := r.Scene.Files[name]
			is, stays := r.Files[name]
			if strings.HasPrefix(name+"/", folder+"/") && (there != stays || (was == nil) != (is == nil) || !bytes.Equal(was, is)) {
				return true
			}
		}
	}
	return false
}

// restore restores one backup over what was restored before, nil for nothing, and
// returns what the database then holds, nil if the backup is refused.
func (r *Recipe) restore(d *disk.Disk, before map[string][]byte, name string) (map[string][]byte, error) {
	o := quiver.RestoreOptions{FS: d, Verify: r.Way&wayVerify != 0}
	_, refused := quiver.Restore(context.Background(), restored, root+"/"+name, o)
	if n := d.Open(); n > 0 {
		return nil, fmt.Errorf("%d files or locks are still open after %w", n, orNone(refused))
	}
	// An incremental backup that says that it is a full one goes over nothing.
	if refused != nil && !(before != nil && errors.Is(refused, quiver.ErrExists)) {
		if err := r.typed(refused); err != nil {
			return nil, err
		}
	}
	db, v, err := r.openAt(restored, d, true, false)
	if err != nil {
		return nil, err
	}
	if db != nil {
		if err := db.Close(); err != nil {
			return nil, fmt.Errorf("close: %w", err)
		}
	}
	if err := r.judgeBackup(name, refused, v); err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	if refused != nil {
		return nil, untouched(refused, before, v)
	}
	// A restore that does not verify reads all pages, and not what keys stand there.
	readable := len(v.refused) == 0 && v.scanErr == nil
	if v.opened != nil || !readable && (o.Verify || r.Plain) {
		return nil, fmt.Errorf("restored, and then: %w, %v, %w", orNone(v.opened), v.refused, orNone(v.scanErr))
	}
	if o.Verify && (len(v.findings) > 0 || v.checkErr != nil) {
		return nil, fmt.Errorf("verified, and then: %v, %w", v.findings, orNone(v.checkErr))
	}
	if r.Plain {
		if err := r.once(v); err != nil {
			return nil, err
		}
	}
	if r.Single {
		if d := diff(r.Scene.Kept[name], v.scan); d != "" {
			return nil, errors.New(d)
		}
	}
	if !readable {
		return nil, nil
	}
	return v.scan, nil
}

// untouched checks what a restore leaves that was refused: nothing that can be
// opened, unless it is the database that was there, as it was.
func untouched(refused error, before map[string][]byte, v *view) error {
	switch {
	case errors.Is(v.opened, quiver.ErrIncomplete):
		return nil
	case before == nil && errors.Is(v.opened, quiver.ErrNoDatabase):
		return nil
	case before == nil || v.opened != nil:
		return fmt.Errorf("the restore is refused (%w), and the folder then: %w", refused, orNone(v.opened))
	}
	if d := diff(before, v.scan); d != "" {
		return fmt.Errorf("the restore is refused (%w) and has changed the database: %s", refused, d)
	}
	return nil
}

// judgeBackup compares with the judge's reading of the files. It asks less than the
// engine: not for the checksums of whole files that only this project's manifests
// have, nor for what no key leads to.
func (r *Recipe) judgeBackup(name string, refused error, v *view) error {
	if r.Way&wayJudge == 0 {
		return nil
	}
	chain := []judge.BackupFiles{r.backupFiles(fullName)}
	if name == partName {
		chain = append(chain, r.backupFiles(partName))
	}
	j := judge.ReadBackups(chain)
	switch {
	case j == nil && !errors.Is(refused, quiver.ErrIncomplete) && !r.Dirs:
		return fmt.Errorf("there is no manifest, and the answer is %w", orNone(refused))
	case j == nil:
		return nil
	case len(j.Faults) > 0:
		if f := j.Faults[0]; refused == nil && (strings.HasPrefix(f, "manifest: ") || strings.HasSuffix(f, "is not whole")) {
			return errors.New("the backup is restored, the judge: " + f)
		}
		return nil
	case refused != nil || v.scanErr != nil:
		if m, err := format.DecodeManifest(chain[len(chain)-1].Manifest); r.Plain && err == nil && m.Extra == nil {
			return fmt.Errorf("nothing is wrong, and the answer is %w", refused)
		}
		return nil
	}
	want := make(map[string][]byte, len(j.Pairs))
	for key, value := range j.Pairs {
		want[key] = []byte(value)
	}
	return orNil(diff(want, v.scan))
}

func (r *Recipe) backupFiles(folder string) judge.BackupFiles {
	file := func(name string) []byte { return r.Files[folder+"/"+name] }
	return judge.BackupFiles{Manifest: file(format.BackupManifest), Pages: file(format.PagesName), Dir: file(format.BackupDirName)}
}
