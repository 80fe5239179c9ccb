package raw

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"path"
	"slices"
	"strings"
)

// Folders of snapshots and of their shared pages, in that of the database.
const (
	SnapFolder  = ".snapshots"
	StoreFolder = ".snapstore"
)

const (
	frameHead  = 24 // of freeze.bin
	storeHead  = 16 // of store.bin
	entrySize  = 24 // of index.bin and hashindex.bin, of a snapshot and of the SnapStore
	headsTail  = 12
	registered = "registry.json"
)

// Entry is a line of the registry.
type Entry struct {
	ID    string `json:"id"`
	LSN   uint64 `json:"lsn"`
	Nanos uint64 `json:"ts_nanos"`
	Ended bool   `json:"ended"`
}

// Snapshots are those of the registry, and what is wrong with their files.
type Snapshots struct {
	Entries []Entry
	Faults  []string

	view   *View
	read   func(path string) ([]byte, error)
	dir    string
	images map[uint64]uint32 // whole images of the SnapStore, with the references that index.bin counts
	named  map[uint64]uint32 // by how many snapshots
}

// ReadSnapshots reads the registry and all that it names. read answers nil for a
// file that is not there.
func ReadSnapshots(dir string, v *View, read func(path string) ([]byte, error)) (*Snapshots, error) {
	s := &Snapshots{view: v, read: read, dir: dir, images: map[uint64]uint32{}, named: map[uint64]uint32{}}
	b, err := read(path.Join("/", dir, SnapFolder, registered))
	if err != nil || b == nil {
		return s, err
	}
	if s.Entries, err = ParseRegistry(b); err != nil {
		s.fault("registry: %v", err)
		return s, nil
	}
	if err := s.store(); err != nil {
		return s, err
	}
	for _, e := range s.Entries {
		if err := s.indexes(e); err != nil {
			return s, err
		}
	}
	return s, nil
}

// ParseRegistry reads the registry. It is told by its fields alone: it asks neither
// whether all are there nor what names nobody knows.
func ParseRegistry(b []byte) ([]Entry, error) {
	var registry struct {
		Entries []Entry `json:"entries"`
	}
	err := json.Unmarshal(b, &registry)
	return registry.Entries, err
}

func (s *Snapshots) fault(format string, args ...any) {
	s.Faults = append(s.Faults, fmt.Sprintf(format, args...))
}

func (s *Snapshots) file(id, name string) ([]byte, error) {
	return s.read(path.Join("/", s.dir, SnapFolder, id, name))
}

// FrameAt is the page of a whole frame of freeze.bin, nil if there is none.
func FrameAt(b []byte, off uint64, pageSize int) (id, lsn uint64, page Page) {
	size := uint64(frameHead + pageSize)
	if off%size != 0 || uint64(len(b)) < size || off > uint64(len(b))-size {
		return 0, 0, nil
	}
	f := b[off : off+size]
	if le.Uint32(f[16:]) != uint32(pageSize) ||
		le.Uint32(f[20:]) != crc32.Update(crc32.ChecksumIEEE(f[:20]), crc32.IEEETable, f[frameHead:]) {
		return 0, 0, nil
	}
	return le.Uint64(f), le.Uint64(f[8:]), Page(f[frameHead:])
}

// Entries are those of index.bin and hashindex.bin that are whole: of one that a
// crash has cut, a field is zero.
func Entries(b []byte) (list [][3]uint64) {
	for ; len(b) >= entrySize; b = b[entrySize:] {
		list = append(list, [3]uint64{le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:])})
	}
	return list
}

// indexes: whatever is named stands there as a whole, because it was durable
// before its name was written.
func (s *Snapshots) indexes(e Entry) error {
	frames, err := s.file(e.ID, "freeze.bin")
	if err != nil {
		return err
	}
	index, err := s.file(e.ID, "index.bin")
	if err != nil {
		return err
	}
	for i, x := range Entries(index) {
		if x[2] == 0 {
			continue
		}
		switch id, lsn, page := FrameAt(frames, x[1], s.view.Meta.PageSize); {
		case page == nil:
			s.fault("snapshot %s: entry %d names a frame at %d, and there is none", e.ID, i, x[1])
		case page.Verify(id) != nil || page.LSN() != lsn || lsn > e.LSN:
			s.fault("snapshot %s: the frame at %d holds no page %d of LSN %d", e.ID, x[1], id, lsn)
		}
	}
	hashes, err := s.file(e.ID, "hashindex.bin")
	if err != nil {
		return err
	}
	known := map[uint64]bool{}
	for i, x := range Entries(hashes) {
		if x[1] == 0 || x[2] == 0 || known[x[1]] {
			continue
		}
		known[x[1]] = true
		s.named[x[1]]++
		if _, stored := s.images[x[1]]; !stored {
			s.fault("snapshot %s: entry %d names image %016x, which the SnapStore does not hold", e.ID, i, x[1])
		}
	}
	return nil
}

// StoreFrameAt is the page of a whole frame of store.bin, nil if there is none.
func StoreFrameAt(b []byte, off, pageSize int) (hash uint64, page Page) {
	if off+storeHead+pageSize > len(b) {
		return 0, nil
	}
	f := b[off : off+storeHead+pageSize]
	sum := crc32.Update(crc32.ChecksumIEEE(f[:12]), crc32.IEEETable, f[storeHead:])
	if int(le.Uint32(f[8:])) != pageSize || le.Uint32(f[12:]) != sum || Hash64(f[storeHead:]) != le.Uint64(f) {
		return 0, nil
	}
	return le.Uint64(f), Page(f[storeHead:])
}

// store reads the frames of the SnapStore, and the counts of those that its
// index names.
func (s *Snapshots) store() error {
	b, err := s.read(path.Join("/", s.dir, StoreFolder, "store.bin"))
	if err != nil {
		return err
	}
	index, err := s.read(path.Join("/", s.dir, StoreFolder, "index.bin"))
	if err != nil {
		return err
	}
	size := storeHead + s.view.Meta.PageSize
	for off := 0; off+size <= len(b); off += size {
		if hash, page := StoreFrameAt(b, off, s.view.Meta.PageSize); page != nil {
			s.images[hash] = 0
		}
	}
	for _, x := range Entries(index) {
		if refs := uint32(x[2]); refs > 0 {
			if _, stored := s.images[x[0]]; !stored {
				s.fault("the index of the SnapStore counts %d references to image %016x, which is not there", refs, x[0])
			}
			s.images[x[0]] = refs
		}
	}
	return nil
}

// Counted says which images have fewer references than snapshots name them. In
// the middle of a session they may.
func (s *Snapshots) Counted() (faults []string) {
	for _, h := range slices.Sorted(maps.Keys(s.named)) {
		if n := s.named[h]; s.images[h] < n {
			faults = append(faults, fmt.Sprintf("image %016x counts %d references, and %d snapshots name it", h, s.images[h], n))
		}
	}
	return faults
}

// Pairs is what a snapshot holds that has not ended: the pages that were frozen,
// and those that have not changed since.
func (s *Snapshots) Pairs(e Entry) (map[string]string, []string, error) {
	heads, err := s.file(e.ID, "heads.bin")
	if err != nil {
		return nil, nil, err
	}
	if len(heads) < headsTail || crc32.ChecksumIEEE(heads[:len(heads)-4]) != le.Uint32(heads[len(heads)-4:]) ||
		le.Uint64(heads[len(heads)-headsTail:]) != e.LSN {
		return nil, []string{"snapshot " + e.ID + ": no heads"}, nil
	}
	v := &View{Meta: s.view.Meta, files: s.view.files, Pairs: map[string]string{}, reached: map[uint64]bool{}, images: map[uint64]Page{}}
	if v.Heads, err = ParseDir(heads[:len(heads)-headsTail]); err != nil {
		return nil, []string{"snapshot " + e.ID + ": " + err.Error()}, nil
	}
	for id, p := range s.view.images {
		if p.LSN() <= e.LSN {
			v.images[id] = p
		}
	}
	frames, err := s.file(e.ID, "freeze.bin")
	if err != nil {
		return nil, nil, err
	}
	for off := uint64(0); off < uint64(len(frames)); off += uint64(frameHead + s.view.Meta.PageSize) {
		if id, _, page := FrameAt(frames, off, s.view.Meta.PageSize); page != nil {
			v.images[id] = page
		}
	}
	for b, head := range v.Heads {
		v.chain(b, head)
	}
	for i, f := range v.Faults {
		v.Faults[i] = "snapshot " + e.ID + ": " + f
	}
	if v.maxLSN > e.LSN {
		v.fault("snapshot %s: a page has LSN %d, above its %d", e.ID, v.maxLSN, e.LSN)
	}
	return v.Pairs, v.Faults, nil
}

// ListFiles is a read for ReadSnapshots on a disk with these files.
func ListFiles(paths []string, read func(path string) ([]byte, error)) func(string) ([]byte, error) {
	there := map[string]bool{}
	for _, p := range paths {
		there[p] = true
	}
	return func(p string) ([]byte, error) {
		if p = "/" + strings.TrimPrefix(p, "/"); !there[p] {
			return nil, nil
		}
		return read(p)
	}
}
