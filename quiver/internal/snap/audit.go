package snap

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Audit holds the counts of a SnapStore against the snapshots that name its
// images. Begin takes both as of one moment, Prove finds out what they are worth.
type Audit struct {
	Refs   map[uint64]uint32 // snapshots that name each image, what Recount is given
	Leaked int               // images with more references than that
	Bytes  int64             // of store.bin that are kept for nothing
	Short  int               // images with fewer
	Torn   []TornImage
	// Damage are names that neither the SnapStore nor freeze.bin can prove, of
	// snapshots that need the SnapStore because freeze.bin is not whole. Which
	// image they mean nobody knows: while there are any, no count may be lowered.
	Damage []error

	st     *Store
	fs     vfs.FS
	root   string
	names  []naming
	counts map[uint64]image
}

// TornImage is an image that the SnapStore has lost, and freeze.bin has.
type TornImage struct {
	Hash uint64
	Page []byte
	Err  error // what the SnapStore says of it
}

// naming is an entry of the hashindex.bin of a snapshot.
type naming struct {
	id    string
	off   int64
	entry format.FrozenEntry
}

// Audit reads all hashindex.bin and takes down the counts. Nobody may freeze or
// remove a snapshot meanwhile.
func (st *Store) Audit(fsys vfs.FS, root string) (*Audit, error) {
	a := &Audit{Refs: map[uint64]uint32{}, st: st, fs: fsys, root: root, counts: map[uint64]image{}}
	ids, err := List(fsys, root)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		path := filepath.Join(snapshotsDir(root), id, format.HashIndexName)
		b, err := readWhole(fsys, path)
		if err != nil {
			return nil, fmt.Errorf("count references of snapshot %s: %w", id, err)
		}
		entries, _ := format.DecodeFrozenEntries(b) // the only error is a part of an entry
		once := map[uint64]struct{}{}
		for i, e := range entries {
			if _, again := once[e.Where]; again || e == (format.FrozenEntry{}) {
				continue
			}
			once[e.Where] = struct{}{}
			a.Refs[e.Where]++
			a.names = append(a.names, naming{id, int64(i) * format.FrozenEntrySize, e})
		}
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	for h, im := range st.images {
		a.counts[h] = im
		if im.refs > a.Refs[h] {
			a.Leaked++
		}
		if im.refs > 0 && im.off >= 0 && a.Refs[h] == 0 {
			a.Bytes += st.stride()
		}
	}
	return a, nil
}

// Names is how many images Prove reads.
func (a *Audit) Names() int { return len(a.names) }

// Prove reads every image that is named, and tells how many it has. Snapshots may
// be frozen for meanwhile, not removed, and the SnapStore not compacted.
func (a *Audit) Prove(ctx context.Context, progress func(done int)) error {
	files := map[string]*frameFile{}
	defer func() {
		for _, id := range slices.Sorted(maps.Keys(files)) { // the same calls each time
			_ = files[id].Close() // was only read
		}
	}()
	short := map[uint64]struct{}{}
	for i, n := range a.names {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		progress(i + 1)
		wrong, err := a.stored(n)
		if err != nil {
			return err
		}
		if wrong == nil {
			if a.counts[n.entry.Where].refs < a.Refs[n.entry.Where] {
				short[n.entry.Where] = struct{}{}
			}
			continue
		}
		f := files[n.id]
		if f == nil {
			if f, err = a.frames(n.id); err != nil {
				return err
			}
			files[n.id] = f
		}
		if err := a.judge(n, f, wrong); err != nil {
			return err
		}
	}
	a.Short = len(short)
	return nil
}

// stored tells what is wrong with the image that a name means.
func (a *Audit) stored(n naming) (wrong, err error) {
	page := make([]byte, a.st.pageSize)
	err = a.st.Read(n.entry.Where, page)
	switch {
	case isCorrupt(err):
		return err, nil
	case err != nil:
		return nil, err
	case format.PageID(page) != n.entry.PageID || format.PageLSN(page) != n.entry.LSN:
		return &CorruptError{
			Path: filepath.Join(snapshotsDir(a.root), n.id, format.HashIndexName), Offset: n.off,
			Reason: fmt.Sprintf("page %d with LSN %d under the hash of page %d with LSN %d", n.entry.PageID, n.entry.LSN, format.PageID(page), format.PageLSN(page)),
		}, nil
	}
	return nil, nil
}

// frameFile is freeze.bin of a snapshot; whole: index.bin vouches for frames, and
// all of them are there.
type frameFile struct {
	*Sidecar
	whole bool
}

// frames reads freeze.bin of a snapshot, whatever its LSN.
func (a *Audit) frames(id string) (*frameFile, error) {
	s, err := newSidecar(id, math.MaxUint64, Options{FS: a.fs, Root: a.root, PageSize: a.st.pageSize})
	if err != nil {
		return nil, err
	}
	s.readOnly = true
	found, err := s.loadFrames()
	if err != nil {
		_ = s.Close() // the error that is told came first
		return nil, err
	}
	return &frameFile{s, len(found.entries) > 0 && len(s.lost) == 0}, nil
}

// judge looks for what a name means in freeze.bin. A snapshot whose frames are
// all there needs nothing of the SnapStore: a name that means nothing is what a
// crash left of an entry that was being written.
func (a *Audit) judge(n naming, f *frameFile, wrong error) error {
	page := make([]byte, a.st.pageSize)
	if ok, err := f.Read(n.entry.PageID, page); err != nil && !isCorrupt(err) {
		return err
	} else if ok && err == nil && format.Hash64(page) == n.entry.Where {
		a.Torn = append(a.Torn, TornImage{n.entry.Where, page, wrong})
		return nil
	}
	if !f.whole {
		a.Damage = append(a.Damage, &CorruptError{
			Path: f.hashes.path, Offset: n.off,
			Reason: fmt.Sprintf("page %d stands neither in %s nor under its hash in the SnapStore", n.entry.PageID, format.FreezeName), Err: wrong,
		})
	}
	return nil
}

// Repair puts the counts right: images that only freeze.bin has are stored again,
// and each count becomes what the snapshots say. Where names are damaged no count
// is lowered, and the first damage is the error. Nobody may freeze or remove a
// snapshot between Audit and the end of this.
//
// A crash in it leaves the old index.bin or the new one, and at most more frames
// in store.bin: the counts of both cover what the snapshots name, those of the
// old one as far as they did before.
func (a *Audit) Repair() error {
	for _, t := range a.Torn {
		if err := a.st.Add(t.Hash, t.Page); err != nil {
			return err
		}
	}
	if len(a.Damage) == 0 {
		return a.st.Recount(a.Refs)
	}
	if err := a.st.Raise(a.Refs); err != nil {
		return err
	}
	if err := a.st.Flush(); err != nil {
		return err
	}
	return a.Damage[0]
}
