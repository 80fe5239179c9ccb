package faultfs

// action is one change of the disk, complete in itself.
type action interface {
	apply(d *disk, r *Record)
}

// bindAct makes a new inode under a name.
type bindAct struct {
	dir   ino
	name  string
	ino   ino
	isDir bool
}

func (a bindAct) apply(d *disk, r *Record) {
	d.live.add(a.ino, a.isDir)
	d.durable.add(a.ino, a.isDir)
	d.live.edit(a.dir).bind(a.name, a.ino)
	d.queue(&Atom{Seq: r.Seq, Kind: AtomBind, Path: r.Path, dir: a.dir, name: a.name, ino: a.ino})
}

// unbindAct removes a name.
type unbindAct struct {
	dir  ino
	name string
}

func (a unbindAct) apply(d *disk, r *Record) {
	dir := d.live.edit(a.dir)
	was := dir.lookup(a.name)
	dir.unbind(a.name)
	d.queue(&Atom{Seq: r.Seq, Kind: AtomUnbind, Path: r.Path, dir: a.dir, name: a.name, ino: was})
}

// renameAct moves a name.
type renameAct struct {
	dir    ino
	name   string
	to     ino
	toName string
}

func (a renameAct) apply(d *disk, r *Record) {
	from := d.live.edit(a.dir)
	moved := from.lookup(a.name)
	from.unbind(a.name)
	to := d.live.edit(a.to)
	over := to.lookup(a.toName) != noIno
	to.bind(a.toName, moved)
	d.queue(&Atom{Seq: r.Seq, Kind: AtomRename, Path: r.Path, To: r.To, ino: moved,
		dir: a.dir, name: a.name, to: a.to, toName: a.toName, over: over})
}

// forgetAct drops an inode from the live view: it has no name and no handle.
type forgetAct struct{ ino ino }

func (a forgetAct) apply(d *disk, _ *Record) {
	if n := d.live.get(a.ino); n != nil {
		d.held -= n.held
		d.live.put(a.ino, nil)
	}
}

// writeAct puts bytes into a file. data belongs to the log and never changes.
type writeAct struct {
	ino  ino
	off  int64
	data []byte
}

func (a writeAct) apply(d *disk, r *Record) {
	n := d.live.edit(a.ino)
	before := n.held
	end := a.off + int64(len(a.data))
	if end > n.will {
		d.queueFile(n, &Atom{Seq: r.Seq, Kind: AtomGrow, Path: r.Path, ino: a.ino, Size: end, base: n.will})
	}
	s := int64(d.mk.sector)
	for off := a.off; off < end; {
		in := int(off % s)
		part := a.data[off-a.off:]
		part = part[:min(len(part), d.mk.sector-in)]
		i := int(off / s)
		below := n.block(i)
		b := d.mk.overlay(below, in, part)
		n.setBlock(i, b)
		atom := &Atom{Seq: r.Seq, Kind: AtomData, Path: r.Path, ino: a.ino, Off: off, Len: len(part), data: part}
		if len(part) == d.mk.sector {
			atom.full = b
		} else {
			atom.laid = newLaid(below, b)
		}
		d.queueFile(n, atom)
		off += int64(len(part))
	}
	n.size = max(n.size, end)
	d.held += n.held - before
}

// truncateAct sets the size of a file.
type truncateAct struct {
	ino  ino
	size int64
}

func (a truncateAct) apply(d *disk, r *Record) {
	n := d.live.edit(a.ino)
	before := n.held
	if a.size < max(n.size, n.will) {
		d.queueFile(n, &Atom{Seq: r.Seq, Kind: AtomShrink, Path: r.Path, ino: a.ino, Size: a.size})
	}
	if a.size > n.will {
		d.queueFile(n, &Atom{Seq: r.Seq, Kind: AtomGrow, Path: r.Path, ino: a.ino, Size: a.size})
	}
	n.size = a.size
	n.trim(d.mk)
	d.held += n.held - before
}

// allocateAct reserves space and extends the file. The space itself counts as
// durable at once; only the growth can be lost.
type allocateAct struct {
	ino      ino
	off, end int64
}

func (a allocateAct) apply(d *disk, r *Record) {
	n := d.live.edit(a.ino)
	before := n.held
	n.size = max(n.size, a.end)
	n.reserve(d.mk, a.off, a.end)
	if stored := d.durable.edit(a.ino); stored != nil && a.off < stored.size {
		stored.reserve(d.mk, a.off, min(a.end, stored.size))
	}
	if a.end > n.will {
		d.queueFile(n, &Atom{Seq: r.Seq, Kind: AtomGrow, Path: r.Path, ino: a.ino, Size: a.end, allocate: true, from: a.off})
	}
	d.held += n.held - before
}

// replaceAct is a silent change: live and durable get the same content, as if
// it had always been there.
type replaceAct struct {
	ino  ino
	data []byte
}

func (a replaceAct) apply(d *disk, _ *Record) {
	before := d.live.get(a.ino).held
	for _, t := range []*tree{&d.live, &d.durable} {
		n := t.edit(a.ino)
		if n == nil {
			continue
		}
		n.size = 0
		n.trim(d.mk)
		for off := 0; off < len(a.data); off += d.mk.sector {
			part := a.data[off:min(off+d.mk.sector, len(a.data))]
			n.setBlock(off/d.mk.sector, d.mk.overlay(nil, 0, part))
		}
		n.size = int64(len(a.data))
		n.will = n.size
	}
	d.held += d.live.get(a.ino).held - before
}

// settleAct makes everything live durable and drops what is pending.
type settleAct struct{}

func (settleAct) apply(d *disk, _ *Record) {
	d.pending = nil
	for i, n := range d.live.nodes {
		if n != nil && (n.will != n.size || n.late != nil) {
			e := d.live.edit(ino(i))
			e.will, e.late = e.size, nil
		}
	}
	d.durable = d.live.freeze().fork()
}

func (d *disk) queue(a *Atom) { d.pending = append(d.pending, a) }

// queueFile queues an atom of a file and keeps the intended size. A file that
// no crash can bring back has no atoms.
func (d *disk) queueFile(n *node, a *Atom) {
	switch a.Kind {
	case AtomGrow:
		n.will = max(n.will, a.Size)
	case AtomShrink:
		n.will = min(n.will, a.Size)
	}
	if d.durable.get(a.ino) != nil {
		d.queue(a)
	}
}
