package pager

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/wal"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// restoreName is a file of ours that stands in a folder as long as a restore
// into it is not complete. It is empty, or holds the meta of the database that
// an incremental backup goes over: under that name nobody takes it for one.
const restoreName = "quiver-restore"

// tempName is under what name a file is made that takes the place of another. That
// of a restore is made under the one of meta: a crash can leave it beside a whole
// database, and there the next new meta takes it away.
func tempName(name string) string {
	if name == restoreName {
		name = format.MetaName
	}
	return name + format.TempSuffix
}

// Restoring is ErrIncomplete while a restore into the folder is not complete.
func Restoring(fsys vfs.FS, dir string) error {
	_, err := fsys.Stat(filepath.Join(dir, restoreName))
	switch {
	case err == nil:
		return fmt.Errorf("%s: %w: a restore was interrupted, run it again", dir, ErrIncomplete)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// RestoreSource is what a backup holds.
type RestoreSource struct {
	Path     string // named in errors
	PageSize int
	Heads    []uint64
	LSN      uint64
	Base     *uint64 // LSN of the state that an incremental backup goes over; nil = full
	Count    uint64  // pages that Pages visits
	Limit    uint64  // page ids below it exist; 0 = the pages tell
	// Pages visits pages in any order; the image is right, and valid during the call.
	Pages func(visit func(id, lsn uint64, page []byte) error) error
}

// Restore writes what a backup holds into a folder. It is a database from the
// Close on of a handle that was opened as Restoring and is Restored. Until then the
// folder is ErrIncomplete for all who open it, and another Restore begins
// again. An error before the first change has changed no database.
func Restore(dir string, src RestoreSource, o Options) error {
	if src.Base == nil {
		if err := makeRoot(o.FS, dir); err != nil {
			return full(err)
		}
	}
	p := newPager(dir, o)
	var err error
	if p.lock, err = acquire(p.file(format.LockName), &p.o); err != nil {
		return full(err)
	}
	err = p.restoreLocked(&src)
	if e := p.closeFiles(); err == nil {
		err = e
	}
	return full(err)
}

// Restored tells Close that the restore into this folder is complete.
func (p *Pager) Restored() { p.restored = true }

// finishRestore is the last step: all else is durable, and the lock is held. The file
// gets the name under which it was made, so that it can be put back without a sync.
func (p *Pager) finishRestore() error {
	marker, rest := p.file(restoreName), p.file(tempName(restoreName))
	if err := p.fs.Rename(marker, rest); err != nil {
		return err
	}
	if err := p.fs.SyncDir(p.dir); err != nil {
		// It failed, so it has to look like that: a power cut may bring the marker
		// back, and with it would go what was written since. Should this fail too,
		// then the whole database is there.
		_ = p.fs.Rename(rest, marker)
		return err
	}
	// It only takes space: the next new meta takes it away.
	_ = vfs.RemoveIfThere(p.fs, rest)
	return nil
}

func (p *Pager) restoreLocked(src *RestoreSource) error {
	p.o.PageSize = src.PageSize
	begin := p.beginFull
	if src.Base != nil {
		begin = p.beginIncremental
	}
	meta, err := begin(src)
	if err != nil {
		return err
	}
	if p.segs, err = openSegments(p.fs, p.dir, src.PageSize, true); err != nil {
		return err
	}
	if err := p.restorePages(src, &meta); err != nil {
		return err
	}
	for _, head := range src.Heads {
		if head != format.NoPage && head >= meta.NextPageID {
			return &CorruptionError{Path: src.Path, Page: head, Offset: NoOffset, Reason: fmt.Sprintf("the directory leads to a page that is not below %d", meta.NextPageID)}
		}
	}
	if err := vfs.RemoveIfThere(p.fs, p.file(wal.FileName)); err != nil {
		return err
	}
	if err := wal.Create(p.fs, p.dir); err != nil {
		return err
	}
	// No page is free before the recount has seen all of them.
	if err := p.replace(format.FreeName, format.EncodeFree(nil, 0)); err != nil {
		return err
	}
	if err := p.replace(format.DirName, format.EncodeDir(src.Heads)); err != nil {
		return err
	}
	return p.replace(format.MetaName, meta.Encode())
}

// restoreBegun reads the file of an interrupted restore; base is the meta that
// it goes over, nil for a full one.
func (p *Pager) restoreBegun() (begun bool, base *format.Meta, err error) {
	b, err := p.readSmall(restoreName, 4096)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil, nil
	}
	if err != nil || len(b) == 0 {
		return err == nil, nil, err
	}
	m, err := format.DecodeMeta(b)
	if err != nil {
		return false, nil, fileCorrupt(p.file(restoreName), err)
	}
	return true, &m, nil
}

// settleMarker writes the file of a restore that was begun anew, durably, before
// anything counts on it: the process that made it may have died, or failed to
// sync, where the next power cut takes it back.
func (p *Pager) settleMarker() error {
	b, err := p.readSmall(restoreName, 4096)
	if err != nil {
		return err
	}
	return p.replace(restoreName, b)
}

// beginFull leaves a folder with nothing in it but the name of a restore.
func (p *Pager) beginFull(src *RestoreSource) (format.Meta, error) {
	meta := format.Meta{Version: 3, PageSize: uint32(src.PageSize), HashKind: format.HashKindXXH, Clean: true}
	begun, base, err := p.restoreBegun()
	if err != nil {
		return meta, err
	}
	if base != nil {
		return meta, fmt.Errorf("%s: %w: an incremental backup was being restored over it, restore that again", p.dir, ErrIncomplete)
	}
	infos, err := p.fs.ReadDir(p.dir)
	if err != nil {
		return meta, err
	}
	var names []string
	for _, in := range infos {
		switch in.Name {
		case format.LockName, restoreName, tempName(restoreName):
			continue
		}
		if !begun {
			return meta, fmt.Errorf("%s: %w: %s is there", p.dir, ErrExists, in.Name)
		}
		names = append(names, in.Name)
	}
	if !begun {
		return meta, p.replace(restoreName, nil)
	}
	if err := p.settleMarker(); err != nil {
		return meta, err
	}
	return meta, p.clear(names)
}

// clear removes what an interrupted restore has written, the meta first, and nothing
// if there is a file that no restore writes.
func (p *Pager) clear(names []string) error {
	for _, name := range names {
		if _, segment := format.ParseSegmentName(name); !segment {
			switch strings.TrimSuffix(name, format.TempSuffix) {
			case format.MetaName, format.DirName, format.FreeName, wal.FileName, reserveName:
			default:
				return fmt.Errorf("%s: %w: %s is there", p.dir, ErrExists, name)
			}
		}
	}
	if err := p.dropMeta(); err != nil {
		return err
	}
	for _, name := range names {
		if err := vfs.RemoveIfThere(p.fs, p.file(name)); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pager) dropMeta() error {
	err := p.fs.Remove(p.file(format.MetaName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.fs.SyncDir(p.dir)
}

// beginIncremental takes the meta away from the database that the backup goes
// over, if that is the state which the backup was made from.
func (p *Pager) beginIncremental(src *RestoreSource) (format.Meta, error) {
	begun, base, err := p.restoreBegun()
	if err != nil {
		return format.Meta{}, err
	}
	if begun && base == nil {
		return format.Meta{}, fmt.Errorf("%s: %w: a full backup was being restored into it, restore that again first", p.dir, ErrIncomplete)
	}
	if !begun {
		f := &found{}
		if err := p.readMeta(f); err != nil {
			return format.Meta{}, err
		}
		base = &f.meta
	}
	f := &found{meta: *base}
	if int(base.PageSize) != src.PageSize {
		return *base, fmt.Errorf("%s: %w: pages of %d bytes, the database has %d", src.Path, ErrIncompatible, src.PageSize, base.PageSize)
	}
	if base.LastLSN != *src.Base {
		return *base, fmt.Errorf("%s: %w: it goes over LSN %d, the database is at %d", src.Path, ErrIncompatible, *src.Base, base.LastLSN)
	}
	if begun {
		if err := p.settleMarker(); err != nil {
			return *base, err
		}
		return *base, p.dropMeta()
	}
	if p.segs, err = openSegments(p.fs, p.dir, src.PageSize, false); err != nil {
		return *base, err
	}
	err = p.readDir(f)
	if e := p.segs.close(); err == nil {
		err = e
	}
	if err == nil && len(f.heads) != len(src.Heads) {
		err = fmt.Errorf("%s: %w: %d buckets, the database has %d", src.Path, ErrIncompatible, len(src.Heads), len(f.heads))
	}
	if err == nil && !base.Clean {
		err = fmt.Errorf("%s: %w: the database was not closed cleanly", p.dir, ErrUnclean)
	}
	if err == nil {
		err = p.fs.Rename(p.file(format.MetaName), p.file(restoreName))
	}
	if err == nil {
		err = p.fs.SyncDir(p.dir)
	}
	return *base, err
}

// restorePages writes the pages, in runs, and makes them durable. Pages of zeros
// were never used: space is enough for them.
func (p *Pager) restorePages(src *RestoreSource, meta *format.Meta) error {
	most := meta.NextPageID + src.Count + slackPages
	if src.Limit > 0 {
		most = min(most, src.Limit)
	}
	highest, limit := max(src.LSN, meta.LastLSN), max(src.Limit, meta.NextPageID)
	var run []byte
	first := uint64(0)
	flush := func() error {
		if len(run) == 0 {
			return nil
		}
		err := p.segs.writeRun(first, run)
		run = run[:0]
		return err
	}
	err := src.Pages(func(id, lsn uint64, page []byte) error {
		if id >= most || lsn >= maxLSN {
			return &CorruptionError{Path: src.Path, Page: id, Offset: NoOffset, Reason: fmt.Sprintf("page id or lsn %d out of range", lsn)}
		}
		highest, limit = max(highest, lsn), max(limit, id+1)
		if format.IsZeroPage(page) {
			return nil
		}
		next := first + uint64(len(run)/src.PageSize)
		if len(run) == 0 || id != next || len(run) >= runBytes || id%p.segs.perSeg == 0 {
			if err := flush(); err != nil {
				return err
			}
			first = id
		}
		run = append(run, page...)
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	meta.LastLSN, meta.NextPageID, meta.Clean = highest, limit, true
	if limit == 0 {
		return p.makeSegment()
	}
	// Also syncs what was written, and the names of the files.
	return p.segs.allocate(0, limit)
}
