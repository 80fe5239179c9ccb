package snap

import (
	"fmt"
	"io/fs"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Read reads a frozen page into buf, which is one page long. Ok is false for a
// page that is not frozen, or with an error: a *CorruptError that names file and
// offset when the page was frozen and its frame is damaged. A page that cannot
// be read from freeze.bin is taken from the SnapStore if it is there. What buf
// holds without ok has no meaning.
func (s *Sidecar) Read(id uint64, buf []byte) (ok bool, err error) {
	if len(buf) != s.o.PageSize {
		return false, fmt.Errorf("read frozen page: buffer of %d bytes", len(buf))
	}
	s.mu.RLock()
	p, frozen := s.pages[id]
	lost, f, closed := s.lost[id], s.freeze.f, s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return false, fmt.Errorf("read frozen page: snapshot %s: %w", s.id, fs.ErrClosed)
	case !frozen:
		return false, lost
	}
	if p.off >= 0 {
		if err = s.readFrame(f, p, id, buf); err == nil {
			return true, nil
		}
	}
	if p.hashed && s.o.Store != nil {
		e := s.readStored(id, p.lsn, p.hash, buf)
		if e == nil {
			return true, nil
		}
		if err == nil {
			err = e
		}
	}
	return false, err
}

// Lost is the damage of a page that was frozen once and cannot be read any more,
// nil for all others.
func (s *Sidecar) Lost(id uint64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lost[id]
}

func (s *Sidecar) readFrame(f vfs.File, p place, id uint64, image []byte) error {
	var header [format.FrameHeaderSize]byte
	if n, err := f.ReadAt(header[:], p.off); n < len(header) {
		return readError(s.freeze.path, p.off, err)
	}
	if n, err := f.ReadAt(image, p.off+format.FrameHeaderSize); n < len(image) {
		return readError(s.freeze.path, p.off, err)
	}
	frame, reason, err := s.checkFrame(header[:], image)
	if reason == "" && (frame.PageID != id || frame.LSN != p.lsn) {
		reason = fmt.Sprintf("frame of page %d with LSN %d where page %d with LSN %d was frozen",
			frame.PageID, frame.LSN, id, p.lsn)
	}
	if reason != "" {
		return &CorruptError{Path: s.freeze.path, Offset: p.off, Reason: reason, Err: err}
	}
	return nil
}

// checkFrame tells why a frame cannot be one of this snapshot; "" = it can.
func (s *Sidecar) checkFrame(header, image []byte) (f format.Frame, reason string, err error) {
	f, err = format.DecodeFrameHeader(header)
	switch {
	case err != nil:
		return f, "frame header", err
	case int(f.Len) != s.o.PageSize:
		return f, fmt.Sprintf("image of %d bytes, pages have %d", f.Len, s.o.PageSize), nil
	case !f.VerifyImage(header, image):
		return f, "frame checksum mismatch", nil
	}
	if reason, err = s.checkPage(image, f.PageID, f.LSN); reason != "" {
		return f, reason, err
	}
	return f, "", nil
}

// checkPage tells why an image cannot be that of page id at lsn; "" = it can.
func (s *Sidecar) checkPage(image []byte, id, lsn uint64) (reason string, err error) {
	if err := format.VerifyPage(image, id); err != nil {
		return "page", err
	}
	if got := format.PageLSN(image); got != lsn {
		return fmt.Sprintf("page with LSN %d kept as that of LSN %d", got, lsn), nil
	}
	if lsn > s.lsn {
		return fmt.Sprintf("page with LSN %d in the snapshot of LSN %d", lsn, s.lsn), nil
	}
	return "", nil
}

// readStored reads a page from the SnapStore.
func (s *Sidecar) readStored(id, lsn, hash uint64, image []byte) error {
	if err := s.o.Store.Read(hash, image); err != nil {
		return err
	}
	if reason, err := s.checkPage(image, id, lsn); reason != "" {
		return &CorruptError{
			Path: s.hashes.path, Offset: noOffset,
			Reason: fmt.Sprintf("page %d has the hash %016x of another image: %s", id, hash, reason), Err: err,
		}
	}
	return nil
}
