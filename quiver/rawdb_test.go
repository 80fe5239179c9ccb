package quiver_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// rawDB reads the files of a closed database as FORMAT.md describes them, with
// none of the engine's code: it is what another program would find.
type rawDB struct {
	pageSize  int
	next      uint64
	lastLSN   uint64
	clean     bool
	heads     []uint64
	free      []uint64
	freeBytes []byte
	log       []byte
	segments  [][]byte

	reached  map[uint64]string // what leads to a page
	records  pairs             // live pairs, the copy nearest the tail
	shadowed map[string]int    // older copies of a key
}

const rawNone = ^uint64(0)

var rawLE = binary.LittleEndian

// readRaw reads a database that must be one.
func readRaw(t *testing.T, disk *faultfs.FS, root string) *rawDB {
	t.Helper()
	r := &rawDB{reached: map[uint64]string{}, records: pairs{}, shadowed: map[string]int{}}
	if err := r.read(disk, root); err != nil {
		t.Fatalf("raw bytes: %v", err)
	}
	return r
}

func (r *rawDB) read(disk *faultfs.FS, root string) error {
	var files [4][]byte
	for i, name := range []string{"meta", "dir", "free", "wal-000001.log"} {
		b, err := disk.ReadFile(root + "/" + name)
		if err != nil {
			return err
		}
		files[i] = b
	}
	meta, dir := files[0], files[1]
	r.freeBytes, r.log = files[2], files[3]
	if len(meta) != 41 || string(meta[:8]) != "P1DBMETA" || rawLE.Uint32(meta[8:]) != 3 {
		return fmt.Errorf("meta % x", meta)
	}
	if rawLE.Uint32(meta[16:]) != 0 || rawLE.Uint32(meta[28:]) != 1 || meta[40] > 1 {
		return fmt.Errorf("fields of meta % x", meta)
	}
	r.pageSize, r.next = int(rawLE.Uint32(meta[12:])), rawLE.Uint64(meta[20:])
	r.lastLSN, r.clean = rawLE.Uint64(meta[32:]), meta[40] == 1
	if err := r.readDir(dir); err != nil {
		return err
	}
	for at := 24; at+8 <= len(r.freeBytes); at += 8 {
		r.free = append(r.free, rawLE.Uint64(r.freeBytes[at:]))
	}
	for n := 1; ; n++ {
		b, err := disk.ReadFile(fmt.Sprintf("%s/data-%06d.p1seg", root, n))
		if err != nil {
			break
		}
		r.segments = append(r.segments, b)
	}
	for i := range r.heads {
		if err := r.chain(i); err != nil {
			return fmt.Errorf("bucket %d: %w", i, err)
		}
	}
	return nil
}

func (r *rawDB) readDir(b []byte) error {
	if len(b) < 24 || string(b[:8]) != "P1DIR001" || rawLE.Uint32(b[8:]) != 1 {
		return fmt.Errorf("dir % x", b)
	}
	n := int(rawLE.Uint32(b[12:]))
	if len(b) != 24+8*n {
		return fmt.Errorf("dir has %d bytes with %d buckets", len(b), n)
	}
	sum := crc32.ChecksumIEEE(append(bytes.Clone(b[8:16]), b[24:]...))
	if rawLE.Uint64(b[16:]) != uint64(sum) {
		return fmt.Errorf("checksum of dir")
	}
	for i := range n {
		r.heads = append(r.heads, rawLE.Uint64(b[24+8*i:]))
	}
	return nil
}

// page returns a page that must be a good one.
func (r *rawDB) page(id uint64) ([]byte, error) {
	perSegment := uint64(32<<20) / uint64(r.pageSize)
	n, off := id/perSegment, int(id%perSegment)*r.pageSize
	if id >= r.next || n >= uint64(len(r.segments)) || off+r.pageSize > len(r.segments[n]) {
		return nil, fmt.Errorf("page %d is outside of %d pages", id, r.next)
	}
	p := r.segments[n][off : off+r.pageSize]
	if string(p[:4]) != "P1PG" || rawLE.Uint16(p[4:]) != 2 || rawLE.Uint64(p[12:]) != id {
		return nil, fmt.Errorf("page %d begins with % x", id, p[:20])
	}
	zeroed := bytes.Clone(p)
	rawLE.PutUint32(zeroed[60:], 0)
	if crc32.ChecksumIEEE(zeroed) != rawLE.Uint32(p[60:]) {
		return nil, fmt.Errorf("checksum of page %d", id)
	}
	return p, nil
}

// lsns lists pages, those that nothing leads to included, that are newer than
// meta says: the original would give their LSNs again.
func (r *rawDB) lsns() (list []string) {
	for n, segment := range r.segments {
		for off := 0; off+r.pageSize <= len(segment); off += r.pageSize {
			p := segment[off:]
			if lsn := rawLE.Uint64(p[36:]); string(p[:4]) == "P1PG" && lsn > r.lastLSN {
				list = append(list, fmt.Sprintf("the page at %d of segment %d has lsn %d, meta %d", off, n+1, lsn, r.lastLSN))
			}
		}
	}
	return list
}

func (r *rawDB) reach(id uint64, from string) error {
	if old, twice := r.reached[id]; twice {
		return fmt.Errorf("page %d is reached from %s and %s", id, old, from)
	}
	r.reached[id] = from
	return nil
}

func (r *rawDB) chain(bucket int) error {
	inBucket := pairs{}
	for id := r.heads[bucket]; id != rawNone; {
		if err := r.reach(id, fmt.Sprintf("bucket %d", bucket)); err != nil {
			return err
		}
		p, err := r.page(id)
		if err != nil {
			return err
		}
		if typ := rawLE.Uint16(p[6:]); typ != 2 {
			return fmt.Errorf("page %d has type %d", id, typ)
		}
		slots := int(rawLE.Uint16(p[22:]))
		for at := r.pageSize - 4*slots; at < r.pageSize; at += 4 {
			off := int(rawLE.Uint16(p[at:]))
			if off == 0xFFFF {
				continue
			}
			klen, vlen := int(rawLE.Uint16(p[off:])), int(rawLE.Uint16(p[off+2:]))
			key := string(p[off+4 : off+4+klen])
			value, err := r.value(key, p[off+4+klen:off+4+klen+vlen])
			if err != nil {
				return fmt.Errorf("key %q on page %d: %w", key, id, err)
			}
			if _, older := inBucket[key]; older {
				r.shadowed[key]++
			}
			inBucket[key] = value
		}
		id = rawLE.Uint64(p[28:])
	}
	for k, v := range inBucket {
		if _, twice := r.records[k]; twice {
			return fmt.Errorf("key %q stands in two buckets", k)
		}
		r.records[k] = v
	}
	return nil
}

// value follows the chain of a placeholder.
func (r *rawDB) value(key string, stored []byte) (string, error) {
	if len(stored) != 18 || stored[0] != 0xFF {
		return string(stored), nil
	}
	total, id := rawLE.Uint64(stored[2:]), rawLE.Uint64(stored[10:])
	var value []byte
	for id != rawNone {
		if err := r.reach(id, "the value of "+key); err != nil {
			return "", err
		}
		p, err := r.page(id)
		if err != nil {
			return "", err
		}
		n := int(rawLE.Uint16(p[20:]))
		if rawLE.Uint16(p[6:]) != 3 || n > r.pageSize-64 {
			return "", fmt.Errorf("overflow page %d", id)
		}
		value = append(value, p[64:64+n]...)
		id = rawLE.Uint64(p[28:])
	}
	if uint64(len(value)) != total {
		return "", fmt.Errorf("a value of %d bytes has %d", total, len(value))
	}
	return string(value), nil
}

// faults lists what a clean close must not leave behind.
func (r *rawDB) faults() (list []string) {
	add := func(text string, args ...any) { list = append(list, fmt.Sprintf(text, args...)) }
	if len(r.log) != 16 || string(r.log) != "P1WAL001\x00\x00\x00\x00\x00\x00\x00\x00" {
		add("log has %d bytes", len(r.log))
	}
	if !r.clean {
		add("the clean flag is not set")
	}
	perSegment := uint64(32<<20) / uint64(r.pageSize)
	left := r.next
	for i, s := range r.segments {
		want := min(left, perSegment)
		if uint64(len(s)) != want*uint64(r.pageSize) {
			add("segment %d has %d bytes, next page id is %d", i+1, len(s), r.next)
		}
		left -= want
	}
	if left > 0 {
		add("%d pages have no segment", left)
	}
	if len(r.freeBytes) < 24 || len(r.freeBytes)%8 != 0 || string(r.freeBytes[:8]) != "P1FREE01" || rawLE.Uint32(r.freeBytes[8:]) != 1 {
		add("free list % x", r.freeBytes[:min(len(r.freeBytes), 24)])
	}
	seen := map[uint64]bool{}
	for _, id := range r.free {
		from, used := r.reached[id]
		switch {
		case id >= r.next:
			add("free page %d is not below %d", id, r.next)
		case used:
			add("free page %d is in use by %s", id, from)
		case seen[id]:
			add("free page %d is listed twice", id)
		}
		seen[id] = true
	}
	return append(list, r.lsns()...)
}

// orphans are the pages that nothing leads to and that are not free.
func (r *rawDB) orphans() (list []uint64) {
	for id := range r.next {
		if _, used := r.reached[id]; !used && !slices.Contains(r.free, id) {
			list = append(list, id)
		}
	}
	return list
}

// mustBeClean is the state in which a clean close leaves a database.
func mustBeClean(t *testing.T, disk *faultfs.FS, root string, want pairs) *rawDB {
	t.Helper()
	r := readRaw(t, disk, root)
	for _, f := range r.faults() {
		t.Errorf("raw bytes: %s", f)
	}
	if d := want.diff(r.records); d != "" {
		t.Fatalf("raw bytes: %s", d)
	}
	for _, name := range disk.List() {
		switch base := strings.TrimPrefix(name, root+"/"); {
		case base == "meta", base == "dir", base == "free", base == "wal-000001.log", base == "LOCK":
		case strings.HasPrefix(base, "data-") && strings.HasSuffix(base, ".p1seg"):
		case strings.Contains(base, "/"): // snapshots
		default:
			t.Errorf("raw bytes: %s was left behind", name)
		}
	}
	return r
}
