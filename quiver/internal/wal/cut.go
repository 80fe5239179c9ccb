package wal

import (
	"fmt"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Reset begins a new generation in place, without a write. All images of the old
// one must stand in synced segments, and meta.last_lsn must be durable at or
// above every LSN given out: from then on the old records are stale.
//
// As long as no later group covers them, a crash makes Scan ask for the pages
// they image. Who takes pages away, or puts older ones in their place, cuts the
// log first.
func (l *Log) Reset() {
	l.used, l.group = 0, 0
}

// Shrink gives back what a generation has grown the file above LogBytes. It does
// nothing while the generation has records.
//
// There is no sync, because it does not matter when the new size gets to the
// disk: what is cut off is stale; groups that are appended before the next growth
// lie wholly below the new size; and that growth is synced, which makes this
// truncation durable before anything is in the place of what it cut off.
// When it fails the file keeps its size.
func (l *Log) Shrink() error {
	if err := l.usable("shrink"); err != nil {
		return err
	}
	if l.used > 0 || l.size <= l.o.LogBytes {
		return nil
	}
	to := max(l.o.LogBytes, format.WALHeaderSize)
	if err := l.f.Truncate(to); err != nil {
		return fmt.Errorf("shrink log: %w", err)
	}
	l.size = to
	return nil
}

// Cut truncates the log to its header and syncs it. What is needed of it must be
// durable elsewhere, as for Reset. A file header that a salvage passed over is
// written anew.
func (l *Log) Cut() error {
	if l.err != nil {
		return l.err
	}
	if !l.header {
		// Before the truncation, and synced: a crash between the two must find
		// the header or the records.
		if err := writeHeader(l.f); err != nil {
			return l.fail("write", err)
		}
		if err := l.f.Sync(); err != nil {
			return l.fail("sync", err)
		}
		l.header = true
	}
	if err := l.f.Truncate(format.WALHeaderSize); err != nil {
		return l.fail("cut", err)
	}
	if err := l.f.Sync(); err != nil {
		return l.fail("sync", err)
	}
	l.Reset()
	l.size, l.ready, l.unsynced = format.WALHeaderSize, true, false
	return nil
}

// Rewrite writes the bytes [from, to) over themselves and syncs them. What a
// read shows may be only in the page cache, and after a failed sync of an
// earlier process no sync alone brings it to the disk. A crash in it changes
// nothing, whatever subset of the sectors it writes.
func (l *Log) Rewrite(from, to int64) error {
	if l.err != nil {
		return l.err
	}
	if from >= to {
		return nil
	}
	for off := from; off < to; {
		p := l.buffer(int(min(pieceBytes, to-off)))
		if err := readAt(l.f, p, off); err != nil {
			return err
		}
		if err := vfs.WriteFull(l.f, FileName, p, off); err != nil {
			return l.fail("write", err)
		}
		off += int64(len(p))
	}
	if err := l.f.SyncData(); err != nil {
		return l.fail("sync", err)
	}
	return nil
}

// Close releases the file and makes nothing durable.
func (l *Log) Close() error {
	l.buf = nil
	return l.f.Close()
}
