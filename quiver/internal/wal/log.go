package wal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

const (
	defaultChunkBytes = 64 << 10
	defaultLogBytes   = 32 << 20

	// pieceBytes is the most that one write of a large group, of zeros or of a
	// rewrite covers, and so the most memory that a Log keeps (and one stride).
	pieceBytes = 1 << 20

	// endBytes is how many zero bytes follow a group. As a record header they
	// end the log for every reader.
	endBytes = format.RecordHeaderSize
)

// LogOptions are sizes. Zero values mean the defaults.
type LogOptions struct {
	PageSize   int   // bytes, from meta; no default
	ChunkBytes int64 // first step of growth; 0 = 64 KiB
	LogBytes   int64 // growth stops here unless one generation needs more; 0 = 32 MiB
}

// Entry is a page image to append.
type Entry struct {
	PageID uint64
	LSN    uint64
	Page   []byte // a whole page; its LSN and CRC fields are stored in the log only
}

// Log appends groups of page images to the log of a database.
//
// A group is durable when the Sync after its Append has returned nil, and may
// be found wholly or not at all before that. Invariants, on which Scan counts:
//
//   - between the Append of one group and that of the next there is a Sync;
//   - a group is written only where the file's size is durable, with endBytes
//     behind it;
//   - groups of a generation have the numbers 0, 1, …, and LSNs rise for ever.
//
// After a failed write or sync nothing is known about what is on the disk: all
// further calls but Close answer the first cause ([Log.Err]). A write of zeros
// that fails, for want of space or otherwise, is no such failure.
//
// A Log is not safe for concurrent use.
type Log struct {
	f        vfs.File
	o        LogOptions
	stride   int64
	size     int64  // of the file, durable: a group may use all of it
	used     int    // records of this generation
	group    uint64 // number of the next group
	last     uint64 // LSN of the last record
	ready    bool   // cut or reset: what the file holds is not needed
	header   bool   // the file header is right
	unsynced bool   // a group was appended after the last sync
	err      error  // first failed write or sync
	buf      []byte
}

// Create makes an empty log, or empties the one that is there, and syncs it.
// The directory is not synced: the new name survives only after that.
func Create(fsys vfs.FS, dir string) error {
	f, err := fsys.OpenFile(filepath.Join(dir, FileName), vfs.Write|vfs.Create|vfs.Truncate)
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	if err = writeHeader(f); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	return nil
}

func writeHeader(f vfs.File) error {
	h := format.EncodeWALHeader()
	return vfs.WriteFull(f, FileName, h[:], 0)
}

// readAt reads what lies within the size that the file has told. An end before
// that is damage.
func readAt(f io.ReaderAt, p []byte, off int64) error {
	err := vfs.ReadFull(f, p, off)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return damagef(off, "the file ends before the %d bytes that its size tells of", len(p))
	}
	if err != nil {
		return fmt.Errorf("read log at offset %d: %w", off, err)
	}
	return nil
}

// Open opens the log of a database for writing and changes nothing. A log that
// is not empty takes no group before Cut; it can be read through File and
// rewritten.
func Open(fsys vfs.FS, dir string, o LogOptions) (*Log, error) {
	if !format.ValidPageSize(o.PageSize) {
		return nil, fmt.Errorf("open log: %d bytes are no page size", o.PageSize)
	}
	f, err := fsys.OpenFile(filepath.Join(dir, FileName), vfs.Write)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := newLog(f, o)
	if err := l.look(); err != nil {
		_ = f.Close() // the error that is told came first
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

func newLog(f vfs.File, o LogOptions) *Log {
	l := &Log{f: f, o: o, stride: int64(format.RecordHeaderSize + o.PageSize)}
	if l.o.ChunkBytes <= 0 {
		l.o.ChunkBytes = defaultChunkBytes
	}
	if l.o.LogBytes <= 0 {
		l.o.LogBytes = defaultLogBytes
	}
	return l
}

func (l *Log) look() error {
	size, err := l.f.Size()
	if err != nil {
		return err
	}
	l.size = size
	if size < format.WALHeaderSize {
		return nil
	}
	var h [format.WALHeaderSize]byte
	if err := readAt(l.f, h[:], 0); err != nil {
		return err
	}
	l.header = format.CheckWALHeader(h[:]) == nil
	l.ready = l.header && size == format.WALHeaderSize
	return nil
}

// File is the log's file, for Scan and for reading images. It is closed by Close.
func (l *Log) File() vfs.File { return l.f }

// Err is the failed write or sync that ended the use of this Log, or nil.
func (l *Log) Err() error { return l.err }

// Size is the size of the file in bytes.
func (l *Log) Size() int64 { return l.size }

// Capacity is how many records a generation can have in the file as it is.
func (l *Log) Capacity() int {
	return int(max(0, (l.size-format.WALHeaderSize-endBytes)/l.stride))
}

// Used is how many records this generation has.
func (l *Log) Used() int { return l.used }

func (l *Log) fail(op string, err error) error {
	l.err = fmt.Errorf("%s log: %w", op, err)
	return l.err
}

func (l *Log) usable(op string) error {
	switch {
	case l.err != nil:
		return l.err
	case !l.ready:
		return fmt.Errorf("%s log: it holds an earlier session's records and was not cut", op)
	case l.unsynced:
		return fmt.Errorf("%s log: the group before is not synced", op)
	}
	return nil
}

// Reserve makes room for a generation of this many records: it appends zeros,
// in doubling steps from ChunkBytes to LogBytes and beyond that only as far as
// needed, and syncs them. If the disk has no room for a step, it takes what is
// needed.
//
// When the zeros cannot be written the file gets its old size back as far as
// that can be done, and the Log stays usable: no byte of a group is at stake. A
// failed sync ends its use.
func (l *Log) Reserve(records int) error {
	if err := l.usable("extend"); err != nil {
		return err
	}
	if records < 0 || int64(records) > (math.MaxInt64-format.WALHeaderSize-endBytes)/l.stride {
		return fmt.Errorf("extend log: no file holds %d records", records)
	}
	need := format.WALHeaderSize + int64(records)*l.stride + endBytes
	if need <= l.size {
		return nil
	}
	to := l.step(need)
	err := l.zero(to)
	if to > need && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
		to = need
		err = l.zero(to)
	}
	if err != nil {
		return fmt.Errorf("extend log: %w", err)
	}
	if err := l.f.SyncData(); err != nil {
		return l.fail("sync", err)
	}
	l.size = to
	return nil
}

// step is the size to grow to when need bytes are needed.
func (l *Log) step(need int64) int64 {
	to := l.o.ChunkBytes
	for to < need && to <= l.o.LogBytes/2 {
		to *= 2
	}
	if to < need {
		to = l.o.LogBytes
	}
	return max(min(to, l.o.LogBytes), need)
}

// zero writes zeros from the end of the file on.
func (l *Log) zero(to int64) error {
	zeros := make([]byte, min(pieceBytes, to-l.size))
	for off := l.size; off < to; {
		n := min(int64(len(zeros)), to-off)
		if err := vfs.WriteFull(l.f, FileName, zeros[:n], off); err != nil {
			// If this fails too the file is longer than l.size says, by bytes
			// that no group uses before they are written again and synced.
			_ = l.f.Truncate(l.size)
			return err
		}
		off += n
	}
	return nil
}

// Append writes a group: all its records and the zero bytes behind them, in
// pieces of about 1 MiB, without a sync. There must be room for it (Capacity),
// and its LSNs must rise by one from above all before.
func (l *Log) Append(g []Entry) error {
	if err := l.usable("append to"); err != nil {
		return err
	}
	if err := l.check(g); err != nil {
		return err
	}
	off := format.WALHeaderSize + int64(l.used)*l.stride
	perPiece := max(1, pieceBytes/int(l.stride))
	l.unsynced = true
	for at := 0; at < len(g); {
		n := min(perPiece, len(g)-at)
		piece := l.buffer(n*int(l.stride) + endBytes)
		for i := range n {
			last := at+i == len(g)-1
			l.record(piece[i*int(l.stride):][:l.stride], g[at+i], last)
		}
		end := n * int(l.stride)
		if at += n; at == len(g) {
			clear(piece[end:])
			end += endBytes
		}
		if err := vfs.WriteFull(l.f, FileName, piece[:end], off); err != nil {
			return l.fail("write", err)
		}
		off += int64(end)
	}
	l.used += len(g)
	l.last = g[len(g)-1].LSN
	l.group++
	return nil
}

func (l *Log) check(g []Entry) error {
	if len(g) == 0 || len(g) > l.Capacity()-l.used {
		return fmt.Errorf("append to log: group of %d records, %d of %d used", len(g), l.used, l.Capacity())
	}
	if g[0].LSN <= l.last {
		return fmt.Errorf("append to log: LSN %d after %d", g[0].LSN, l.last)
	}
	for i := range g {
		if len(g[i].Page) != l.o.PageSize || g[i].LSN != g[0].LSN+uint64(i) {
			return fmt.Errorf("append to log: page %d with %d bytes and LSN %d at place %d of the group of LSN %d",
				g[i].PageID, len(g[i].Page), g[i].LSN, i, g[0].LSN)
		}
	}
	return nil
}

// record fills dst with an entry. The page's LSN and CRC are stored in the copy.
func (l *Log) record(dst []byte, e Entry, last bool) {
	page := dst[format.RecordHeaderSize:]
	copy(page, e.Page)
	format.SealPage(page, e.LSN)
	format.PutRecordHeader(dst, format.Record{
		Type:   format.RecordPageImage,
		Flags:  format.GroupFlags(l.group, last),
		LSN:    e.LSN,
		PageID: e.PageID,
	}, page)
}

// buffer returns n bytes for one piece, which are reused.
func (l *Log) buffer(n int) []byte {
	if cap(l.buf) < n {
		l.buf = make([]byte, n)
	}
	return l.buf[:n]
}

// Sync makes the group durable. A failed Sync is not to be tried again.
func (l *Log) Sync() error {
	if l.err != nil {
		return l.err
	}
	if err := l.f.SyncData(); err != nil {
		return l.fail("sync", err)
	}
	l.unsynced = false
	return nil
}
