package wal

import (
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// FileName is the name of the log in the root of a database.
const FileName = "wal-000001.log"

// Image is a live page image in a log.
type Image struct {
	LSN    uint64
	PageID uint64
	Offset int64 // of the page in the log file; a page size of bytes
}

// Kind says whose log it is.
type Kind uint8

const (
	// Empty: no valid record at the offsets where one may stand.
	Empty Kind = iota
	// Marked: written by this package.
	Marked
	// Foreign: written by the original, which marks nothing.
	Foreign
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Empty:
		return "empty"
	case Marked:
		return "marked"
	case Foreign:
		return "foreign"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Result is what a scan found.
type Result struct {
	Kind Kind
	// Images are the live page images in the order of the log: those of whole
	// groups of a marked log, all of a foreign one.
	Images []Image
	// LastLSN is the highest LSN of a live record of any type, 0 if there is none.
	LastLSN uint64
	// MaxLSN is the highest LSN found anywhere in the file, what is stale or
	// torn included: no LSN up to it may be given out. Never below LastLSN.
	MaxLSN  uint64
	Records int   // live records of all types
	Groups  int   // live groups; every record of a foreign log is one
	Bytes   int64 // length of the live records with their headers
	End     int64 // offset behind the last live record; the header's end if there is none
	// LastGroup is the byte range [from, to) to hand to Log.Rewrite before the
	// log is relied on: the last live group of a marked log, everything up to
	// End of a foreign one. Empty if nothing is live.
	LastGroup [2]int64
	// TornBytes is the length of what was dropped behind End as torn, as far as
	// it can be recognised.
	TornBytes int64
	// Stale: the records of a marked log are those of a generation that
	// meta.last_lsn says is in the segments, and it is.
	Stale bool
	// Damage is what a salvage has overridden, nil if there was none.
	Damage *DamageError
	// Salvaged is the distance in bytes from End to the end of the last valid
	// record that a salvage has given up.
	Salvaged int64
}

// ScanOptions say what a scan needs to know about the database.
type ScanOptions struct {
	PageSize    int    // bytes, from meta
	MetaLastLSN uint64 // last_lsn of meta
	Clean       bool   // the clean flag of meta
	Salvage     bool   // give what stands before damage instead of an error
	// Held reports whether the page stands in its segment, valid, with that LSN
	// or a higher one. nil means that no page does.
	Held func(pageID, lsn uint64) (bool, error)
	// Progress is called after each read with the bytes seen and the size of
	// the log; an error ends the scan and is returned. May be nil.
	Progress func(done, total int64) error
}

// DamageError says that a log holds, or has lost, what no crash explains.
type DamageError struct {
	Offset int64 // in the log file, where the live log ends
	Reason string
}

// Error names the file, the offset and the reason.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at offset %d: %s", FileName, e.Offset, e.Reason)
}

func damagef(off int64, reason string, args ...any) *DamageError {
	return &DamageError{Offset: off, Reason: fmt.Sprintf(reason, args...)}
}

// Scan reads a log and changes nothing. Damage is a *DamageError unless
// o.Salvage is set; other errors are those of f, o.Held and o.Progress. Beside
// the list of images it holds at most 256 KiB.
func Scan(f vfs.File, o ScanOptions) (Result, error) {
	if !format.ValidPageSize(o.PageSize) {
		return Result{}, fmt.Errorf("scan log: %d bytes are no page size", o.PageSize)
	}
	size, err := f.Size()
	if err != nil {
		return Result{}, err
	}
	s := scanner{
		o:      o,
		stride: int64(format.RecordHeaderSize + o.PageSize),
		r:      reader{f: f, size: size, pageSize: o.PageSize, progress: o.Progress},
	}
	s.res.End = min(size, format.WALHeaderSize)
	if done, err := s.fileHeader(); err != nil || done {
		return s.res, err
	}
	kind, err := s.kind()
	if err != nil {
		return s.res, err
	}
	s.res.Kind = kind
	if kind == Foreign {
		err = s.foreign()
	} else {
		// A log without a valid record can still show that it was cut short.
		err = s.marked()
	}
	return s.res, err
}

type scanner struct {
	o      ScanOptions
	stride int64
	r      reader
	res    Result
}

// fileHeader checks the first 16 bytes; done means that no record can follow.
// Where none can, the beginning of a header and zeros pass too: an interrupted
// creation leaves them, and nothing was ever behind them.
func (s *scanner) fileHeader() (done bool, err error) {
	b, err := s.r.bytes(0, int(min(s.r.size, format.WALHeaderSize)))
	if err != nil {
		return true, err
	}
	done = s.r.size <= format.WALHeaderSize
	err = format.CheckWALHeader(b)
	if err == nil || done && (errors.Is(err, format.ErrTruncated) || format.IsZeroPage(b)) {
		return done, nil
	}
	damage := damagef(0, "%v", err)
	if !s.o.Salvage {
		return true, damage
	}
	s.res.Damage = damage
	return done, nil
}

// kind finds the first valid record where one may stand.
func (s *scanner) kind() (Kind, error) {
	for off := int64(format.WALHeaderSize); s.r.size-off >= format.RecordHeaderSize; off += s.stride {
		rec, err := s.r.record(off)
		switch {
		case err != nil:
			return Empty, err
		case rec.ours(s.o.PageSize):
			return Marked, nil
		case rec.valid && !rec.Marked():
			return Foreign, nil
		}
	}
	return Empty, nil
}

// see counts the LSN of a record that is not live too.
func (s *scanner) see(lsn uint64) { s.res.MaxLSN = max(s.res.MaxLSN, lsn) }

// held asks whether a page stands in its segment.
func (s *scanner) held(pageID, lsn uint64) (bool, error) {
	if s.o.Held == nil {
		return false, nil
	}
	return s.o.Held(pageID, lsn)
}

// conclude ends a scan: damage is an error, or what a salvage overrides. end is
// the end of the last valid record behind the live ones.
func (s *scanner) conclude(damage *DamageError, end int64) error {
	if damage == nil {
		return nil
	}
	if !s.o.Salvage {
		return damage
	}
	if s.res.Damage == nil {
		s.res.Damage = damage
	}
	s.res.Salvaged = max(0, end-s.res.End)
	s.res.TornBytes = 0
	return nil
}
