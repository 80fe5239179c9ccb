package raw

import "github.com/quiverdb/quiverdb-go/torture/raw"

// Record is a record of the log or of a shipped stream.
type Record struct {
	Type, Flags uint8
	LSN, Page   uint64
	Payload     []byte
}

// State is how a list of records or frames ends.
type State string

const (
	AtEnd State = "at the end of the bytes"
	Short State = "inside a record"
	Wrong State = "with a wrong checksum"
	Alien State = "with what is no record"
)

// ReadRecord reads the record at the start of b, and what is behind it.
func ReadRecord(b []byte) (r Record, rest []byte, end State) {
	if len(b) == 0 {
		return r, b, AtEnd
	}
	if len(b) < 28 {
		return r, b, Short
	}
	n := uint64(u32(b, 20))
	if uint64(len(b)-28) < n {
		return r, b, Short
	}
	r = Record{Type: b[0], Flags: b[1], LSN: u64(b, 4), Page: u64(b, 12), Payload: b[28 : 28+n]}
	if crc(b[0:24], r.Payload) != u32(b, 24) {
		return r, b, Wrong
	}
	return r, b[28+n:], ""
}

// ReadStream reads a log or a shipped stream, in which the header may recur.
func ReadStream(b []byte) (list []Record, end State) {
	if len(b) < 16 || string(b[0:8]) != "P1WAL001" {
		return nil, Alien
	}
	for b = b[16:]; ; {
		if len(b) >= 16 && string(b[0:8]) == "P1WAL001" {
			b = b[16:]
			continue
		}
		r, rest, end := ReadRecord(b)
		if end != "" {
			return list, end
		}
		list, b = append(list, r), rest
	}
}

// Frame is a page image in freeze.bin, pages.bin or store.bin. Name is the page
// id, or the hash in store.bin, which has no LSN.
type Frame struct {
	Name, LSN uint64
	Image     []byte
}

// ReadFrame reads the frame of freeze.bin or pages.bin at the start of b.
func ReadFrame(b []byte) (f Frame, ok bool) {
	if len(b) < 24 {
		return f, false
	}
	n := uint64(u32(b, 16))
	if !IsPageSize(n) || uint64(len(b)-24) < n {
		return f, false
	}
	f = Frame{Name: u64(b, 0), LSN: u64(b, 8), Image: b[24 : 24+n]}
	return f, crc(b[0:20], f.Image) == u32(b, 20)
}

// ReadStoreFrame reads the frame of store.bin at the start of b.
func ReadStoreFrame(b []byte) (f Frame, ok bool) {
	if len(b) < 16 {
		return f, false
	}
	n := uint64(u32(b, 8))
	if !IsPageSize(n) || uint64(len(b)-16) < n {
		return f, false
	}
	f = Frame{Name: u64(b, 0), Image: b[16 : 16+n]}
	return f, crc(b[0:12], f.Image) == u32(b, 12) && raw.Hash64(f.Image) == f.Name
}

// Triple is an entry of one of the index files, 24 bytes.
type Triple [3]uint64

// ReadTriples reads the entries of an index file, and tells how many bytes of
// another one are behind them.
func ReadTriples(b []byte) (list []Triple, rest int) {
	for ; len(b) >= 24; b = b[24:] {
		list = append(list, Triple{u64(b, 0), u64(b, 8), u64(b, 16)})
	}
	return list, len(b)
}
