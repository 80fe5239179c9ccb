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

const (
	// pieceBytes is how much is written, and read, at a time.
	pieceBytes = 1 << 20
	// syncBytes is how much is written before a sync of it begins.
	syncBytes = 16 << 20
)

// Writer writes one backup. It is for one goroutine.
type Writer struct {
	fs    vfs.FS
	dir   string
	path  string
	file  vfs.File
	buf   []byte
	off   int64 // of buf in the file
	pages uint64
	// vouched: there may be a manifest, which a power cut keeps or brings back.
	vouched bool

	// beside: a piece is written while the next one is filled, and synced from time
	// to time, so that the last sync finds little to do. spare is the piece that is
	// being written; writing and syncing tell the end, nil = nothing is going on.
	// While something is being written crc is the goroutine's.
	beside  bool
	spare   []byte
	writing chan error
	syncing chan error
	synced  int64 // a sync of what stands before was begun
	crc     uint32
}

// Create begins a backup in a folder that is absent, empty, or holds a backup
// that was interrupted: that is removed. Any other is fs.ErrExist. With beside
// the writer writes from a goroutine of its own.
func Create(fsys vfs.FS, dir string, beside bool) (*Writer, error) {
	made, err := vfs.MkdirAll(fsys, dir)
	if err != nil {
		return nil, err
	}
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	unfinished := []string{format.PagesName, format.BackupDirName, format.BackupManifest + format.TempSuffix}
	if orphan, err := orphanManifest(fsys, dir, infos); err != nil {
		return nil, err
	} else if orphan {
		unfinished = append(unfinished, format.BackupManifest)
	}
	for _, in := range infos {
		if in.Dir || !slices.Contains(unfinished, in.Name) {
			return nil, &fs.PathError{Op: "backup", Path: filepath.Join(dir, in.Name), Err: fs.ErrExist}
		}
	}
	if len(made) == 0 {
		if err := clearFolder(fsys, dir, infos); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, format.PagesName)
	f, err := fsys.OpenFile(path, vfs.Write|vfs.Create|vfs.Exclusive)
	if err != nil {
		return nil, err
	}
	w := &Writer{fs: fsys, dir: dir, path: path, file: f, beside: beside}
	w.buf = w.newPiece()
	if beside {
		w.spare = w.newPiece()
	}
	return w, nil
}

// clearFolder removes what an interrupted backup left, of which the folder need not
// show all: where the sync of a removal failed, a manifest that nobody sees any more
// may be what a power cut brings back, and a sync of the folder has nothing to do. So
// an empty one, which vouches for nothing, takes the name first, durably: no old one
// comes back over new files. New files, not old ones anew: what a failed sync left of
// those in the page cache would pass for clean.
func clearFolder(fsys vfs.FS, dir string, infos []vfs.Info) error {
	manifest := filepath.Join(dir, format.BackupManifest)
	if err := vfs.ReplaceFile(fsys, manifest, nil); err != nil {
		return err
	}
	for _, in := range infos {
		if err := vfs.RemoveIfThere(fsys, filepath.Join(dir, in.Name)); err != nil {
			return err
		}
	}
	return vfs.RemoveIfThere(fsys, manifest)
}

// orphanManifest reports whether there is a manifest that is empty, or without the
// pages that it vouches for, as a backup leaves it that failed at its end. What is
// no manifest is somebody else's file.
func orphanManifest(fsys vfs.FS, dir string, infos []vfs.Info) (bool, error) {
	at := func(name string) int {
		return slices.IndexFunc(infos, func(in vfs.Info) bool { return in.Name == name })
	}
	manifest := at(format.BackupManifest)
	if manifest < 0 {
		return false, nil
	}
	if in := infos[manifest]; in.Size == 0 && !in.Dir {
		return true, nil
	}
	if at(format.PagesName) >= 0 {
		return false, nil
	}
	text, err := readSmall(fsys, filepath.Join(dir, format.BackupManifest), maxManifestBytes)
	if err != nil {
		return false, err
	}
	_, err = format.DecodeManifest(text)
	return err == nil, nil
}

// newPiece has room for the frame that reaches beyond the end.
func (w *Writer) newPiece() []byte {
	return make([]byte, 0, pieceBytes+format.FrameHeaderSize+format.PageSizeMax)
}

// Page appends a frame.
func (w *Writer) Page(id, lsn uint64, page []byte) error {
	w.buf = format.AppendFrame(w.buf, id, lsn, page)
	w.pages++
	if len(w.buf) < pieceBytes {
		return nil
	}
	return w.flush(pieceBytes)
}

// Bytes is how long pages.bin will be.
func (w *Writer) Bytes() int64 { return w.off + int64(len(w.buf)) }

// flush gives the first n bytes to the file, after what it was given before.
func (w *Writer) flush(n int) error {
	if err := settle(&w.writing); err != nil {
		return err
	}
	piece, rest, off := w.buf[:n], w.buf[n:], w.off
	w.off += int64(n)
	if !w.beside {
		err := w.write(piece, off)
		w.buf = append(w.buf[:0], rest...)
		return err
	}
	if err := w.syncBeside(off); err != nil {
		return err
	}
	w.buf, w.spare = append(w.spare[:0], rest...), w.buf
	writing := make(chan error, 1)
	w.writing = writing
	go func() { writing <- w.write(piece, off) }()
	return nil
}

// syncBeside begins a sync of what stands before off, unless one is going on.
func (w *Writer) syncBeside(off int64) error {
	if off-w.synced < syncBytes || len(w.syncing) == 0 && w.syncing != nil {
		return nil
	}
	if err := settle(&w.syncing); err != nil {
		return err
	}
	w.synced = off
	syncing, file := make(chan error, 1), w.file
	w.syncing = syncing
	go func() { syncing <- file.SyncData() }()
	return nil
}

// settle waits for what is going on and gives its error.
func settle(going *chan error) error {
	if *going == nil {
		return nil
	}
	err := <-*going
	*going = nil
	return err
}

func (w *Writer) write(piece []byte, off int64) error {
	w.crc = crc32.Update(w.crc, crc32.IEEETable, piece)
	return vfs.WriteFull(w.file, w.path, piece, off)
}

// Finish writes the directory and the manifest, to which it adds what the files
// make of it. When it has returned nil the backup survives a power cut.
func (w *Writer) Finish(m format.Manifest, heads []uint64) (format.Manifest, error) {
	err := w.flush(len(w.buf))
	for _, going := range []*chan error{&w.writing, &w.syncing} {
		if e := settle(going); err == nil {
			err = e
		}
	}
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
	if err == nil {
		return nil
	}
	// It may be there, and must not be taken for a backup that succeeded; nor may a
	// power cut bring it back when what it vouches for is gone.
	e := w.fs.Remove(path)
	if e == nil || errors.Is(e, fs.ErrNotExist) {
		e = w.fs.SyncDir(w.dir)
	}
	if e != nil {
		w.vouched = true
		err = fmt.Errorf("%w (and the manifest may stay: %w)", err, e)
	}
	return err
}

// Abandon closes what is open and removes pages.bin, which may be large, unless a
// manifest may vouch for it; what else is there the next backup removes.
func (w *Writer) Abandon() {
	_, _ = settle(&w.writing), settle(&w.syncing) // the error that is told came first
	if w.file != nil {
		_ = w.file.Close() // nobody will use it
		w.file = nil
	}
	if !w.vouched {
		_ = w.fs.Remove(w.path) // tidies up, no more
	}
}
