package backup

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Backup is a complete backup, ours or the original's.
type Backup struct {
	Manifest format.Manifest
	Heads    []uint64 // heads of the buckets at its LSN

	fs   vfs.FS
	path string // of pages.bin
}

const (
	maxManifestBytes = 1 << 20
	maxDirBuckets    = 1 << 24
)

// Open reads the manifest and the directory of a backup and holds the lengths
// of its files against them.
func Open(fsys vfs.FS, dir string) (*Backup, error) {
	b := &Backup{fs: fsys, path: filepath.Join(dir, format.PagesName)}
	path := filepath.Join(dir, format.BackupManifest)
	text, err := readSmall(fsys, path, maxManifestBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: %w", dir, ErrIncomplete, err)
	}
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("%s: %w: the manifest is empty", dir, ErrIncomplete)
	}
	if b.Manifest, err = format.DecodeManifest(text); err != nil {
		return nil, &DamageError{Path: path, Page: format.NoPage, Err: err}
	}
	in, err := fsys.Stat(b.path)
	if err != nil {
		return nil, missing(b.path, err)
	}
	m := &b.Manifest
	if uint64(in.Size) != m.BytesEmitted || m.BytesEmitted != m.PagesEmitted*b.stride() {
		return nil, damaged(b.path, in.Size, "%d bytes, the manifest tells of %d pages in %d bytes", in.Size, m.PagesEmitted, m.BytesEmitted)
	}
	if !m.DirPresent {
		return nil, damaged(path, 0, "the backup has no directory")
	}
	return b, b.readDir(filepath.Join(dir, format.BackupDirName))
}

func readSmall(fsys vfs.FS, path string, limit int64) ([]byte, error) {
	b, err := vfs.ReadFile(fsys, path, limit)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EFBIG) {
		return nil, &DamageError{Path: path, Page: format.NoPage, Err: err}
	}
	return b, err
}

// missing says that a backup without one of its files is none.
func missing(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: %w", path, ErrIncomplete, err)
	}
	return err
}

func (b *Backup) stride() uint64 { return format.FrameHeaderSize + uint64(b.Manifest.PageSize) }

func (b *Backup) readDir(path string) error {
	text, err := readSmall(b.fs, path, format.DirSize(maxDirBuckets))
	if err != nil {
		return missing(path, err)
	}
	m := &b.Manifest
	if uint64(len(text)) != m.DirBytes {
		return damaged(path, int64(len(text)), "%d bytes, the manifest tells of %d", len(text), m.DirBytes)
	}
	if m.Extra != nil && crc32.ChecksumIEEE(text) != m.Extra.DirCRC {
		return damaged(path, 0, "the checksum is not the manifest's")
	}
	heads, checked, err := format.DecodeDir(text)
	if err != nil {
		return &DamageError{Path: path, Page: format.NoPage, Err: err}
	}
	if !checked {
		return damaged(path, 0, "no checksum")
	}
	b.Heads = heads
	return nil
}

// Pages visits all frames in the order of the file. What it has visited is
// right, each by itself; only when Pages has returned nil is it all there.
func (b *Backup) Pages(visit func(id, lsn uint64, page []byte) error) error {
	f, err := b.fs.OpenFile(b.path, 0)
	if err != nil {
		return err
	}
	err = b.frames(f, visit)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func (b *Backup) frames(f vfs.File, visit func(id, lsn uint64, page []byte) error) error {
	stride := int64(b.stride())
	buf := make([]byte, max(pieceBytes/stride, 1)*stride)
	crc := uint32(0)
	size := int64(b.Manifest.BytesEmitted)
	for off := int64(0); off < size; {
		piece := buf[:min(int64(len(buf)), size-off)]
		err := vfs.ReadFull(f, piece, off)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return damaged(b.path, off, "the file ends")
		}
		if err != nil {
			return err
		}
		crc = crc32.Update(crc, crc32.IEEETable, piece)
		for ; len(piece) > 0; piece = piece[stride:] {
			if err := b.frame(piece[:stride], off, visit); err != nil {
				return err
			}
			off += stride
		}
	}
	if x := b.Manifest.Extra; x != nil && crc != x.PagesCRC {
		return damaged(b.path, 0, "the checksum is not the manifest's")
	}
	return nil
}

func (b *Backup) frame(raw []byte, off int64, visit func(id, lsn uint64, page []byte) error) error {
	f, page, err := format.DecodeFrame(raw)
	if err == nil && f.Len != b.Manifest.PageSize {
		return damaged(b.path, off, "image of %d bytes", f.Len)
	}
	if err == nil && !format.IsZeroPage(page) {
		// A page that was never used has nothing in it, or leftovers.
		if format.HasPageMagic(page) {
			err = format.VerifyPage(page, f.PageID)
		}
	}
	if err != nil {
		return &DamageError{Path: b.path, Offset: off, Page: f.PageID, Err: err}
	}
	return visit(f.PageID, f.LSN, page)
}
