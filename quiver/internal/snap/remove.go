package snap

import (
	"fmt"
	"path/filepath"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Remove takes the snapshot's references from the SnapStore of the options, if
// there is one, and removes its folder with all files. Nobody may have it open,
// and the registry must not name it any more. A folder that is not there is no
// error: after a crash, or an error, Remove is called again.
//
// The list of references is gone, durably for a durable snapshot, before the
// first is taken: a second run takes none twice, and a crash between leaves
// counts too high, never too low.
func Remove(id string, o Options) error {
	s, err := newSidecar(id, 0, o)
	if err == nil {
		err = s.remove()
	}
	if err != nil {
		return fmt.Errorf("remove snapshot %s: %w", id, err)
	}
	return nil
}

func (s *Sidecar) remove() error {
	fsys := s.o.FS
	infos, err := fsys.ReadDir(s.dir)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.giveBack(); err != nil {
		return err
	}
	for _, i := range infos {
		if err := vfs.RemoveIfThere(fsys, filepath.Join(s.dir, i.Name)); err != nil {
			return err
		}
	}
	if err := vfs.RemoveIfThere(fsys, s.dir); err != nil {
		return err
	}
	if !s.o.Durable {
		return nil
	}
	return syncDir(fsys, snapshotsDir(s.o.Root))
}

func (s *Sidecar) giveBack() error {
	b, err := readWhole(s.o.FS, s.hashes.path)
	if err != nil {
		return err
	}
	if err := s.unname(b); err != nil {
		return err
	}
	if b == nil || s.o.Store == nil {
		return nil
	}
	for h := range namesIn(b) {
		if err := s.o.Store.Unref(h); err != nil {
			return err
		}
	}
	if !s.o.Durable {
		return nil // index.bin may say too much until the next Flush
	}
	return s.o.Store.Flush()
}

// unname removes the list of references b. One that is not there (b is nil) may
// have been removed by a call that failed or died before its sync: it must not
// come back when what it names is no longer counted.
func (s *Sidecar) unname(b []byte) error {
	var err error
	if b != nil {
		err = vfs.RemoveIfThere(s.o.FS, s.hashes.path)
	}
	if err == nil && s.o.Durable && (b != nil || s.o.Store != nil) {
		err = syncDir(s.o.FS, s.dir)
	}
	if err != nil && b != nil {
		// Nobody knows whether the removal lasts, and a later sync may not help:
		// whoever counts the references has to see them.
		_ = replaceFile(s.o.FS, s.hashes.path, b)
	}
	return err
}

// namedHashes is the set of distinct hashes of a hashindex.bin.
func namedHashes(fsys vfs.FS, path string) (map[uint64]struct{}, error) {
	b, err := readWhole(fsys, path)
	return namesIn(b), err
}

func namesIn(b []byte) map[uint64]struct{} {
	entries, _ := decodeEntries(b)
	named := make(map[uint64]struct{}, len(entries))
	for _, e := range entries {
		named[e.Where] = struct{}{}
	}
	return named
}

// References counts for each hash how many of the snapshots that have a folder
// name it: what Store.Raise and Store.Recount are given.
func References(fsys vfs.FS, root string) (map[uint64]uint32, error) {
	ids, err := List(fsys, root)
	if err != nil {
		return nil, err
	}
	refs := map[uint64]uint32{}
	for _, id := range ids {
		named, err := namedHashes(fsys, filepath.Join(snapshotsDir(root), id, format.HashIndexName))
		if err != nil {
			return nil, fmt.Errorf("count references of snapshot %s: %w", id, err)
		}
		for h := range named {
			refs[h]++
		}
	}
	return refs, nil
}
