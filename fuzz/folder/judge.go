package folder

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/fuzz/disk"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Folder makes the folder of a recipe, opens it, and checks the answers:
//
//   - No panic, no hang, and no allocation far beyond the size of the files.
//   - An error is of a documented type and names a file of the folder. After a
//     refusal nothing is open.
//   - A reader changes nothing. A refused open changes nothing either.
//   - What a Plain recipe is answered with is a value that the key once had; what
//     a Single one is answered with is the right value, or the key is refused.
//   - Where Check finds nothing, everything can be read, gets and scans agree, and
//     the judge, which shares no code with the engine, reads the same pairs.
//   - A writer answers as a reader does. Where nothing is wrong, it can write; what
//     it has not touched stays, through a close and another open, and at the end
//     nothing is wrong.
//   - Snapshots obey the same rules: what one answers is what it held, or an error;
//     writing, closing and opening again changes none, and the judge reads the same.
//   - While a restore into the folder is not complete it is not opened.
//   - Salvage opens or refuses by the same rules, and invents no value.
func Folder(data []byte) error {
	r := ReadRecipe(data)
	if _, err := r.check(); err != nil {
		return fmt.Errorf("%w\n%v", err, r)
	}
	return nil
}

// String tells the recipe in words.
func (r *Recipe) String() string {
	text := fmt.Sprintf("scene %s, way %#x:", r.Scene.Name, r.Way)
	for _, t := range r.Story {
		text += "\n\t" + t.String()
	}
	return text
}

// hangs is how long one recipe may take; most need a millisecond.
const hangs = 30 * time.Second

// check applies the rules and returns what a reader saw.
func (r *Recipe) check() (*view, error) {
	watch := time.AfterFunc(hangs, func() { panic("hangs: " + r.String()) })
	defer watch.Stop()
	// The runtime counts small allocations by whole spans, so only an excess that
	// comes every time is one.
	got, limit := uint64(0), r.mayAllocate()
	for range 3 {
		before := allocated()
		v, err := r.answers()
		if err != nil {
			return nil, err
		}
		if got = allocated() - before; got <= limit {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%d bytes allocated, at most %d expected", got, limit)
}

// answers opens the folder in all the ways that the recipe asks for.
func (r *Recipe) answers() (*view, error) {
	d, err := r.disk()
	if err != nil {
		return nil, err
	}
	v, err := r.read(d)
	if err != nil {
		return nil, fmt.Errorf("reader: %w", err)
	}
	if r.Way&wayJudge != 0 {
		if err := r.compare(v); err != nil {
			return nil, fmt.Errorf("judge: %w", err)
		}
	}
	if r.Way&wayWrite != 0 {
		if err := r.write(d.Clone(), v); err != nil {
			return nil, fmt.Errorf("writer: %w", err)
		}
	}
	if v.opened != nil {
		if err := r.salvage(d); err != nil {
			return nil, fmt.Errorf("salvage: %w", err)
		}
	}
	return v, nil
}

// mayAllocate is what a recipe may allocate in all its opens: some times the
// size of its files. For each entry of a hashindex.bin an open looks at one page of
// the SnapStore, and the memory for it is not used again.
func (r *Recipe) mayAllocate() uint64 {
	n := 16 << 20
	for name, b := range r.Files {
		n += 64 * len(b)
		if path.Base(name) == format.HashIndexName {
			n += 10 * len(b) / format.FrozenEntrySize * r.pageSize()
		}
	}
	return uint64(n)
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// The files of locks, which an open may make and write. That of the SnapStore stands
// in a folder of its own, which an open with SnapDedup makes for it.
const (
	lockPath      = root + "/LOCK"
	storePath     = root + "/" + snapStoreName
	storeLockPath = storePath + "/quiver-lock"
)

func (r *Recipe) read(d *disk.Disk) (*view, error) {
	before := d.Clone()
	db, v, err := r.open(d, true, false)
	if err != nil {
		return nil, err
	}
	if db != nil {
		if err := db.Close(); err != nil {
			return nil, fmt.Errorf("close: %w", err)
		}
		if err := cmp.Or(r.right(v), r.rightSnapshots(v)); err != nil {
			return nil, err
		}
	}
	// What is not complete is not opened, whatever else is there.
	if _, marked := r.Files[restoreName]; marked && !errors.Is(v.opened, quiver.ErrIncomplete) {
		return nil, fmt.Errorf("%s is there, and the answer is %w", restoreName, orNone(v.opened))
	}
	if n := d.Open(); n > 0 {
		return nil, fmt.Errorf("%d files or locks are still open", n)
	}
	if !d.Same(before, lockPath) {
		return nil, errors.New("the files have changed")
	}
	return v, nil
}

// right compares the answers with what the scene held.
func (r *Recipe) right(v *view) error {
	if r.Plain {
		if err := r.once(v); err != nil {
			return err
		}
	}
	if !r.Single {
		return nil
	}
	got := maps.Clone(v.got)
	for key := range v.refused {
		if value, there := r.Scene.Now[key]; there {
			got[key] = value
		}
	}
	d := diff(r.Scene.Now, got)
	if d == "" || r.Scene.Before == nil {
		return orNil(d)
	}
	for key := range v.refused {
		delete(got, key)
		if value, there := r.Scene.Before[key]; there {
			got[key] = value
		}
	}
	// Damage in the last group of a log looks like a torn write.
	if diff(r.Scene.Before, got) == "" {
		return nil
	}
	return errors.New(d)
}

func orNil(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

// once checks that every value is one that its key had once.
func (r *Recipe) once(v *view) error {
	if err := r.had(v.got); err != nil {
		return err
	}
	return r.had(v.scan)
}

// compare lets the judge read the files, who knows only what this project writes.
// Where neither finds anything wrong both must read the same pairs.
func (r *Recipe) compare(v *view) error {
	var paths []string
	for name, content := range r.Files {
		if content != nil {
			paths = append(paths, root+"/"+name)
		}
	}
	files, err := judge.Load(root, paths, func(path string) ([]byte, error) { return r.Files[path[len(root)+1:]], nil })
	if err != nil {
		return err
	}
	j := judge.Recover(files)
	if v.recovery.Foreign || !v.sound() || r.otherTypes() {
		return nil
	}
	if len(j.Faults) > 0 {
		return r.unseen(j.Faults)
	}
	want := make(map[string][]byte, len(j.Pairs))
	for key, value := range j.Pairs {
		want[key] = []byte(value)
	}
	if d := diff(want, v.scan); d != "" {
		return errors.New(d)
	}
	return r.compareSnapshots(j, v)
}

// otherTypes reports whether a slot of the log has a valid record that is no page
// image. The engine passes over it, the judge takes it for the end of the log.
func (r *Recipe) otherTypes() bool {
	log := r.Files[logName]
	begin, stride := r.units(logName)
	for at := begin; at+stride <= len(log); at += stride {
		slot := log[at : at+stride]
		if slot[0] != format.RecordPageImage && sum(slot[:24], slot[recordHeader:]) == binary.LittleEndian.Uint32(slot[24:]) {
			return true
		}
	}
	return false
}

// unseen finds, among the faults that the judge has with a folder in which the
// engine finds nothing wrong, one that the engine should have seen. The judge
// refuses much that the formats allow, and knows no record types but images; so
// with a log it is not asked.
func (r *Recipe) unseen(faults []string) error {
	if len(r.Files[logName]) > logHeader {
		return nil
	}
	for _, f := range faults {
		ofPages := strings.HasPrefix(f, "bucket ") || strings.HasPrefix(f, "key ") || strings.HasPrefix(f, "page ")
		if ofPages && !strings.Contains(f, "next_page_id is") {
			return errors.New("the engine does not see: " + f)
		}
	}
	return nil
}

// write opens the folder for writing, compares with the reader's view, goes on
// working, and opens it once more.
func (r *Recipe) write(d *disk.Disk, reader *view) error {
	before := d.Clone()
	db, v, err := r.open(d, false, false)
	if err != nil {
		return err
	}
	// A reader needs no room, and no file that it does not read.
	own := errors.Is(v.opened, quiver.ErrUnclean) || errors.Is(v.opened, quiver.ErrFull) || r.Dirs || ofSnapshots(v.opened) && reader.snapshotsFail()
	if err := sameAnswers(reader, v); err != nil && !own {
		return fmt.Errorf("reader and writer differ: %w", err)
	}
	if db == nil {
		if !d.Same(before, lockPath, storePath, storeLockPath) && !errors.Is(v.opened, quiver.ErrFull) {
			return fmt.Errorf("open refused (%w) and has changed the files", v.opened)
		}
		return nil
	}
	want := maps.Clone(v.scan)
	removed, err := r.goOn(db, v, want)
	if e := db.Close(); e != nil && err == nil {
		err = r.typed(e)
	}
	if err != nil {
		return err
	}
	db, again, err := r.open(d, true, false)
	if err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	if db != nil {
		defer func() { _ = db.Close() }()
	}
	if !v.sound() || !reader.sound() {
		return nil
	}
	if !again.sound() {
		return fmt.Errorf("nothing was wrong before, and now: %w, %v, %w, %v", orNone(again.opened), again.refused, orNone(again.scanErr), again.findings)
	}
	if d := diff(want, again.scan); d != "" {
		return errors.New(d)
	}
	delete(reader.kept, removed)
	return keptOn(reader, again)
}

// goOn writes, and with waySnap ends a snapshot, which it names. What answers with
// an error has not happened.
func (r *Recipe) goOn(db *quiver.DB, v *view, want map[string][]byte) (removed string, broken error) {
	step := func(what string, err error) (done bool, broken error) {
		switch {
		case err == nil:
			return true, nil
		case v.sound() && !r.Dirs:
			return false, fmt.Errorf("%s fails where nothing is wrong: %w", what, err)
		case r.typed(err) != nil && !errors.Is(err, quiver.ErrPoisoned):
			return false, fmt.Errorf("%s: %w", what, r.typed(err))
		}
		return false, nil
	}
	if r.Way&wayRecount != 0 {
		_, err := db.Recount(context.Background(), nil)
		if _, broken := step("recount", err); broken != nil {
			return "", broken
		}
	}
	write := func() error { return r.goOnWriting(db, v, want, step) }
	if r.Way&waySnap != 0 {
		return r.snapOn(db, v, want, step, write)
	}
	return "", write()
}

func (r *Recipe) goOnWriting(db *quiver.DB, v *view, want map[string][]byte, step func(string, error) (bool, error)) error {
	long := bytes.Repeat([]byte("long "), 1800)
	var b quiver.Batch
	for i := range 6 {
		b.Put(fmt.Appendf(nil, "new %d", i), long[:100*i])
	}
	b.Put([]byte("key 03"), long)
	done, broken := step("write", db.Write(&b))
	if broken != nil {
		return broken
	}
	if done {
		for i := range 6 {
			want[fmt.Sprintf("new %d", i)] = long[:100*i]
		}
		want["key 03"] = long
	}
	had, err := db.Delete([]byte("key 04"))
	done, broken = step("delete", err)
	if broken != nil {
		return broken
	}
	if _, there := want["key 04"]; done && v.sound() && had != there {
		return fmt.Errorf("delete of key 04: it was there %v, Delete says %v", there, had)
	}
	if done {
		delete(want, "key 04")
	}
	return nil
}

// salvage opens what was refused.
func (r *Recipe) salvage(d *disk.Disk) error {
	db, v, err := r.open(d, r.Way&wayWrite == 0, true)
	if err != nil || db == nil {
		return err
	}
	if r.Plain {
		err = r.once(v)
	}
	if e := db.Close(); err == nil && e != nil {
		err = r.typed(e)
	}
	return err
}
