package raw

import (
	"fmt"
)

// View is a database as the whole groups of its log, laid over the segments,
// make it.
type View struct {
	Meta  Meta
	Heads []uint64
	Free  []uint64
	Log   Log

	Pairs  map[string]string
	Faults []string

	files   Files
	images  map[uint64]Page // the winners of the log
	reached map[uint64]bool
	maxLSN  uint64 // of the pages that are reached
}

// Recover reads an image of a database that has a meta.
func Recover(f Files) *View {
	v := &View{files: f, Pairs: map[string]string{}, reached: map[uint64]bool{}, images: map[uint64]Page{}}
	var err error
	if v.Meta, err = ParseMeta(f.Meta); err != nil {
		v.fault("%v", err)
		return v
	}
	if v.Heads, err = ParseDir(f.Dir); err != nil {
		v.fault("%v", err)
		return v
	}
	if v.Free, _, err = ParseFree(f.Free); err != nil {
		v.fault("%v", err)
	}
	v.Log = ReadLog(f.Log, v.Meta.LastLSN, v.Meta.PageSize)
	v.Faults = append(v.Faults, v.Log.Faults...)
	for _, g := range v.Log.Groups {
		for _, r := range g {
			v.lay(r)
		}
	}
	v.stale()
	for b, head := range v.Heads {
		v.chain(b, head)
	}
	v.account()
	return v
}

func (v *View) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// lay enters an image of the log: the higher LSN wins, the log at equal ones.
func (v *View) lay(r Record) {
	img := Page(r.Image)
	if err := img.Verify(r.Page); err != nil {
		v.fault("log, record at %d: %v", r.Off, err)
		return
	}
	if img.LSN() != r.LSN {
		v.fault("log, record at %d: LSN %d with an image of LSN %d", r.Off, r.LSN, img.LSN())
	}
	if p := v.stored(r.Page); p != nil && p.Verify(r.Page) == nil && p.LSN() > r.LSN {
		return
	}
	v.images[r.Page] = img
}

// stale checks the promise behind a log that meta.last_lsn has ended: its
// images stand in the segments.
func (v *View) stale() {
	for _, g := range v.Log.Stale {
		for _, r := range g {
			p := v.stored(r.Page)
			if p == nil || p.Verify(r.Page) != nil || p.LSN() < r.LSN {
				v.fault("log, record at %d: LSN %d of page %d is not above last_lsn %d, and does not stand in the segment",
					r.Off, r.LSN, r.Page, v.Meta.LastLSN)
			}
		}
	}
}

// stored is a page as its segment has it, nil where the file is too short.
func (v *View) stored(id uint64) Page {
	per := uint64(SegmentBytes / v.Meta.PageSize)
	return v.files.Segs[int(id/per)+1].page(int(id%per)*v.Meta.PageSize, v.Meta.PageSize)
}

// page is a page that something leads to, nil when it cannot be read.
func (v *View) page(id uint64, kind int, from string) Page {
	if id >= v.Meta.NextPage {
		v.fault("%s leads to page %d, next_page_id is %d", from, id, v.Meta.NextPage)
	}
	if v.reached[id] {
		v.fault("%s leads to page %d, which something else leads to as well", from, id)
		return nil
	}
	v.reached[id] = true
	p := v.images[id]
	if p == nil {
		if p = v.stored(id); p == nil {
			v.fault("%s leads to page %d, which is in no file", from, id)
			return nil
		}
		if err := p.Verify(id); err != nil {
			v.fault("%s: %v", from, err)
			return nil
		}
	}
	if p.kind() != kind {
		v.fault("%s leads to page %d of type %d", from, id, p.kind())
		return nil
	}
	v.maxLSN = max(v.maxLSN, p.LSN())
	return p
}

// chain reads the pages of a bucket. The copy nearest the tail wins.
func (v *View) chain(bucket int, id uint64) {
	from := fmt.Sprintf("bucket %d", bucket)
	for id != NoPage {
		p := v.page(id, typeKV, from)
		if p == nil {
			return
		}
		pairs, err := p.Pairs()
		if err != nil {
			v.fault("%s: %v", from, err)
		}
		for _, r := range pairs {
			if got := BucketOf(r.Key, len(v.Heads)); got != bucket {
				v.fault("%s: page %d holds key %q of bucket %d", from, id, r.Key, got)
			}
			v.Pairs[string(r.Key)] = v.value(r)
		}
		id = p.next()
	}
}

// value is the value of a record. The chain of a shadowed copy counts as
// reached too.
func (v *View) value(r Pair) string {
	size, id, ok := r.Long()
	if !ok {
		return string(r.Value)
	}
	var b []byte
	for id != NoPage {
		p := v.page(id, typeLong, fmt.Sprintf("key %q", r.Key))
		if p == nil {
			return string(b)
		}
		n := int(le.Uint16(p[20:]))
		if n > len(p)-pageHeader || p.next() != NoPage && n != len(p)-pageHeader {
			v.fault("page %d holds %d bytes of key %q, and is not the last", id, n, r.Key)
			return string(b)
		}
		b = append(b, p[pageHeader:pageHeader+n]...)
		id = p.next()
	}
	if uint64(len(b)) != size {
		v.fault("key %q has %d bytes instead of %d", r.Key, len(b), size)
	}
	return string(b)
}

// account compares what is reached with what is free, and the LSNs.
func (v *View) account() {
	seen := map[uint64]bool{}
	for _, id := range v.Free {
		switch {
		case id >= v.Meta.NextPage:
			v.fault("free names page %d, next_page_id is %d", id, v.Meta.NextPage)
		case v.reached[id]:
			v.fault("free names page %d, which is in use", id)
		case seen[id]:
			v.fault("free names page %d twice", id)
		}
		seen[id] = true
	}
	if most := max(v.Meta.LastLSN, v.Log.MaxLSN); v.maxLSN > most {
		v.fault("a page has LSN %d, last_lsn and log know only %d", v.maxLSN, most)
	}
}

// MaxLSN is the highest LSN of the meta, of any valid record of the log, and of
// any valid page in the segments.
func (v *View) MaxLSN() uint64 {
	most := max(v.Meta.LastLSN, v.Log.MaxLSN)
	per := uint64(SegmentBytes / v.Meta.PageSize)
	for n, seg := range v.files.Segs {
		for i := range seg.Size / v.Meta.PageSize {
			off := i * v.Meta.PageSize
			if seg.page(off, pageHeader).LSN() <= most {
				continue
			}
			if p := seg.page(off, v.Meta.PageSize); p.Verify(uint64(n-1)*per+uint64(i)) == nil {
				most = p.LSN()
			}
		}
	}
	return most
}

// Closed says what is wrong with a database that was closed cleanly, beyond the
// faults of any other. accounted tells that no page may be lost: a session that
// wrote nothing leaves what a crash before it has left.
func (v *View) Closed(accounted bool) []string {
	if v.Heads == nil {
		return nil
	}
	before := len(v.Faults)
	if !v.Meta.Clean {
		v.fault("closed: the clean flag is not set")
	}
	if len(v.files.Log) != walHeader {
		v.fault("closed: the log has %d bytes", len(v.files.Log))
	}
	var bytes uint64
	for _, seg := range v.files.Segs {
		bytes += uint64(seg.Size)
	}
	if want := v.Meta.NextPage * uint64(v.Meta.PageSize); bytes < want || accounted && bytes != want {
		v.fault("closed: segments of %d bytes, next_page_id asks for %d", bytes, want)
	}
	if accounted {
		free := map[uint64]bool{}
		for _, id := range v.Free {
			free[id] = true
		}
		for id := range v.Meta.NextPage {
			if !v.reached[id] && !free[id] {
				v.fault("closed: page %d is neither in use nor free", id)
			}
		}
	}
	return v.Faults[before:]
}
