package raw

import (
	"fmt"
	"hash/crc32"
)

const (
	walHeader    = 16
	recordHeader = 28

	pageImage = 1

	flagMarked = 0x80
	flagLast   = 0x01
)

// Record is a valid record of the log: a page image.
type Record struct {
	Off  int
	LSN  uint64
	Page uint64
	// Group is the number mod 64 of the group; Last whether it ends it.
	Group  uint8
	Last   bool
	Marked bool
	Image  []byte
}

// RecordAt reads the record at an offset; ok tells whether it is valid, one
// page long, and a page image.
func RecordAt(log []byte, off, pageSize int) (r Record, ok bool) {
	if off+recordHeader+pageSize > len(log) {
		return r, false
	}
	h := log[off:]
	if h[0] != pageImage || int(le.Uint32(h[20:])) != pageSize {
		return r, false
	}
	r = Record{Off: off, LSN: le.Uint64(h[4:]), Page: le.Uint64(h[12:]), Group: h[1] >> 1 & 0x3F,
		Last: h[1]&flagLast != 0, Marked: h[1]&flagMarked != 0, Image: h[recordHeader : recordHeader+pageSize]}
	sum := crc32.Update(crc32.ChecksumIEEE(h[:24]), crc32.IEEETable, r.Image)
	return r, sum == le.Uint32(h[24:])
}

// Records are the valid records at whole strides, live or not.
func Records(log []byte, pageSize int) []Record {
	var list []Record
	for off := walHeader; off < len(log); off += recordHeader + pageSize {
		if r, ok := RecordAt(log, off, pageSize); ok {
			list = append(list, r)
		}
	}
	return list
}

// Log is what stands in a log.
type Log struct {
	Groups [][]Record // live, whole
	Torn   []Record   // of the unfinished group behind them
	Stale  [][]Record // whole groups of a generation that meta.last_lsn has ended
	Faults []string   // damage: what no crash can leave
	MaxLSN uint64     // of every valid record
}

// ReadLog reads a marked log.
func ReadLog(log []byte, lastLSN uint64, pageSize int) Log {
	var l Log
	if len(log) < walHeader || string(log[:8]) != "P1WAL001" {
		l.fault("log: %d bytes without a header", len(log))
		return l
	}
	for _, r := range Records(log, pageSize) {
		l.MaxLSN = max(l.MaxLSN, r.LSN)
	}
	var off int
	l.Groups, l.Torn, off = groups(log, pageSize, lastLSN, lastLSN)
	if len(l.Groups) == 0 && len(l.Torn) == 0 {
		if first, ok := RecordAt(log, walHeader, pageSize); ok && first.LSN <= lastLSN {
			l.Stale, _, _ = groups(log, pageSize, 0, 0)
			l.Stale = upTo(l.Stale, lastLSN)
		}
	}
	l.lookBehind(log, off, lastLSN, pageSize)
	return l
}

// groups reads from the first slot on what continues without a break, with
// LSNs above floor.
func groups(log []byte, pageSize int, floor, last uint64) (whole [][]Record, torn []Record, end int) {
	next := uint8(0)
	off := walHeader
	for ; ; off += recordHeader + pageSize {
		r, ok := RecordAt(log, off, pageSize)
		if !ok || !r.Marked || r.LSN <= floor || r.Group != next || r.LSN <= last || len(torn) > 0 && r.LSN != last+1 {
			return whole, torn, off
		}
		last = r.LSN
		torn = append(torn, r)
		if r.Last {
			whole, torn = append(whole, torn), nil
			next = (next + 1) & 0x3F
		}
	}
}

// upTo keeps the groups that end at or below an LSN.
func upTo(list [][]Record, lsn uint64) [][]Record {
	for i, g := range list {
		if g[len(g)-1].LSN > lsn {
			return list[:i]
		}
	}
	return list
}

// lookBehind tells a torn end from damage: behind the bad record at off stands
// nothing that was written later than the group it belongs to.
func (l *Log) lookBehind(log []byte, off int, lastLSN uint64, pageSize int) {
	last, number := lastLSN, uint8(len(l.Groups)&0x3F)
	for _, g := range l.Groups {
		last = g[len(g)-1].LSN
	}
	if len(l.Torn) > 0 {
		last = l.Torn[len(l.Torn)-1].LSN
	}
	for at := off + recordHeader + pageSize; at < len(log); at += recordHeader + pageSize {
		r, ok := RecordAt(log, at, pageSize)
		if ok && r.Marked && r.LSN > last && r.Group != number {
			l.fault("log: bad record at %d, and a record of LSN %d, group %d, behind it at %d", off, r.LSN, r.Group, at)
			return
		}
	}
	if live := len(l.Groups) + len(l.Torn); live > 0 && len(log) < off+recordHeader {
		l.fault("log: ends at %d, less than %d bytes behind its last record", len(log), recordHeader)
	}
}

func (l *Log) fault(format string, args ...any) {
	l.Faults = append(l.Faults, fmt.Sprintf(format, args...))
}
