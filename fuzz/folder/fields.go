package folder

import (
	"encoding/binary"
	"hash/crc32"
	"path"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Places in the files, by the description of the formats.
const (
	metaName    = "meta"
	dirName     = "dir"
	freeName    = "free"
	logName     = "wal-000001.log"
	segmentName = "data-000001.p1seg"

	logHeader    = 16
	recordHeader = 28
	pageHeader   = 64
)

// field is a number in a structure.
type field struct {
	name      string
	off, size int
}

func metaFields() []field {
	return []field{{"version", 8, 4}, {"page size", 12, 4}, {"flags", 16, 4}, {"next page id", 20, 8},
		{"hash kind", 28, 4}, {"last lsn", 32, 8}, {"clean", 40, 1}}
}

func pageFields() []field {
	return []field{{"version", 4, 2}, {"type", 6, 2}, {"id", 12, 8}, {"data start", 20, 2}, {"slots", 22, 2}, {"used", 24, 2},
		{"flags", 26, 2}, {"next", 28, 8}, {"lsn", 36, 8}, {"seed", 44, 8}, {"first key length", 64, 2}, {"first value length", 66, 2}}
}

// frameFields are those of a page behind a header, and those of the header.
func frameFields(header int) []field {
	list := pageFields()
	for i := range list {
		list[i].off += header
	}
	if header == storeHeader {
		return append(list, field{"hash", 0, 8}, field{"length", 8, 4})
	}
	return append(list, field{"page id of the frame", 0, 8}, field{"lsn of the frame", 8, 8}, field{"length", 16, 4})
}

func recordFields() []field {
	return []field{{"type", 0, 1}, {"flags", 1, 1}, {"zero", 2, 2}, {"lsn", 4, 8}, {"page id", 12, 8}, {"length", 20, 4},
		{"lsn of image", recordHeader + 36, 8}, {"id of image", recordHeader + 12, 8}, {"next of image", recordHeader + 28, 8}}
}

// put stores a number, as far as b has room for it.
func (f field) put(b []byte, v uint64) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], v)
	if f.off < len(b) {
		copy(b[f.off:], n[:f.size])
	}
}

// pageSize is that of the scene: a change of the field in the meta must not
// change what the later operations mean.
func (r *Recipe) pageSize() int {
	meta := r.Scene.Files[metaName]
	if meta == nil { // a backup
		return format.PageSizeMin
	}
	return int(binary.LittleEndian.Uint32(meta[12:]))
}

// field changes one number in a structure and makes the checksums right. The file
// is chosen by the operation; pages are those of the segment unless which has frames
// of pages too.
func (r *Recipe) field(which string, op byte, in *reader) {
	name := map[byte]string{opPage: segmentName, opMeta: metaName, opRecord: logName, opHead: dirName, opOverlay: segmentName}[op]
	fields := pageFields()
	if header := frames(which); op == opPage && header > 0 {
		name, fields = which, frameFields(header)
	} else if op == opHead && (path.Base(which) == headsName || path.Base(which) == format.BackupDirName) {
		name = which
	}
	b := r.mine(name)
	begin, stride := r.units(name)
	switch op {
	case opMeta:
		begin, stride, fields = 0, max(len(b), 1), metaFields()
	case opRecord:
		fields = recordFields()
	case opHead:
		begin, fields = 24, []field{{"head", 0, 8}}
	}
	n := (len(b) - begin) / stride
	if n < 1 {
		return
	}
	i := 0
	if op != opMeta {
		i = int(in.byte()) % n
	}
	at := begin + i*stride
	if op == opOverlay {
		r.overlay(b, at, int(in.byte()))
		return
	}
	f := fields[int(in.byte())%len(fields)]
	v := in.u64()
	f.put(b[at:], v)
	r.seal(name, at, at+1)
	r.tell("%s: %s of number %d is %d", name, f.name, i, v)
}

// overlay puts the image of a record into its page's place in the segment b at
// off, or, for odd numbers of records, the page into the record.
func (r *Recipe) overlay(b []byte, off, record int) {
	log := r.mine(logName)
	begin, stride := r.units(logName)
	n := (len(log) - begin) / stride
	if n < 1 {
		return
	}
	at := begin + (record/2)%n*stride
	page, image := b[off:off+stride-recordHeader], log[at+recordHeader:at+stride]
	if record%2 == 0 {
		copy(page, image)
		r.tell("page at %d is the image at %d of the log", off, at)
		return
	}
	copy(image, page)
	copy(log[at+4:at+12], page[36:44])  // the LSN
	copy(log[at+12:at+20], page[12:20]) // the page id
	r.seal(logName, at, at+1)
	r.tell("image at %d of the log is the page at %d", at, off)
}

// seal makes the checksums of all structures right that reach into [from, to].
func (r *Recipe) seal(name string, from, to int) {
	b := r.mine(name)
	if b == nil {
		return
	}
	begin, stride := r.units(name)
	switch base := path.Base(name); {
	case (base == dirName || base == format.BackupDirName) && len(b) >= 24:
		sealDir(b)
	case base == headsName && len(b) >= 24:
		sealHeads(b)
	case base == freeName && len(b) >= 24:
		r.vouch(b)
	case stride < r.pageSize():
	default:
		for at := begin; at+stride <= len(b); at += stride {
			if at > to || at+stride < from {
				continue
			}
			if name == logName {
				sealPage(b[at+recordHeader : at+stride])
				binary.LittleEndian.PutUint32(b[at+24:], sum(b[at:at+24], b[at+recordHeader:at+stride]))
			} else if header := frames(name); header > 0 {
				sealFrame(b[at:at+stride], header)
			} else {
				sealPage(b[at : at+stride])
			}
		}
	}
	if base := path.Base(name); base == format.PagesName || base == format.BackupDirName {
		r.sealManifest(path.Dir(name))
	}
	r.tell("%s: sealed from %d to %d", name, from, to)
}

// vouch makes the list of free pages one that a clean close has written.
func (r *Recipe) vouch(b []byte) {
	meta := r.Files[metaName]
	if len(meta) != 41 {
		return
	}
	ids := b[24 : 24+(len(b)-24)/8*8]
	binary.LittleEndian.PutUint64(b[16:], 0x51465245<<32|uint64(sum(ids, meta[32:40], meta[20:28])))
}

func sealPage(b []byte) {
	binary.LittleEndian.PutUint32(b[60:], sum(b[:60], make([]byte, 4), b[pageHeader:]))
}

// sum is the CRC32 of the parts, one behind the other.
func sum(parts ...[]byte) uint32 {
	c := uint32(0)
	for _, p := range parts {
		c = crc32.Update(c, crc32.IEEETable, p)
	}
	return c
}
