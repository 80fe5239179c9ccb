package snap

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/stretchr/testify/require"
)

const (
	pageSize    = 4096
	frameStride = format.FrameHeaderSize + pageSize
	imageStride = format.StoreFrameHeaderSize + pageSize
	root        = "/db"
	storeDir    = "/db/.snapstore"
)

// page is the sealed image of a page at an LSN: its content tells both.
func page(id, lsn uint64) []byte {
	p := make([]byte, pageSize)
	format.InitKV(p, id)
	key := binary.BigEndian.AppendUint64(nil, id)
	format.KV(p).Insert(format.Hash64(key), key, binary.BigEndian.AppendUint64(nil, lsn))
	binary.LittleEndian.PutUint64(p[3000:], id<<32|lsn) // in the gap, which has no meaning
	format.SealPage(p, lsn)
	return p
}

// pages lists frames by pairs of page id and LSN.
func pages(idsAndLSNs ...uint64) []Frame {
	var frames []Frame
	for i := 0; i < len(idsAndLSNs); i += 2 {
		id, lsn := idsAndLSNs[i], idsAndLSNs[i+1]
		frames = append(frames, Frame{PageID: id, LSN: lsn, Page: page(id, lsn)})
	}
	return frames
}

// newDisk is a disk with a durable, empty folder for the database.
func newDisk(o faultfs.Options) *faultfs.FS {
	o.NoReads = true
	d := faultfs.New(o)
	if err := d.Mkdir(root); err != nil {
		panic(err)
	}
	d.SyncAll()
	d.ResetLog()
	return d
}

func durable(d *faultfs.FS, st *Store) Options {
	return Options{FS: d, Root: root, PageSize: pageSize, Durable: true, Store: st}
}

func fleeting(d *faultfs.FS, st *Store) Options {
	o := durable(d, st)
	o.Durable = false
	return o
}

func mustStore(t testing.TB, d *faultfs.FS) *Store {
	t.Helper()
	st, err := OpenStore(d, storeDir, pageSize, false)
	require.NoError(t, err)
	return st
}

func mustOpen(t testing.TB, id string, lsn uint64, o Options) *Sidecar {
	t.Helper()
	s, err := Open(id, lsn, o, false)
	require.NoError(t, err)
	return s
}

// holds checks that a page is frozen with the image that it had.
func holds(s *Sidecar, f Frame) error {
	buf := make([]byte, pageSize)
	ok, err := s.Read(f.PageID, buf)
	switch {
	case err != nil:
		return err
	case !ok || !s.Has(f.PageID):
		return fmt.Errorf("page %d is not frozen", f.PageID)
	case string(buf) != string(f.Page):
		return fmt.Errorf("page %d has other bytes than were frozen", f.PageID)
	}
	return nil
}

func requireHolds(t testing.TB, s *Sidecar, frames ...Frame) {
	t.Helper()
	for _, f := range frames {
		require.NoError(t, holds(s, f))
	}
}

// corruptAt checks that an error names a file and an offset in it.
func corruptAt(t testing.TB, err error, file string, off int64) {
	t.Helper()
	var ce *CorruptError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, file, filepath.Base(ce.Path))
	require.Equal(t, off, ce.Offset, "%v", err)
}

func folder(id string) string { return filepath.Join(root, format.SnapshotsName, id) }

func inFolder(id, name string) string { return filepath.Join(folder(id), name) }

func readFile(t testing.TB, d *faultfs.FS, path string) []byte {
	t.Helper()
	b, err := d.ReadFile(path)
	require.NoError(t, err)
	return b
}

// hasFile tells whether a file is there and reads it.
func hasFile(d *faultfs.FS, path string) ([]byte, bool) {
	b, err := d.ReadFile(path)
	return b, err == nil
}

// entriesNameFrames checks the files as they lie on the disk: an entry of
// index.bin names a whole frame of its page, one of hashindex.bin an image in
// store.bin. Whoever reads a folder without repairing it relies on that.
func entriesNameFrames(d *faultfs.FS, id string) error {
	freeze, _ := hasFile(d, inFolder(id, format.FreezeName))
	index, _ := hasFile(d, inFolder(id, format.IndexName))
	entries, _ := decodeEntries(index)
	for _, e := range entries {
		if e.Where > uint64(len(freeze)) {
			return fmt.Errorf("index.bin names offset %d of %d bytes", e.Where, len(freeze))
		}
		f, _, err := format.DecodeFrame(freeze[e.Where:])
		if err != nil || f.PageID != e.PageID || f.LSN != e.LSN {
			return fmt.Errorf("index.bin names page %d at %d: %v", e.PageID, e.Where, err)
		}
	}
	images := rawImages(d)
	hashes, _ := hasFile(d, inFolder(id, format.HashIndexName))
	entries, _ = decodeEntries(hashes)
	for _, e := range entries {
		if p, ok := images[e.Where]; !ok || format.PageID(p) != e.PageID || format.PageLSN(p) != e.LSN {
			return fmt.Errorf("hashindex.bin names page %d, which store.bin has not", e.PageID)
		}
	}
	return nil
}

// rawImages reads the frames at all strides of store.bin.
func rawImages(d *faultfs.FS) map[uint64][]byte {
	b, _ := hasFile(d, filepath.Join(storeDir, format.StoreName))
	images := map[uint64][]byte{}
	for ; len(b) >= imageStride; b = b[imageStride:] {
		if f, p, err := format.DecodeStoreFrame(b); err == nil {
			images[f.Hash] = p
		}
	}
	return images
}

// storeIndexNamesFrames checks that index.bin names whole frames of its images.
func storeIndexNamesFrames(d *faultfs.FS) error {
	b, _ := hasFile(d, filepath.Join(storeDir, format.IndexName))
	entries, err := format.DecodeStoreIndex(b)
	if err != nil {
		return err
	}
	file, _ := hasFile(d, filepath.Join(storeDir, format.StoreName))
	for _, e := range entries {
		if e.Offset > uint64(len(file)) {
			return fmt.Errorf("index.bin names offset %d of %d bytes", e.Offset, len(file))
		}
		f, _, err := format.DecodeStoreFrame(file[e.Offset:])
		if err != nil || f.Hash != e.Hash {
			return fmt.Errorf("index.bin names image %016x at %d: %v", e.Hash, e.Offset, err)
		}
	}
	return nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
