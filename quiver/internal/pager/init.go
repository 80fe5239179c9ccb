package pager

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/wal"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// InitOptions are those of package quiver with defaults filled in.
type InitOptions struct {
	PageSize int
	Buckets  int
}

// Init makes a database, or finishes one that an earlier Init, ours or the
// original's, did not finish. The meta is the last file: without it there is no
// database. o.LockWait and the like apply.
func Init(dir string, in InitOptions, o Options) error {
	if err := makeRoot(o.FS, dir); err != nil {
		return full(err)
	}
	p := newPager(dir, o)
	var err error
	if p.lock, err = acquire(p.file(format.LockName), &p.o); err != nil {
		return full(err)
	}
	err = p.initLocked(in)
	if e := p.closeFiles(); err == nil {
		err = e
	}
	return full(err)
}

// makeRoot makes the folder and its name durable, also when an interrupted init
// made it. A parent that may not be read cannot be synced; then whoever made
// the folder there has to answer for its name. So it is for a folder that was there
// when that sync fails: it may be somebody else's, with rights of its own, and is
// not removed.
func makeRoot(fsys vfs.FS, dir string) error {
	made, err := vfs.MkdirAll(fsys, dir)
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(dir))
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
	}
	if err != nil {
		// After a failed sync nobody knows whether the names will last: the next
		// init has to make them anew.
		vfs.RemoveDirs(fsys, made)
	}
	return err
}

func (p *Pager) initLocked(in InitOptions) error {
	if err := Restoring(p.fs, p.dir); err != nil {
		return err
	}
	meta := format.Meta{Version: 3, PageSize: uint32(in.PageSize), HashKind: 1, Clean: true}
	p.o.PageSize = in.PageSize
	hasMeta, hasDir := false, false
	f := &found{}
	if err := p.readMeta(f); err == nil {
		hasMeta = true
		meta = f.meta
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := p.fs.Stat(p.file(format.DirName)); err == nil {
		hasDir = true
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var err error
	if p.segs, err = openSegments(p.fs, p.dir, int(meta.PageSize), true); err != nil {
		return err
	}
	complete, err := p.complete()
	if err != nil {
		return err
	}
	if hasMeta && hasDir && complete {
		return fmt.Errorf("%s: %w", p.dir, ErrExists)
	}
	if err := p.refuseData(); err != nil {
		return err
	}
	if int(meta.PageSize) != in.PageSize {
		return fmt.Errorf("%s: %w: the unfinished database has pages of %d bytes", p.dir, ErrIncompatible, meta.PageSize)
	}
	if hasMeta && hasDir {
		// Without a meta nothing vouches for the directory: it is made anew.
		f := &found{}
		if err := p.readDir(f); err != nil {
			return err
		}
		if len(f.heads) != in.Buckets {
			return fmt.Errorf("%s: %w: the unfinished database has %d buckets", p.dir, ErrIncompatible, len(f.heads))
		}
	}
	return p.makeFiles(in, meta)
}

// complete reports whether log, free list and first segment are there.
func (p *Pager) complete() (bool, error) {
	for _, name := range []string{wal.FileName, format.FreeName, format.SegmentName(1)} {
		if _, err := p.fs.Stat(p.file(name)); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}

// refuseData stops an init over files that hold pages or records: something
// else was lost, and salvage is for that.
func (p *Pager) refuseData() error {
	if p.segs.pages() > 0 {
		return &CorruptionError{Path: p.file(format.MetaName), Page: format.NoPage, Offset: NoOffset,
			Reason: "the database is incomplete, and its segments hold pages: init does not touch it, see salvage"}
	}
	in, err := p.fs.Stat(p.file(wal.FileName))
	if err == nil && in.Size > format.WALHeaderSize {
		return &CorruptionError{Path: p.file(wal.FileName), Page: format.NoPage, Offset: format.WALHeaderSize,
			Reason: "the database is incomplete, and its log holds records: init does not touch it, see salvage"}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// makeFiles makes every file anew, also those that an interrupted init left: they
// are empty, and what seems to stand in them, or their very names, may be in the
// page cache only (R12).
func (p *Pager) makeFiles(in InitOptions, meta format.Meta) error {
	for _, name := range []string{format.SegmentName(1), wal.FileName} {
		if err := vfs.RemoveIfThere(p.fs, p.file(name)); err != nil {
			return err
		}
	}
	if err := p.makeSegment(); err != nil {
		return err
	}
	if err := wal.Create(p.fs, p.dir); err != nil {
		return err
	}
	if err := p.replace(format.FreeName, format.EncodeFree(nil, 0)); err != nil {
		return err
	}
	heads := make([]uint64, in.Buckets)
	for b := range heads {
		heads[b] = format.NoPage
	}
	if err := p.replace(format.DirName, format.EncodeDir(heads)); err != nil {
		return err
	}
	p.meta = meta
	return p.writeMeta(func(m *format.Meta) { m.Clean = true })
}

func (p *Pager) makeSegment() error {
	seg, err := p.fs.OpenFile(p.file(format.SegmentName(1)), vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	err = seg.Sync()
	if e := seg.Close(); err == nil {
		err = e
	}
	return err
}
