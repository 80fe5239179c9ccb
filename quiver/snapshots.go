package quiver

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
	"github.com/quiverdb/quiverdb-go/quiver/internal/snap"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// SnapshotInfo is what the registry tells of a persisted snapshot.
type SnapshotInfo struct {
	ID        string `json:"id"`
	LSN       uint64 `json:"lsn"`
	TimeNanos uint64 `json:"ts_nanos"` // since 1970, when it was begun
	Ended     bool   `json:"ended"`    // not protected any more
}

// snapshots are the snapshots of a handle and their files. Locks, in the order in
// which they are taken: folders, those of the pager, mu. A snapshot that begins
// takes mu under the locks of the pager: so mu guards only what is short, is never
// held while the pager is called, and who reads frozen pages holds folders instead.
type snapshots struct {
	root    string
	o       pager.Options
	persist bool
	dedup   bool
	dir     string // of the SnapStore

	// folders keeps the folders of persisted snapshots and the places in store.bin as
	// they are: shared by those who read them, held alone by those who remove or
	// move. Begin, Freeze and End go on beside both.
	folders sync.RWMutex

	mu       sync.Mutex // the registry, and what follows
	pageSize int
	store    *snap.Store       // nil until needed
	raised   bool              // the counts of the store cover all references
	due      bool              // they have to when the database is closed
	running  bool              // the database is open
	settled  bool              // of a reader: what the registry says is durable
	found    []format.Snapshot // what the registry said when the database was opened
	folder   bool              // there was a folder of all snapshots when the database was opened
	unsure   error             // why the name of the folder of all snapshots may not last
	kept     map[string]*keptSnapshot
	// opened are the snapshots whose files Close closes: those that do not outlive
	// the handle, and those that are only read, oldest first.
	opened []*Snapshot
	// beginning are the snapshots that are in neither of these yet, though the registry
	// may name them, and the pager freezes for them: nobody can end or open one.
	beginning map[string]struct{}
	counter   uint64
}

// keptSnapshot is a persisted snapshot that is protected.
type keptSnapshot struct {
	sn   *pager.Snapshot
	side *snap.Sidecar
}

func newSnapshots(root string, o *Options, p pager.Options) *snapshots {
	dir := o.SnapStoreDir
	if dir == "" {
		dir = format.SnapStoreName
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(root, dir)
	}
	return &snapshots{root: root, o: p, persist: o.SnapPersist, dedup: o.SnapDedup, dir: dir,
		kept:      make(map[string]*keptSnapshot),
		beginning: make(map[string]struct{})}
}

// options are those of the files of a snapshot. mu is held.
func (s *snapshots) options(durable bool) (snap.Options, error) {
	o := snap.Options{FS: s.o.FS, Root: s.root, PageSize: s.pageSize, Durable: durable}
	if !durable {
		return o, nil
	}
	if err := s.openStore(); err != nil {
		return o, err
	}
	o.Store = s.store
	return o, nil
}

// openStore opens the SnapStore if it is wanted, or there. Its counts are put
// right only when the database is open: an open that is refused changes nothing.
func (s *snapshots) openStore() error {
	if s.store == nil {
		if err := s.findStore(); err != nil || s.store == nil {
			return err
		}
	}
	if s.raised || !s.running || s.o.ReadOnly {
		return nil
	}
	// A crash may have left counts behind what the snapshots name.
	refs, err := snap.References(s.o.FS, s.root)
	if err == nil {
		err = s.store.Raise(refs)
	}
	s.raised = err == nil
	return err
}

// existingStore opens the SnapStore if it is there, and makes none.
func (s *snapshots) existingStore() error {
	if s.store == nil {
		if there, err := s.storeThere(); err != nil || !there {
			return err
		}
	}
	return s.openStore()
}

func (s *snapshots) storeThere() (bool, error) {
	_, err := s.o.FS.Stat(filepath.Join(s.dir, format.StoreName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (s *snapshots) findStore() error {
	if !s.dedup {
		if there, err := s.storeThere(); err != nil || !there {
			return err
		}
	}
	store, err := snap.OpenStore(s.o.FS, s.dir, s.pageSize, s.o.ReadOnly)
	if err == nil {
		s.store = store
	}
	return err
}

// protect finds the snapshots of earlier sessions that were not ended. The
// original program keeps no heads: what it left cannot be protected.
func (s *snapshots) protect(pageSize int) ([]pager.Protected, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pageSize = pageSize
	entries, err := snap.LoadRegistry(s.o.FS, s.root)
	if err != nil {
		return nil, snapError(err)
	}
	s.found = entries
	entries = slices.DeleteFunc(slices.Clone(entries), func(e format.Snapshot) bool { return e.Ended })
	if err := s.validate(entries); err != nil {
		return nil, err
	}
	if s.found != nil {
		if err := snap.SettleRegistry(s.o.FS, s.root, s.found); err != nil {
			return nil, snapError(err)
		}
	}
	var list []pager.Protected
	for _, e := range entries {
		o, err := s.options(true)
		if err != nil {
			return nil, snapError(err)
		}
		side, err := snap.Open(e.ID, e.LSN, o, false)
		if errors.Is(err, fs.ErrNotExist) {
			// The original makes the folder with the first frozen page.
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", e.ID, snapError(err))
		}
		k := &keptSnapshot{side: side}
		s.kept[e.ID] = k
		if side.Heads() == nil {
			continue
		}
		list = append(list, pager.Protected{LSN: e.LSN, Heads: side.Heads(), Keeper: keeper{side},
			Adopted: func(sn *pager.Snapshot) { k.sn = sn }})
	}
	return list, nil
}

// validate looks at the files of all snapshots before those of the first are
// repaired: an open that is refused changes nothing (R15).
func (s *snapshots) validate(entries []format.Snapshot) error {
	for _, e := range entries {
		side, err := snap.Open(e.ID, e.LSN, snap.Options{FS: s.o.FS, Root: s.root, PageSize: s.pageSize}, true)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = side.Close()
		}
		if err != nil {
			return fmt.Errorf("snapshot %s: %w", e.ID, snapError(err))
		}
	}
	return nil
}

// sweep removes the files of snapshots that ended with their process. After an
// unclean start the counts of the SnapStore are put right too, and stand in its
// index.bin from Close on: the original relies on them.
func (s *snapshots) sweep(unclean bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	folders, err := snap.List(s.o.FS, s.root)
	s.folder = folders != nil
	s.due = unclean && (err != nil || len(folders) > 0)
	if err != nil || folders == nil {
		return snapError(err)
	}
	if s.due {
		if err := s.openStore(); err != nil {
			return snapError(err)
		}
	}
	for _, id := range folders {
		if slices.ContainsFunc(s.found, func(e format.Snapshot) bool { return e.ID == id }) {
			continue
		}
		if s.found == nil && snap.Entered(s.o.FS, s.root, id) {
			continue // there is no registry at all: it has been lost
		}
		o, err := s.options(true)
		if err != nil {
			return snapError(err)
		}
		if err := snap.Remove(id, o); err != nil {
			return snapError(err)
		}
	}
	// If nothing is in it. A sync of its name may have failed, in a process that is
	// dead: the next snapshot makes it anew.
	_ = snap.RemoveFolder(s.o.FS, s.root)
	return nil
}

// begin makes the files of a new snapshot, and enters a persisted one into the
// registry: from then on it survives a crash. It is beginning until listSnapshot.
// With an error and files the registry names, or may name, a snapshot that was not
// begun: as long as it does it has to be protected.
func (s *snapshots) begin(id string, lsn uint64, heads []uint64, persist bool) (*snap.Sidecar, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beginning[id] = struct{}{}
	o, err := s.options(persist)
	if err != nil {
		return nil, snapError(err)
	}
	if persist && s.unsure != nil {
		if err := snap.RemoveFolder(s.o.FS, s.root); err != nil {
			return nil, fmt.Errorf("%s cannot be made anew yet, and its name may not last (%w): an earlier snapshot: %w", format.SnapshotsName, err, snapError(s.unsure))
		}
		s.unsure = nil
	}
	side, err := snap.Create(id, lsn, heads, o)
	var unsynced *snap.SyncError
	if persist && errors.As(err, &unsynced) && !snap.FolderSure(s.o.FS, s.root) {
		s.unsure = err
	}
	if err != nil || !persist {
		return side, snapError(err)
	}
	entries, err := s.entries()
	if err == nil {
		entries = append(entries, format.Snapshot{ID: id, LSN: lsn, TSNanos: uint64(s.o.Clock.Now().UnixNano())})
		err = snapError(snap.SaveRegistry(s.o.FS, s.root, entries))
	}
	if err == nil {
		return side, nil
	}
	if s.takeBack(id) {
		_ = side.Close() // the error that is told came first
		return nil, err
	}
	return side, err
}

// takeBack reports whether the registry does not name a snapshot whose entering
// has failed. It may have its new name all the same.
func (s *snapshots) takeBack(id string) bool {
	named := func(e format.Snapshot) bool { return e.ID == id }
	entries, err := snap.LoadRegistry(s.o.FS, s.root)
	if err != nil || !slices.ContainsFunc(entries, named) {
		return err == nil
	}
	return snap.SaveRegistry(s.o.FS, s.root, slices.DeleteFunc(entries, named)) == nil
}

func (s *snapshots) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counter++
	return fmt.Sprintf("%d-%d-%d", s.process(), s.o.Clock.Now().UnixNano(), s.counter)
}

// process is the number in the names of snapshots. A clock that is not the
// system's may tell it, so that a run that is repeated makes the same files.
func (s *snapshots) process() int {
	if c, ok := s.o.Clock.(interface{ ProcessID() int }); ok {
		return c.ProcessID()
	}
	return vfs.ProcessID()
}

// endOpened ends the snapshots that do not outlive the handle, and closes those
// that are only read.
func (s *snapshots) endOpened() error {
	s.mu.Lock()
	list := slices.Clone(s.opened)
	s.mu.Unlock()
	var all []error
	for _, sn := range list {
		if !sn.closed.Swap(true) {
			all = append(all, sn.end())
		}
	}
	return errors.Join(all...)
}

// forget takes a snapshot out of those that Close closes. mu is held.
func (s *snapshots) forget(sn *Snapshot) {
	s.opened = slices.DeleteFunc(s.opened, func(o *Snapshot) bool { return o == sn })
}

// settle brings the counts of the SnapStore to the disk, raised first where that
// has failed when the database was opened: a clean close vouches for them.
func (s *snapshots) settle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.o.ReadOnly {
		return nil
	}
	if s.folder || s.counter > 0 {
		_ = snap.RemoveFolder(s.o.FS, s.root) // as the next open would do
	}
	if s.due {
		if err := s.openStore(); err != nil {
			return snapError(err)
		}
	}
	if s.store == nil {
		return nil
	}
	return snapError(s.store.Flush())
}

// close closes the files; persisted snapshots stay as they are.
func (s *snapshots) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []error
	for _, id := range slices.Sorted(maps.Keys(s.kept)) { // a run that is repeated makes the same calls
		all = append(all, snapError(s.kept[id].side.Close()))
	}
	clear(s.kept)
	if s.store != nil {
		all = append(all, snapError(s.store.Close()))
		s.store = nil
	}
	return errors.Join(all...)
}

// keeper makes the files of a snapshot what the pager needs.
type keeper struct{ side *snap.Sidecar }

func (k keeper) Has(id uint64) bool { return k.side.Has(id) }

func (k keeper) Freeze(pages []pager.Frozen) error {
	frames := make([]snap.Frame, len(pages))
	for i, p := range pages {
		frames[i] = snap.Frame(p)
	}
	return snapError(k.side.Freeze(frames))
}

func (k keeper) Read(id uint64, buf []byte) error {
	ok, err := k.side.Read(id, buf)
	if err == nil && !ok {
		err = fmt.Errorf("%w: page %d", pager.ErrSnapshotGone, id)
	}
	return pageError(id, err)
}

func (k keeper) Lost(id uint64) error { return pageError(id, k.side.Lost(id)) }

// pageError is snapError for what concerns one page.
func pageError(id uint64, err error) error {
	err = snapError(err)
	var ce *CorruptionError
	if errors.As(err, &ce) {
		ce.Page = id
	}
	return err
}

// snapError gives the errors of package snap the types of this package.
func snapError(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return err
	}
	var corrupt *snap.CorruptError
	var failed *snap.SyncError
	switch {
	case errors.As(err, &corrupt):
		return &CorruptionError{Path: corrupt.Path, Page: format.NoPage, Offset: corrupt.Offset, Reason: corrupt.Reason, Err: corrupt.Err}
	case errors.As(err, &failed):
		return pager.Full(pager.SyncFailed(err))
	}
	return pager.Full(err)
}
