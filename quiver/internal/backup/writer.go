package backup

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// pieceBytes is how much is written, and read, at a time.
const pieceBytes = 1 << 20

// Writer writes one backup. It is for one goroutine.
type Writer struct {
	fs    vfs.FS
	dir   string
	path  string
	file  vfs.File
	buf   []byte
	off   int64 // of buf in the file
	crc   uint32
	pages uint64
}

// Create begins a backup in a folder that is absent, empty, or holds a backup
// that was interrupted: that is removed. Any other is fs.ErrExist.
func Create(fsys vfs.FS, dir string) (*Writer, error) {
	if _, err := vfs.MkdirAll(fsys, dir); err != nil {
		return nil, err
	}
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	unfinished := []string{format.PagesName, format.BackupDirName, format.BackupManifest + format.TempSuffix}
	for _, in := range infos {
		if in.Dir || !slices.Contains(unfinished, in.Name) {
			return nil, &fs.PathError{Op: "backup", Path: filepath.Join(dir, in.Name), Err: fs.ErrExist}
		}
	}
	for _, in := range infos {
		// New files, not old ones anew: what a failed sync left of those in the
		// page cache would pass for clean.
		if err := fsys.Remove(filepath.Join(dir, in.Name)); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, format.PagesName)
	f, err := fsys.OpenFile(path, vfs.Write|vfs.Create|vfs.Exclusive)
	if err != nil {
		return nil, err
	}
	return &Writer{fs: fsys, dir: dir, path: path, file: f, buf: make([]byte, 0, pieceBytes)}, nil
}

// Page appends a frame.
func (w *Writer) Page(id, lsn uint64, page []byte) error {
	if len(w.buf)+format.FrameHeaderSize+len(page) > cap(w.buf) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.buf = format.AppendFrame(w.buf, id, lsn, page)
	w.pages++
	return nil
}

// Bytes is how long pages.bin will be.
func (w *Writer) Bytes() int64 { return w.off + int64(len(w.buf)) }

func (w *Writer) flush() error {
	if err := vfs.WriteFull(w.file, w.path, w.buf, w.off); err != nil {
		return err
	}
	w.crc = crc32.Update(w.crc, crc32.IEEETable, w.buf)
	w.off += int64(len(w.buf))
	w.buf = w.buf[:0]
	return nil
}

// Finish writes the directory and the manifest, to which it adds what the files
// make of it. When it has returned nil the backup survives a power cut.
func (w *Writer) Finish(m format.Manifest, heads []uint64) (format.Manifest, error) {
	err := w.flush()
	if err == nil {
		err = w.file.Sync()
	}
	if e := w.file.Close(); err == nil {
		err = e
	}
	w.file = nil
	if err != nil {
		return m, err
	}
	dirBin := format.EncodeDir(heads)
	if err := vfs.WriteNew(w.fs, filepath.Join(w.dir, format.BackupDirName), dirBin, true); err != nil {
		return m, err
	}
	m.PagesEmitted, m.BytesEmitted = w.pages, uint64(w.off)
	m.DirPresent, m.DirBytes = true, uint64(len(dirBin))
	m.Extra.PagesCRC, m.Extra.DirCRC = w.crc, crc32.ChecksumIEEE(dirBin)
	// The names of the files, and of the folder, before the manifest vouches for
	// them.
	for _, dir := range []string{w.dir, filepath.Dir(w.dir)} {
		if err := w.fs.SyncDir(dir); err != nil {
			return m, err
		}
	}
	return m, w.writeManifest(format.EncodeManifest(m))
}

func (w *Writer) writeManifest(b []byte) error {
	path := filepath.Join(w.dir, format.BackupManifest)
	err := vfs.ReplaceFile(w.fs, path, b)
	if err != nil {
		// It may be there, and must not be taken for a backup that succeeded.
		if e := w.fs.Remove(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = fmt.Errorf("%w (and the manifest stays: %w)", err, e)
		}
	}
	return err
}

// Abandon closes what is open and removes pages.bin, which may be large; what
// else is there the next backup removes.
func (w *Writer) Abandon() {
	if w.file != nil {
		_ = w.file.Close() // nobody will use it
		w.file = nil
	}
	_ = w.fs.Remove(w.path) // tidies up, no more
}
