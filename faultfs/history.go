package faultfs

// history is what each path held durably in the course of a log.
type history struct {
	files map[string][]version
}

// version is the content of a file that was durable after a call, until the
// next version of the list.
type version struct {
	seq int
	n   *node // frozen
}

// history goes through the log once; the result is kept.
func (l *Log) history() *history {
	l.once.Do(func() { l.past = l.makeHistory() })
	return l.past
}

func (l *Log) makeHistory() *history {
	h := &history{files: map[string][]version{}}
	d := l.base.fork()
	h.add(d, l.baseSeq)
	for _, r := range l.records {
		if len(r.acts) == 0 {
			continue
		}
		d.replay(r)
		if r.Kind&(KindFsync|KindTamper|KindAllocate) != 0 {
			h.add(d, r.Seq)
		}
	}
	return h
}

// add takes in what is durable after a call.
func (h *history) add(d *disk, seq int) {
	t := d.durable.freeze()
	t.walk(func(path string, n *node) {
		if n.dir {
			return
		}
		list := h.files[path]
		if k := len(list); k > 0 && list[k-1].n.same(n) {
			return
		}
		h.files[path] = append(list, version{seq: seq, n: n})
	})
}

// same tells whether two files have the same bytes.
func (n *node) same(other *node) bool {
	return n == other || n.size == other.size && n.sum == other.sum
}

// at is what the path held after a call, nil when it did not exist before.
func (h *history) at(path string, seq int) *node {
	var found *node
	for _, v := range h.files[path] {
		if v.seq <= seq {
			found = v.n
		}
	}
	return found
}

// before is the newest version of a path that has a sector i with other bytes
// than the given block.
func (h *history) before(m *blockMaker, path string, i int, now *block) (version, bool) {
	list := h.files[path]
	for k := len(list) - 1; k >= 0; k-- {
		if n := list[k].n; int64(i)*int64(m.sector) < n.size && !n.block(i).equal(now) {
			return list[k], true
		}
	}
	return version{}, false
}

// equal tells whether two blocks read the same.
func (b *block) equal(other *block) bool { return b.sum() == other.sum() }

func (b *block) sum() uint64 {
	if b == nil {
		return 0
	}
	return b.hash
}

// pastLog is the history of the FS itself, which is locked. It is made anew
// only after the disk has changed.
func (f *FS) pastLog() *history {
	if f.past == nil || f.pastAt != f.changes {
		l := &Log{base: f.base, baseSeq: f.baseSeq, records: f.records}
		f.past, f.pastAt = l.makeHistory(), f.changes
	}
	return f.past
}

// echo is a sector that reads as it was once.
type echo struct {
	ino    ino
	sector int
	data   []byte
	once   bool
	why    string
}

// belie changes what a read at off has got, as the fault that strikes and the
// echoes of the disk want it.
func (o *op) belie(i ino, p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	for k := 0; k < len(o.f.echoes); k++ {
		e := o.f.echoes[k]
		if e.ino != i || !e.lay(p, off) {
			continue
		}
		if o.rec.Fault == "" {
			o.rec.Fault = e.why
		}
		if e.once {
			o.f.echoes = append(o.f.echoes[:k:k], o.f.echoes[k+1:]...)
			k--
		}
	}
	switch o.effect() {
	case EffectFlip:
		bit := o.fault.Bytes % int64(8*len(p))
		p[bit/8] ^= 1 << (bit % 8)
	case EffectStale:
		o.recall(i, p, off)
	}
}

// lay puts the bytes of an echo over what was read at off, where the two touch.
func (e *echo) lay(p []byte, off int64) bool {
	return e.layAt(p, int64(e.sector)*int64(len(e.data))-off)
}

// layAt puts the bytes over p from an index on, which may lie outside.
func (e *echo) layAt(p []byte, from int64) bool {
	if from >= int64(len(p)) || from+int64(len(e.data)) <= 0 {
		return false
	}
	copy(p[max(from, 0):], e.data[max(-from, 0):])
	return true
}

// recall puts the previous version over each sector that was read.
func (o *op) recall(i ino, p []byte, off int64) {
	mk, n, past := o.f.d.mk, o.f.d.live.get(i), o.f.pastLog()
	s := int64(mk.sector)
	for k := int(off / s); int64(k)*s < off+int64(len(p)); k++ {
		if old, ok := past.before(mk, o.rec.Path, k, n.block(k)); ok {
			e := echo{sector: k, data: make([]byte, s)}
			if b := old.n.block(k); b != nil {
				e.data = b.data
			}
			e.lay(p, off)
		}
	}
}

// hush drops the echoes of bytes that a call has written anew.
func (f *FS) hush(i ino, from, to int64) {
	for k := 0; k < len(f.echoes); k++ {
		e := f.echoes[k]
		at := int64(e.sector) * int64(len(e.data))
		if e.ino == i && at < to && from < at+int64(len(e.data)) {
			f.echoes = append(f.echoes[:k:k], f.echoes[k+1:]...)
			k--
		}
	}
}
