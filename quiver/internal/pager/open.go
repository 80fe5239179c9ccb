package pager

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/wal"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// slackPages is how far the meta of an unclean database may stand ahead of its
// segments: the original writes it before the segment's growth is durable.
const slackPages = 1 << 20

// found is what the files say before anything is changed.
type found struct {
	meta  format.Meta
	heads []uint64
	free  format.Free
	scan  wal.Result
	// logWhole: the log has its header.
	logWhole bool
}

// Open locks the folder, validates everything, recovers where it must, and is
// ready for Start. A failed Open has changed nothing, unless it had begun to
// redo the log, and then that is harmless (R15).
func Open(dir string, o Options) (*Pager, error) {
	if !o.Restoring {
		if err := Restoring(o.FS, dir); err != nil {
			return nil, err
		}
	}
	if err := lookFor(o.FS, dir); err != nil {
		return nil, err
	}
	lock, err := acquire(filepath.Join(dir, format.LockName), &o)
	if err != nil {
		return nil, full(err)
	}
	p := newPager(dir, o)
	p.lock = lock
	if err := p.openLocked(); err != nil {
		_ = p.closeFiles()
		return nil, full(err)
	}
	return p, nil
}

// lookFor tells a folder without a database from one with a part of it.
func lookFor(fsys vfs.FS, dir string) error {
	_, err := fsys.Stat(filepath.Join(dir, format.MetaName))
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := false
	for _, name := range []string{format.DirName, wal.FileName, format.FreeName, format.SegmentName(1)} {
		in, err := fsys.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if in.Size > emptySize(name) {
			return &CorruptionError{Path: filepath.Join(dir, format.MetaName), Page: format.NoPage, Offset: NoOffset, Reason: "missing, and " + name + " is not empty", Err: fs.ErrNotExist}
		}
		part = true
	}
	if part {
		return fmt.Errorf("%s: %w: it was not initialised to the end", dir, ErrIncomplete)
	}
	return fmt.Errorf("%s: %w", dir, ErrNoDatabase)
}

// emptySize is the largest size of a file of a database without a page; the
// directory is as large as the number of buckets makes it.
func emptySize(name string) int64 {
	switch name {
	case wal.FileName:
		return format.WALHeaderSize
	case format.SegmentName(1):
		return 0
	}
	return 1 << 40
}

func (p *Pager) openLocked() error {
	f, err := p.read()
	if err != nil {
		return err
	}
	p.adopt(f)
	if f.meta.Version < 3 {
		if err := p.findLSNs(); err != nil {
			return err
		}
	}
	if p.o.ReadOnly {
		return p.overlayLog(f)
	}
	needed, list, err := p.toRecover(f)
	if err != nil {
		return err
	}
	if p.o.Protect != nil {
		if p.protected, err = p.o.Protect(p.o.PageSize); err != nil {
			return err
		}
	}
	if needed {
		if err := p.recover(f, list); err != nil {
			return err
		}
	}
	for _, sn := range p.protected {
		sn.Adopted(p.adoptSnapshot(sn))
	}
	return nil
}

// read reads and validates all files and changes nothing.
func (p *Pager) read() (*found, error) {
	f := &found{}
	if err := p.readMeta(f); err != nil {
		return nil, err
	}
	var err error
	if p.segs, err = openSegments(p.fs, p.dir, p.o.PageSize, !p.o.ReadOnly); err != nil {
		return nil, err
	}
	if err := p.readDir(f); err != nil {
		return nil, err
	}
	if err := p.readFree(f); err != nil {
		return nil, err
	}
	if err := p.readLog(f); err != nil {
		return nil, err
	}
	return f, p.validate(f)
}

func (p *Pager) readMeta(f *found) error {
	b, err := p.readSmall(format.MetaName, 4096)
	if err != nil {
		return err
	}
	m, err := format.DecodeMeta(b)
	if err != nil {
		return fileCorrupt(p.file(format.MetaName), err)
	}
	if m.LastLSN >= maxLSN {
		return p.lsnOutOfRange(m.LastLSN)
	}
	f.meta = m
	p.o.PageSize = int(m.PageSize)
	p.cache.limit = p.o.cachePages()
	return nil
}

// readSmall reads one of the small files, whose size is bounded.
func (p *Pager) readSmall(name string, limit int64) ([]byte, error) {
	b, err := vfs.ReadFile(p.fs, p.file(name), limit)
	if errors.Is(err, syscall.EFBIG) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &CorruptionError{Path: p.file(name), Page: format.NoPage, Offset: NoOffset, Err: err}
	}
	return b, err
}

// missing tells a file that an interrupted init never made from one that was lost.
func (p *Pager) missing(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if p.segs.pages() == 0 {
		return fmt.Errorf("%s: %w: %s is missing, init finishes it", p.dir, ErrIncomplete, name)
	}
	return &CorruptionError{Path: p.file(name), Page: format.NoPage, Offset: NoOffset, Reason: "missing", Err: err}
}

// maxBuckets bounds the directory.
const maxBuckets = 1 << 24

func (p *Pager) readDir(f *found) error {
	b, err := p.readSmall(format.DirName, format.DirSize(maxBuckets)+4096)
	if err != nil {
		return p.missing(format.DirName, err)
	}
	heads, checked, err := format.DecodeDir(b)
	if err != nil {
		return fileCorrupt(p.file(format.DirName), err)
	}
	if !checked && !p.o.Salvage {
		return &CorruptionError{Path: p.file(format.DirName), Page: format.NoPage, Offset: 16, Reason: "no checksum"}
	}
	f.heads = heads
	return nil
}

// readFree reads the list; its content is believed only where a clean close has
// vouched for it, so salvage does without the file.
func (p *Pager) readFree(f *found) error {
	limit := int64(24) + 8*int64(max(f.meta.NextPageID, p.segs.pages())+slackPages)
	b, err := p.readSmall(format.FreeName, max(limit, 4096))
	if err == nil {
		if f.free, err = format.DecodeFree(b); err != nil {
			err = fileCorrupt(p.file(format.FreeName), err)
		}
	} else {
		err = p.missing(format.FreeName, err)
	}
	if err != nil && p.o.Salvage {
		f.free = format.Free{}
		return nil
	}
	return err
}

func (p *Pager) readLog(f *found) error {
	err := p.openLog()
	if err != nil {
		return p.missing(wal.FileName, p.logDamage(err))
	}
	if err := p.checkLogHeader(f); err != nil {
		return err
	}
	var phase *Phase
	f.scan, err = wal.Scan(p.logFile, wal.ScanOptions{
		PageSize: p.o.PageSize, MetaLastLSN: f.meta.LastLSN, Clean: f.meta.Clean, Salvage: p.o.Salvage,
		Held: p.held,
		Progress: func(done, total int64) error {
			if phase == nil {
				phase = p.beginPhase("read log", total)
			}
			phase.At(done)
			return p.ended()
		},
	})
	if err == nil {
		phase.End()
	}
	return p.logDamage(err)
}

func (p *Pager) lsnOutOfRange(lsn uint64) error {
	return &CorruptionError{Path: p.file(format.MetaName), Page: format.NoPage, Offset: NoOffset, Reason: fmt.Sprintf("last lsn %d is out of range", lsn)}
}

// logDamage names the file where the log says that it is damaged.
func (p *Pager) logDamage(err error) error {
	var damage *wal.DamageError
	if errors.As(err, &damage) {
		return &CorruptionError{Path: p.file(wal.FileName), Page: format.NoPage, Offset: damage.Offset, Reason: damage.Reason}
	}
	return err
}

// readImage reads an image that the scan of the log has found.
func (p *Pager) readImage(img wal.Image, buf []byte) error {
	err := vfs.ReadFull(p.logFile, buf, img.Offset)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &CorruptionError{Path: p.file(wal.FileName), Page: img.PageID, Offset: img.Offset, Reason: "file ends inside the image"}
	}
	if err != nil {
		return fmt.Errorf("read page %d from the log: %w", img.PageID, err)
	}
	return nil
}

// checkLogHeader refuses a log without a whole header, unless nothing was ever
// stored: no crash leaves one, for Init syncs the header before it makes the
// meta, and a cut keeps it.
func (p *Pager) checkLogHeader(f *found) error {
	var h [format.WALHeaderSize]byte
	n, err := p.logFile.ReadAt(h[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	err = format.CheckWALHeader(h[:n])
	f.logWhole = err == nil
	if err == nil || p.o.Salvage || f.meta.NextPageID == 0 && p.segs.pages() == 0 {
		return nil
	}
	return fileCorrupt(p.file(wal.FileName), err)
}

func (p *Pager) openLog() (err error) {
	if !p.o.ReadOnly {
		p.log, err = wal.Open(p.fs, p.dir, wal.LogOptions{PageSize: p.o.PageSize, ChunkBytes: p.o.LogChunkBytes, LogBytes: p.o.LogBytes})
		if err == nil {
			p.logFile = p.log.File()
		}
		return err
	}
	if p.logFile, err = p.fs.OpenFile(p.file(wal.FileName), 0); err != nil {
		return err
	}
	// What is shown must not vanish: the writer may have died between writing a
	// group and its sync (R17).
	if err := p.logFile.Sync(); err != nil {
		return &syncError{err}
	}
	return nil
}

// held reports whether a page stands in its segment at that LSN or above.
func (p *Pager) held(id, lsn uint64) (bool, error) {
	buf := make([]byte, p.o.PageSize)
	if err := p.segs.read(id, buf); err != nil {
		if errors.Is(err, ErrCorrupt) {
			return false, nil
		}
		return false, err
	}
	return whole(buf, id) && format.PageLSN(buf) >= lsn, nil
}

// validate checks the files against each other.
func (p *Pager) validate(f *found) error {
	there := p.segs.pages()
	limit := max(f.meta.NextPageID, there)
	if f.meta.NextPageID > there+uint64(len(f.scan.Images))+slackPages || f.meta.Clean && f.scan.Records == 0 && f.meta.NextPageID > there {
		return &CorruptionError{Path: p.file(format.MetaName), Page: format.NoPage, Offset: NoOffset,
			Reason: fmt.Sprintf("next page id %d, but the segments hold %d pages", f.meta.NextPageID, there)}
	}
	if f.scan.MaxLSN >= maxLSN {
		return &CorruptionError{Path: p.file(wal.FileName), Page: format.NoPage, Offset: NoOffset, Reason: fmt.Sprintf("lsn %d is out of range", f.scan.MaxLSN)}
	}
	for _, img := range f.scan.Images {
		if img.PageID >= limit+slackPages {
			return &CorruptionError{Path: p.file(wal.FileName), Page: img.PageID, Offset: img.Offset, Reason: "page id is out of range"}
		}
	}
	for _, img := range f.scan.Images {
		limit = max(limit, img.PageID+1)
	}
	for b, h := range f.heads {
		if h != format.NoPage && h >= limit {
			return &CorruptionError{Path: p.file(format.DirName), Page: h, Offset: format.DirSize(b), Reason: fmt.Sprintf("head of bucket %d: there are only %d pages", b, limit)}
		}
	}
	p.next, p.reserved = limit, limit
	p.gapFrom, p.gapTo = there, limit
	return nil
}

// ascendingBelow is the form in which Close writes a free list.
func ascendingBelow(ids []uint64, limit uint64) bool {
	for i, id := range ids {
		if id >= limit || i > 0 && id <= ids[i-1] {
			return false
		}
	}
	return true
}

// findLSNs raises the counter above every page of a database whose meta is of a
// version that has no last LSN.
func (p *Pager) findLSNs() error {
	buf := make([]byte, p.o.PageSize)
	for id := range p.segs.pages() {
		err := p.segs.read(id, buf)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			return err
		}
		if err == nil && whole(buf, id) {
			raise(&p.counter, format.PageLSN(buf))
		}
	}
	raise(&p.applied, p.counter.Load())
	p.recovery.LastLSN = p.applied.Load()
	return nil
}

// knowsLSNs tells whether no page has an LSN above the counter (R6). A whole log of
// this program has all that may be in the segments. Without one a clean close of it
// vouches for the last LSN, unless there is anything in the log: that close has left
// none, so somebody has written since. The original cuts its log before it stores the
// last LSN, and writes pages whose records a crash takes.
func (f *found) knowsLSNs() bool {
	if f.scan.Kind == wal.Marked {
		return f.scan.Damage == nil
	}
	last, next := f.meta.LastLSN, f.meta.NextPageID
	return f.meta.Clean && f.scan.Records == 0 && f.scan.TornBytes == 0 && (f.free.Vouched(last, next) || f.free.VouchedInPart(last, next))
}

// adopt takes over what was read.
func (p *Pager) adopt(f *found) {
	p.meta = f.meta
	p.heads.Store(&f.heads)
	p.pageLimit.Store(p.next)
	p.applied.Store(max(f.meta.LastLSN, f.scan.LastLSN))
	p.counter.Store(max(f.meta.LastLSN, f.scan.MaxLSN))
	p.reserve = reserve{fs: p.fs, path: p.file(reserveName), size: 64<<10 + 2*format.DirSize(len(f.heads)) + int64(reservedRecords*p.o.stride())}
	if info, err := p.fs.Stat(p.reserve.path); err == nil {
		p.reserve.held = info.Size // of a session that did not end
	}
	p.fileFree = f.free.IDs
	// Only the meta and the list of a clean close vouch for each other.
	if !p.o.ReadOnly && f.meta.Clean && f.free.Vouched(f.meta.LastLSN, f.meta.NextPageID) &&
		p.next == f.meta.NextPageID && ascendingBelow(f.free.IDs, p.next) {
		p.listed = f.free.IDs
	} else {
		p.recountDue = p.next > 0 && !p.o.ReadOnly
	}
	if f.scan.Kind == wal.Marked {
		p.logEnd = f.scan.LastLSN
	}
	p.lsnsUnknown = p.next > 0 && !p.o.ReadOnly && !f.knowsLSNs()
	p.logRecords.Store(int64(f.scan.Records))
	p.logBytes.Store(format.WALHeaderSize + f.scan.Bytes)
	p.recovery = RecoveryInfo{
		Unclean: !f.meta.Clean, Foreign: f.scan.Kind == wal.Foreign,
		Records: f.scan.Records, Groups: f.scan.Groups, LogBytes: f.scan.Bytes, TornBytes: f.scan.TornBytes,
		Damaged: f.scan.Damage != nil, LostBytes: f.scan.Salvaged,
		RecountDue: p.recountDue, LastLSN: p.applied.Load(),
	}
}
