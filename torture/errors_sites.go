package torture

import (
	"path"
	"runtime"
	"strconv"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// errorSite is a place in the engine that makes calls of one kind. Where that
// is a helper of package vfs, the place outside it belongs to the name.
type errorSite struct {
	Place string
	Kind  faultfs.Kind
}

// visit is one call that a site made: the n-th of its kind since the watch
// began, and the n-th of its kind on files of its class.
type visit struct {
	errorSite
	class    faultfs.Class
	n, ofKin int
	last     bool // it was made while the run closed the database for good
	when
}

// when is how many calls were made before a call, since the watch began, and
// how many files and locks were open.
type when struct{ calls, open int }

// siteWatch stands between the engine and the disk and notes who calls. It sees
// the engine's own calls, which the disk cannot: to it the caller is package
// torture.
type siteWatch struct {
	disk   *faultfs.FS
	visits []visit
	counts map[faultfs.Kind]int
	kin    map[[2]uint64]int
	places map[[siteFrames]uintptr]string
	first  int // the disk's calls before the watch began
	last   bool
	off    bool // nothing is counted any more
	// asked is told of each call, on the stack of the caller, and nothing else is
	// noted then; may be nil.
	asked func(faultfs.Kind)
}

const siteFrames = 12

func newSiteWatch() *siteWatch {
	return &siteWatch{counts: map[faultfs.Kind]int{}, kin: map[[2]uint64]int{}, places: map[[siteFrames]uintptr]string{}}
}

// made counts the calls that made a file: of an open only the disk knows it.
func (w *siteWatch) made() int {
	if w.disk == nil {
		return 0
	}
	return w.disk.Count(faultfs.KindCreate, 0)
}

// now is the moment of the call that comes next.
func (w *siteWatch) now() when {
	if w.disk == nil {
		return when{}
	}
	return when{w.disk.Seq() - w.first, w.disk.Handles() + w.disk.Locks()}
}

// restart counts from here on, as the disk does from an Inject on.
func (w *siteWatch) restart(disk *faultfs.FS) {
	w.disk, w.first = disk, disk.Seq()
	w.visits = nil
	clear(w.counts)
	clear(w.kin)
}

// over is another mutation, with the watch above it.
func (w *siteWatch) over(m Mutation) Mutation {
	return func(fsys vfs.FS) vfs.FS { return sitedFS{m.apply(fsys), w} }
}

func (w *siteWatch) note(k faultfs.Kind, path string) {
	if w.off {
		return
	}
	if w.asked != nil {
		w.asked(k)
		return
	}
	w.counts[k]++
	class := faultfs.ClassOf(path)
	kin := [2]uint64{uint64(k), uint64(class)}
	w.kin[kin]++
	w.visits = append(w.visits, visit{errorSite{w.where(), k}, class, w.counts[k], w.kin[kin], w.last, w.now()})
}

// where is the place of the call: the innermost one outside this package, and
// the one that called the helper when that is one of package vfs.
func (w *siteWatch) where() string {
	var pcs [siteFrames]uintptr
	runtime.Callers(4, pcs[:])
	if p, known := w.places[pcs]; known {
		return p
	}
	var names []string
	frames := runtime.CallersFrames(pcs[:])
	for {
		frame, more := frames.Next()
		if frame.File != "" {
			dir, file := path.Split(frame.File)
			names = append(names, path.Base(dir)+"/"+file+":"+strconv.Itoa(frame.Line))
			if !strings.HasPrefix(frame.Function, vfsPackage) {
				break
			}
		}
		if !more {
			break
		}
	}
	place := strings.Join(names[:1], "")
	if len(names) > 1 {
		place += "<" + names[len(names)-1]
	}
	w.places[pcs] = place
	return place
}

const vfsPackage = "github.com/quiverdb/quiverdb-go/quiver/vfs."

type sitedFS struct {
	vfs.FS
	w *siteWatch
}

func (s sitedFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	made, now := s.w.made(), s.w.now()
	f, err := s.FS.OpenFile(path, flag)
	kind := faultfs.KindOpen
	if s.w.made() > made {
		kind = faultfs.KindCreate
	}
	noted := len(s.w.visits)
	if s.w.note(kind, path); len(s.w.visits) > noted {
		s.w.visits[noted].when = now
	}
	if err != nil {
		return nil, err
	}
	return sitedFile{f, s.w, path}, nil
}

func (s sitedFS) Mkdir(path string) error {
	s.w.note(faultfs.KindMkdir, path)
	return s.FS.Mkdir(path)
}

func (s sitedFS) Remove(path string) error {
	s.w.note(faultfs.KindRemove, path)
	return s.FS.Remove(path)
}

func (s sitedFS) Rename(from, to string) error {
	s.w.note(faultfs.KindRename, to)
	return s.FS.Rename(from, to)
}

func (s sitedFS) SyncDir(path string) error {
	s.w.note(faultfs.KindSyncDir, path)
	return s.FS.SyncDir(path)
}

func (s sitedFS) ReadDir(path string) ([]vfs.Info, error) {
	s.w.note(faultfs.KindReadDir, path)
	return s.FS.ReadDir(path)
}

func (s sitedFS) Stat(path string) (vfs.Info, error) {
	s.w.note(faultfs.KindStat, path)
	return s.FS.Stat(path)
}

func (s sitedFS) Lock(path string, exclusive bool) (vfs.Lock, error) {
	s.w.note(faultfs.KindLock, path)
	l, err := s.FS.Lock(path, exclusive)
	if err != nil {
		return nil, err
	}
	return sitedLock{l, s.w, path}, nil
}

// sitedLock notes no SetHolder, which a process does not pass on.
type sitedLock struct {
	vfs.Lock
	w    *siteWatch
	path string
}

func (l sitedLock) Close() error {
	l.w.note(faultfs.KindUnlock, l.path)
	return l.Lock.Close()
}

type sitedFile struct {
	vfs.File
	w    *siteWatch
	path string
}

func (f sitedFile) ReadAt(b []byte, off int64) (int, error) {
	f.w.note(faultfs.KindRead, f.path)
	return f.File.ReadAt(b, off)
}

func (f sitedFile) WriteAt(b []byte, off int64) (int, error) {
	f.w.note(faultfs.KindWrite, f.path)
	return f.File.WriteAt(b, off)
}

func (f sitedFile) Truncate(size int64) error {
	f.w.note(faultfs.KindTruncate, f.path)
	return f.File.Truncate(size)
}

func (f sitedFile) Allocate(off, length int64) error {
	f.w.note(faultfs.KindAllocate, f.path)
	return f.File.Allocate(off, length)
}

func (f sitedFile) Size() (int64, error) {
	f.w.note(faultfs.KindSize, f.path)
	return f.File.Size()
}

func (f sitedFile) Sync() error {
	f.w.note(faultfs.KindSync, f.path)
	return f.File.Sync()
}

func (f sitedFile) SyncData() error {
	f.w.note(faultfs.KindSyncData, f.path)
	return f.File.SyncData()
}

func (f sitedFile) Close() error {
	f.w.note(faultfs.KindClose, f.path)
	return f.File.Close()
}
