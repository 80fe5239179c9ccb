package torture

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// beside is what the engine makes of the folders beside the database: backups,
// and what they were restored into. Each is judged by itself, and equal folders
// are judged once.
type beside struct {
	backups, copies []held
	flaws           []secondFlaw // wrong whatever had been promised; at.point is nil where there was no second crash
}

// besides judges such folders, of any number of disks.
type besides struct {
	p     *prober
	known map[string]held
	again map[string]bool // what was incomplete there was made again
	live  bool            // the disk is that of a killed process: what is pending counts, so nothing is judged once
	depth Depth
	flaws []secondFlaw
	calls [2]int // of what was made again, and of those the explored ones
}

func newBesides(p *prober) *besides {
	return &besides{p: p, known: map[string]held{}, again: map[string]bool{}}
}

func (s *besides) flaw(rule, format string, args ...any) {
	s.flaws = append(s.flaws, secondFlaw{flaw: flaw{rule, fmt.Sprintf(format, args...)}})
}

// look judges all folders of a disk, of which fresh gives copies.
func (s *besides) look(fresh func() *faultfs.FS, l *ledger) *beside {
	s.flaws = nil
	defer func() {
		if x := recover(); x != nil {
			s.flaw("I16 no panic", "panic: %v", x)
		}
	}()
	o := &beside{}
	disk := fresh()
	for _, b := range l.backups {
		h := s.backup(disk, b)
		o.backups = append(o.backups, h)
		if h.how == unfinished && s.first(disk, b.dir()) {
			s.backUpAgain(fresh(), b)
		}
	}
	for _, c := range l.copies {
		h := s.copy(disk, c)
		o.copies = append(o.copies, h)
		if h.how == unfinished && s.first(disk, c.dir()) {
			s.restoreAgain(fresh(), c)
		}
		if h.how == whole && s.live {
			s.writeOn(fresh(), c, h)
		}
	}
	o.flaws = s.flaws
	return o
}

// first tells whether what is in a folder was not made again before.
func (s *besides) first(disk *faultfs.FS, dir string) bool {
	if s.live {
		return true
	}
	key := dir + filesOf(disk, dir)
	if s.again[key] {
		return false
	}
	s.again[key] = true
	return true
}

// filesOf is a text that is equal for equal files of a folder.
func filesOf(disk *faultfs.FS, dirs ...string) string {
	ex, err := extract(disk, "", dirs...)
	if err != nil {
		return err.Error()
	}
	return ex.Digest().String()
}

func has(disk *faultfs.FS, dir string) bool {
	return slices.ContainsFunc(disk.List(), func(p string) bool { return strings.HasPrefix(p, "/"+dir+"/") })
}

// backup restores a backup, with those that it goes over, to where no database is,
// and judges what comes of it.
func (s *besides) backup(disk *faultfs.FS, b *backup) held {
	if !has(disk, b.dir()) {
		return held{}
	}
	var dirs []string
	for _, x := range b.chain() {
		dirs = append(dirs, x.dir())
	}
	ex, err := extract(disk, "", dirs...)
	if err != nil {
		s.flaw("harness", "%v", err)
		return held{}
	}
	key := b.dir() + ex.Digest().String()
	if h, known := s.known[key]; known {
		return h
	}
	h := s.restoreChain(ex, b)
	if len(s.flaws) == 0 {
		s.known[key] = h
	}
	return h
}

func (s *besides) restoreChain(ex *faultfs.FS, b *backup) held {
	var chain []raw.BackupFiles
	for _, x := range b.chain() {
		read := func(name string) []byte {
			data, err := ex.ReadFile(x.dir() + "/" + name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.flaw("harness", "%v", err)
			}
			return data
		}
		chain = append(chain, raw.BackupFiles{Manifest: read("manifest.json"), Pages: read("pages.bin"), Dir: read("dir.bin")})
	}
	view := raw.ReadBackups(chain)
	for _, x := range b.chain() {
		before := ex.Digest()
		_, err := restore(root, x.dir(), s.p.fs(ex))
		if err == nil {
			continue
		}
		if h, ok := refusal(err); !ok || h != unfinished || x != b {
			s.flaw("I13 backup", "restoring %s, of which there is %s: %v", x.dir(), strings.Join(ex.List(), " "), err)
		} else if x.base == nil && ex.Digest() != before {
			s.flaw("I13 backup", "a refused restore has left something")
		}
		return held{how: unfinished}
	}
	if view == nil {
		s.flaw("I7 raw", "%s has no manifest, and is restored", b.dir())
		return held{}
	}
	s.refusedAgain(ex, b, view.Meta.LastLSN)
	h := s.database(ex)
	switch got := s.p.contents[h.holds]; {
	case len(view.Faults) > 0:
		s.flaw("I7 raw", "%s, read without the engine: %s", b.dir(), view.Fault())
	case !model.Equal(model.State(view.Pairs), got):
		s.flaw("I7 raw", "%s, read without the engine, holds something else: %s", b.dir(), model.Diff(model.State(view.Pairs), got))
	}
	return h
}

// refusedAgain: an incremental backup goes over the state that it was made from,
// and over no other.
func (s *besides) refusedAgain(ex *faultfs.FS, b *backup, lsn uint64) {
	if b.base == nil || lsn == b.base.lsn {
		return
	}
	before := rootBytes(ex)
	_, err := restore(root, b.dir(), s.p.fs(ex))
	if !errors.Is(err, quiver.ErrIncompatible) {
		s.flaw("I14 restore", "%s goes over LSN %d, and over LSN %d too: %v", b.dir(), b.base.lsn, lsn, err)
	}
	if rootBytes(ex) != before {
		s.flaw("I14 restore", "a restore over another state is refused (%v) and changes it", err)
	}
}

// database judges a restored database, which stands in the place of the database
// on a disk of its own: it is whole, closed cleanly, accounted for, and takes
// writes.
func (s *besides) database(ex *faultfs.FS) held {
	h := held{how: whole, bytes: restoredBytes(ex)}
	v, err := rawView(ex)
	if err != nil || v == nil {
		s.flaw("I14 restore", "no database (error: %v)", err)
		return h
	}
	for _, f := range slices.Concat(v.Faults, v.Closed(true)) {
		s.flaw("I7 raw", "restored: %s", f)
	}
	db, err := quiver.Open(root, s.p.k.options(s.p.fs(ex)))
	if err != nil {
		s.flaw("I14 restore", "the restored database: %v", err)
		return h
	}
	got, err := content(db, s.p.keys)
	if err != nil {
		s.flaw("I14 restore", "the restored database: %v", err)
	}
	h.holds = s.p.intern(got)
	switch {
	case db.Recovery().Unclean:
		s.flaw("I14 restore", "the restored database is called unclean")
	case len(v.Faults) == 0 && !model.Equal(model.State(v.Pairs), got):
		s.flaw("I7 raw", "restored, the bytes hold something else: %s", model.Diff(model.State(v.Pairs), got))
	case db.LastLSN() < v.MaxLSN():
		s.flaw("I6 LSN", "LastLSN of the restored database is %d, and %d stands in it", db.LastLSN(), v.MaxLSN())
	}
	o := &outcome{}
	first := s.p.carry(o, ex, db, got, v.MaxLSN())
	if at := slices.IndexFunc(ex.List(), func(p string) bool { return path.Dir(p) == "/"+root && path.Ext(p) == ".tmp" }); first && at >= 0 {
		s.flaw("I20 no leaks", "%s stays beside a restored database that was written on", ex.List()[at])
	}
	for _, f := range o.flaws {
		s.flaw(f.rule, "restored: %s", f.text)
	}
	return h
}

// rootBytes tells the bytes of a database apart, the lock left out.
func rootBytes(disk *faultfs.FS) faultfs.Digest {
	ex, err := extract(disk, "", root)
	if err != nil {
		return 0
	}
	return ex.Digest()
}

// restoredBytes leaves meta.tmp out too. A restore whose last sync failed makes its
// marker again, in vain where the process dies: what is durable then is the whole
// database, with any of the names that were on their way. No order of calls makes
// a file under one name and leaves no other behind at any moment; nobody reads
// meta.tmp, and the next new meta takes it away, which database looks for.
func restoredBytes(disk *faultfs.FS) faultfs.Digest {
	d := disk.Snapshot()
	_ = d.RemoveFile(inRoot("meta.tmp")) // it may be absent
	return rootBytes(d)
}

// copy judges a folder that backups were restored into.
func (s *besides) copy(disk *faultfs.FS, c *restored) held {
	if !has(disk, c.dir()) {
		return held{}
	}
	dirs := []string{c.dir(), c.steps[0].of.dir()}
	ex, err := extract(disk, c.dir(), dirs...)
	if err != nil {
		s.flaw("harness", "%v", err)
		return held{}
	}
	key := c.dir() + ex.Digest().String()
	if h, known := s.known[key]; known {
		return h
	}
	h := s.folder(ex, c)
	if len(s.flaws) == 0 {
		s.known[key] = h
	}
	return h
}

func (s *besides) folder(ex *faultfs.FS, c *restored) held {
	before := ex.Digest()
	ro, err := quiver.OpenReadOnly(root, s.p.k.options(s.p.fs(ex)))
	if err == nil {
		if err := ro.Close(); err != nil {
			s.flaw("I14 restore", "closing %s: %v", c.dir(), err)
		}
		if _, err := restore(root, c.steps[0].of.dir(), s.p.fs(ex)); !errors.Is(err, quiver.ErrExists) {
			s.flaw("I14 restore", "restoring over what is there: %v", err)
		}
		ex = withoutTheLock(ex)
		if ex.Digest() != before {
			s.flaw("I14 restore", "a restore over what is there has changed it")
		}
		return s.database(ex)
	}
	h, ok := refusal(err)
	if !ok {
		s.flaw("I14 restore", "opening %s: %v", c.dir(), err)
	}
	if _, err := quiver.Open(root, s.p.k.options(s.p.fs(ex))); err == nil || !errors.Is(err, quiver.ErrIncomplete) && !errors.Is(err, quiver.ErrNoDatabase) {
		s.flaw("I14 restore", "opening %s for writing: %v, a reader is refused", c.dir(), err)
	}
	if err := quiver.Init(root, s.p.k.init(s.p.fs(ex))); h == unfinished && !errors.Is(err, quiver.ErrIncomplete) {
		s.flaw("I14 restore", "init of %s, which is incomplete: %v", c.dir(), err)
	}
	if h == unfinished && withoutTheLock(ex).Digest() != before {
		s.flaw("I14 restore", "who opens what is incomplete changes it")
	}
	return held{how: unfinished} // there are files, which a restore has made
}

func withoutTheLock(disk *faultfs.FS) *faultfs.FS {
	d := disk.Snapshot()
	_ = d.RemoveFile(inRoot("LOCK")) // it may be absent
	return d
}

// beside is what judges the folders beside the database; live says that the disk
// is that of a killed process.
func (p *prober) beside(depth Depth, live bool) *besides {
	if p.folders == nil {
		p.folders = newBesides(p)
	}
	p.folders.depth, p.folders.live = depth, live
	return p.folders
}

// removeAll removes a folder with all that is in it.
func removeAll(disk *faultfs.FS, dir string) {
	infos, err := disk.ReadDir(dir)
	if err != nil {
		return // it is not there
	}
	for _, in := range infos {
		if p := dir + "/" + in.Name; in.Dir {
			removeAll(disk, p)
		} else {
			_ = disk.Remove(p) // what stays is judged with the database
		}
	}
	_ = disk.Remove(dir)
}
