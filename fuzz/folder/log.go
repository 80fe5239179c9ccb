package folder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/quiver"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Limits of the log of a recipe.
const (
	maxRecords = 40
	maxNoise   = 600      // bytes
	logBytes   = 32 << 10 // of most logs, and no limit
)

// The parts of a log; the low three bits of their byte. The next bits of the
// first two say how a group goes on.
const (
	partRight    = iota // the record that this project would append: image u8
	partForeign         // the record that the original would append: image u8
	partFree            // flags u8, LSN step i8, image u8, page id step i8: what nobody appends, with a right checksum
	partZeros           // a slot of zeros
	partNoise           // n u8, byte: bytes that are no whole slot
	partBroken          // off u16, mask u8: a change in the part before
	partCut             // n u16: the file ends so many bytes earlier
	partOlder           // image u8: a record of an older generation
	partKind     = 7
	partLast     = 8  // partRight: ends its group
	partNewGroup = 16 // partRight: the number of its group is one more than is due
)

// logMaker appends parts to a log as far as a recipe says.
type logMaker struct {
	r     *Recipe
	log   []byte
	pool  [][]byte // valid pages to make images of
	lsn   uint64
	base  uint64 // last LSN of the meta
	group byte
	right bool // everything so far is what this project would append
	done  int  // groups that are whole, as long as right
}

// Log makes the log of a folder part by part, opens the folder, and checks the
// answers by the rules of Folder. Where the log holds nothing but images, the
// engine and the judge must find the same number of whole groups in it, and those
// that were made right must all be found.
//
// The bytes of an input are those of Folder's recipe up to the changes; behind
// them stand the parts.
func Log(data []byte) error {
	in := reader{data}
	scenes := Scenes()
	r := &Recipe{Scene: scenes[int(in.byte())%len(scenes)], Way: in.byte(), Files: map[string][]byte{}}
	for name, content := range r.Scene.Files {
		r.Files[name] = content
	}
	m := newLogMaker(r)
	for range maxRecords {
		if len(in.rest) == 0 {
			break
		}
		m.part(&in)
	}
	if m.right && len(m.log) > logHeader {
		m.log = append(m.log, make([]byte, recordHeader)...) // which ends a group
	}
	r.Files[logName] = m.log
	v, err := r.check()
	if err == nil {
		err = m.sameGroups(v)
	}
	if err != nil {
		return fmt.Errorf("%w\n%v", err, r)
	}
	return nil
}

func newLogMaker(r *Recipe) *logMaker {
	m := &logMaker{r: r, right: true, log: make([]byte, 0, logBytes)}
	m.log = append(m.log, r.Scene.Files[logName][:logHeader]...)
	m.base = binary.LittleEndian.Uint64(r.Files[metaName][32:])
	m.lsn = m.base
	size := r.pageSize()
	for _, name := range []string{segmentName, logName} {
		begin, stride := r.units(name)
		b := r.Scene.Files[name]
		for at := begin; at+stride <= len(b); at += stride {
			if page := b[at+stride-size : at+stride]; string(page[:4]) == "P1PG" {
				m.pool = append(m.pool, page)
				// The log continues behind everything that the scene holds.
				m.lsn = max(m.lsn, binary.LittleEndian.Uint64(page[36:]))
			}
		}
	}
	if len(m.pool) == 0 {
		m.pool = append(m.pool, emptyPage(size))
	}
	return m
}

// emptyPage is page 0 without records.
func emptyPage(size int) []byte {
	b := make([]byte, size)
	copy(b, "P1PG\x02\x00\x02\x00")
	b[20] = pageHeader
	for i := range 8 {
		b[28+i] = 0xFF
	}
	return b
}

// part appends one part, or changes what is there.
func (m *logMaker) part(in *reader) {
	op := in.byte()
	switch kind := op & partKind; kind {
	case partRight:
		m.ours(op, in.byte())
	case partForeign:
		m.lsn++
		m.append(0, m.lsn, in.byte(), 0)
		m.right = false
	case partFree:
		flags, step := in.byte(), uint64(int64(int8(in.byte())))
		m.append(flags, m.lsn+step, in.byte(), uint64(int64(int8(in.byte()))))
		m.right = false
	case partZeros:
		m.log = append(m.log, make([]byte, recordHeader+m.r.pageSize())...)
		m.right = false
	case partNoise:
		n := min(2*int(in.byte()), maxNoise)
		m.log = append(m.log, bytes.Repeat([]byte{in.byte()}, n)...)
		m.r.tell("log: %d bytes of noise", n)
		m.right = false
	case partBroken:
		_, stride := m.r.units(logName)
		at := max(0, len(m.log)-1-in.u16()%stride)
		if mask := in.byte() | 1; at < len(m.log) {
			m.log[at] ^= mask
		}
		m.r.tell("log: byte %d is another", at)
		m.right = false
	case partCut:
		m.log = m.log[:len(m.log)-min(in.u16(), len(m.log))]
		m.r.tell("log: cut to %d bytes", len(m.log))
		m.right = false
	case partOlder:
		m.append(0x81, 1+uint64(op>>3), in.byte(), 0)
		m.right = false
	}
}

// ours appends the record that this project would.
func (m *logMaker) ours(op, image byte) {
	if op&partNewGroup != 0 {
		m.group++
		m.right = false
	}
	m.lsn++
	flags := 0x80 | (m.group&0x3F)<<1
	if op&partLast != 0 {
		flags |= 1
		m.group++
		if m.right {
			m.done++
		}
	}
	m.append(flags, m.lsn, image, 0)
}

// append appends a record with a right checksum around an image from the pool.
func (m *logMaker) append(flags byte, lsn uint64, image byte, idStep uint64) {
	begin := len(m.log)
	m.log = append(append(m.log, make([]byte, recordHeader)...), m.pool[int(image)%len(m.pool)]...)
	h, page := m.log[begin:begin+recordHeader], m.log[begin+recordHeader:]
	id := binary.LittleEndian.Uint64(page[12:])
	binary.LittleEndian.PutUint64(page[36:], lsn)
	sealPage(page)
	h[0], h[1] = 1, flags
	binary.LittleEndian.PutUint64(h[4:], lsn)
	binary.LittleEndian.PutUint64(h[12:], id+idStep)
	binary.LittleEndian.PutUint32(h[20:], uint32(len(page)))
	binary.LittleEndian.PutUint32(h[24:], sum(h[:24], page))
	m.r.tell("log, %d: page %d, LSN %d, flags %#x", begin, id+idStep, lsn, flags)
}

// sameGroups compares how many whole groups a reader, the judge and the maker find
// in the log.
func (m *logMaker) sameGroups(reader *view) error {
	if reader.opened != nil {
		if m.right && !m.r.Scene.Half && !errors.Is(reader.opened, quiver.ErrUnclean) {
			return fmt.Errorf("a log that is right is refused: %w", reader.opened)
		}
		return nil
	}
	found := reader.recovery
	if m.right && found.Groups != m.done {
		return fmt.Errorf("%d groups are whole, %d are found", m.done, found.Groups)
	}
	j := judge.ReadLog(m.log, m.base, m.r.pageSize())
	if !found.Foreign && len(j.Faults) == 0 && found.Groups != len(j.Groups) {
		return fmt.Errorf("the engine finds %d groups, the judge %d", found.Groups, len(j.Groups))
	}
	return nil
}
