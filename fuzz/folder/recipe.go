package folder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Limits of a recipe, which keep one input in the range of a millisecond.
const (
	maxEdits = 16
	maxFile  = 256 << 10 // bytes that a change may make of a file
)

// Recipe is a scene and what became of its files. The bytes of an input are
//
//	0  1  scene, modulo their number
//	1  1  how the folder is opened: the way bits
//	2  …  changes, each: operation, file, operands
//
// An operation is in the low four bits of its byte; its highest bit makes the
// checksums of what it has changed right again. Every input is a recipe: numbers
// are taken modulo what there is, and zeros follow the last byte.
type Recipe struct {
	Scene *Scene
	Way   byte
	Files map[string][]byte // nil: a directory
	Story []Told            // the changes

	// Plain: no checksum was made right and no part put in another place, so that
	// no well-made bytes can be there that the scene did not have at that place.
	Plain bool
	// Single: one change of at most a sector, where nothing is taken away: the
	// answers must be right, and not only be what once was right.
	Single bool
	// Last is the file of the last change.
	Last string
	// Dirs: a name became a directory, or that of a folder a file, so that errors of
	// the disk are right.
	Dirs bool
}

// Bits of Recipe.Way.
const (
	wayRefuseLies = 1 << iota // Options.RefuseFlagLies
	wayNoDataSync
	wayRecount // look for orphans before anything is written
	wayNoCache
	wayWrite  // open for writing too, write, and open again
	wayJudge  // compare with the judge's reading
	waySnap   // the writer begins a snapshot, and ends others
	wayVerify // check what was restored; of a backup
)

// The operations.
const (
	opFlip    = iota // offset u16, mask: bits of one byte
	opSet            // offset u16, n u8, n bytes
	opFill           // offset u16, n u16, byte
	opCut            // size u16
	opGrow           // n u16, byte
	opCopy           // from u16, to u16, n u16: a part of the file to another place in it
	opSwap           // i, j: two pages, or two records of the log
	opRemove         // the file
	opRename         // to another name; see odd names
	opClone          // a copy under another name
	opDir            // the name becomes a directory
	opPage           // page, field, u64: a field of the header of a page, in its segment
	opMeta           // field, u64: a field of the meta
	opRecord         // record, field, u64: a field of the header of a log record
	opHead           // bucket, page: a head in the directory
	opOverlay        // page, record: the image of a log record is put into the segment, or the other way
)

const sealBit = 0x80

// oddNames are what files are renamed to, beside the names of the scene.
func oddNames() []string {
	return []string{"data-000002.p1seg", "data-000003.p1seg", "data-999999.p1seg", "data-9223372036854775807.p1seg",
		"data-1000000000000.p1seg", "data-1.p1seg", "meta.tmp", "dir.tmp", "free.tmp", "quiver-reserve", "LOCK", "other",
		restoreName, snapshotsName, snapStoreName, ".snapshots/registry.json", ".snapshots/registry.json.tmp", ".snapshots/other",
		".snapshots/other/heads.bin", ".snapshots/other/freeze.bin", ".snapshots/other/index.bin", ".snapshots/other/hashindex.bin",
		".snapstore/store.bin", ".snapstore/index.bin", ".snapstore/quiver-lock", "sub/meta", "sub"}
}

// ReadRecipe makes the folder that an input describes.
func ReadRecipe(data []byte) *Recipe {
	return readRecipe(data, Scenes())
}

func readRecipe(data []byte, scenes []*Scene) *Recipe {
	in := reader{data}
	r := &Recipe{Scene: scenes[int(in.byte())%len(scenes)], Way: in.byte(), Plain: true}
	r.Files = maps.Clone(r.Scene.Files)
	for range maxEdits {
		if len(in.rest) == 0 {
			break
		}
		r.edit(&in)
	}
	r.Single = r.Plain && r.Single && len(r.Story) == 1
	return r
}

// edit does one change.
func (r *Recipe) edit(in *reader) {
	op, which := in.byte(), in.byte()
	seal := op&sealBit != 0
	names := slices.Sorted(maps.Keys(r.Files))
	if len(names) == 0 {
		return
	}
	name := names[int(which)%len(names)]
	r.Plain, r.Last = r.Plain && !seal, name
	from, to := 0, 0
	switch op &= 15; op {
	case opFlip, opSet, opFill, opCut, opGrow:
		from, to = r.bytes(name, op, in)
	case opCopy, opSwap:
		r.Plain = false
		from, to = r.move(name, op, in)
	case opRemove, opRename, opClone, opDir:
		r.name(name, op, in)
	default:
		r.Plain = false
		r.field(name, op, in)
	}
	if seal {
		r.seal(name, from, to)
	}
}

// Told is a change in words, which are put together only where a check fails.
type Told struct {
	text string
	args []any // that do not change any more
}

func (t Told) String() string { return fmt.Sprintf(t.text, t.args...) }

func (r *Recipe) tell(text string, args ...any) {
	r.Story = append(r.Story, Told{text, args})
}

// bytes changes bytes of a file in their place, or its end.
func (r *Recipe) bytes(name string, op byte, in *reader) (from, to int) {
	b := r.mine(name)
	switch op {
	case opFlip:
		from = in.offset(b)
		to = min(from+1, len(b))
		mask := in.byte() | 1
		if from < to {
			b[from] ^= mask
		}
		r.tell("%s: byte %d xor %#x", name, from, mask)
	case opSet:
		from = in.offset(b)
		with := in.bytes(int(in.byte()))
		to = from + copy(b[from:], with)
		r.tell("%s: bytes %d to %d are % x", name, from, to, with[:to-from])
	case opFill:
		from = in.offset(b)
		to = min(from+in.u16(), len(b))
		with := in.byte()
		for i := from; i < to; i++ {
			b[i] = with
		}
		r.tell("%s: bytes %d to %d are all %#x", name, from, to, with)
	case opCut:
		from = min(in.u16(), len(b))
		to = from
		b = b[:from]
		r.tell("%s: cut to %d bytes", name, from)
	case opGrow:
		from = len(b)
		to = min(len(b)+in.u16(), maxFile)
		with := in.byte()
		b = append(b, bytes.Repeat([]byte{with}, max(0, to-from))...)
		r.tell("%s: %d bytes %#x more", name, len(b)-from, with)
	}
	r.Single = op != opCut && to-from <= 512
	r.Files[name] = b
	return from, to
}

// mine is a file for changing in its place: the bytes of scenes are copied first.
func (r *Recipe) mine(name string) []byte {
	b := r.Files[name]
	for _, content := range r.Scene.Files {
		if len(b) > 0 && len(content) > 0 && &b[0] == &content[0] {
			b = bytes.Clone(b)
			r.Files[name] = b
			break
		}
	}
	return b
}

// move puts parts of a file into other places of it.
func (r *Recipe) move(name string, op byte, in *reader) (from, to int) {
	b := r.mine(name)
	if op == opCopy {
		src := in.offset(b)
		from = in.offset(b)
		to = from + copy(b[from:], b[src:min(len(b), src+in.u16())])
		r.tell("%s: %d bytes at %d come from %d", name, to-from, from, src)
		return from, to
	}
	begin, stride := r.units(name)
	n := (len(b) - begin) / stride
	if n < 1 {
		return 0, 0
	}
	i, j := begin+stride*(int(in.byte())%n), begin+stride*(int(in.byte())%n)
	one := bytes.Clone(b[i : i+stride])
	copy(b[i:i+stride], b[j:j+stride])
	copy(b[j:], one)
	r.tell("%s: %d bytes at %d and %d change places", name, stride, i, j)
	return 0, 0
}

// name changes names.
func (r *Recipe) name(name string, op byte, in *reader) {
	names := append(slices.Clone(r.Scene.Names), oddNames()...)
	target := names[int(in.byte())%len(names)]
	r.Plain = r.Plain && op == opRemove
	r.Single = op == opRemove
	switch op {
	case opRemove:
		delete(r.Files, name)
		r.tell("%s: removed", name)
	case opRename, opClone:
		content := r.Files[name]
		if op == opRename {
			delete(r.Files, name)
		} else {
			content = bytes.Clone(content)
		}
		r.put(target, content)
		r.Dirs = r.Dirs || isFolder(target)
		r.tell("%s: stands under %s too or instead (%d)", name, target, op)
	case opDir:
		r.put(name, nil)
		r.Dirs = true
		r.tell("%s: a directory", name)
	}
}

// reader takes numbers and bytes from an input.
type reader struct{ rest []byte }

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) u16() int { return int(r.byte()) | int(r.byte())<<8 }

// u64 is a number in a byte that tells how many of its own bytes follow, which
// are extended by their highest bit: small numbers are short, and so is -1.
func (r *reader) u64() uint64 {
	n := int(r.byte() & 15)
	var b [8]byte
	part := r.bytes(min(n, 8))
	copy(b[:], part)
	if len(part) > 0 && part[len(part)-1]&0x80 != 0 {
		for i := len(part); i < len(b); i++ {
			b[i] = 0xFF
		}
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (r *reader) bytes(n int) []byte {
	n = min(n, len(r.rest))
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// offset is a place in b, the end included.
func (r *reader) offset(b []byte) int { return r.u16() % (len(b) + 1) }
