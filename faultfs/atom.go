package faultfs

import "fmt"

// AtomKind is the kind of a persistence atom.
type AtomKind uint8

const (
	AtomData   AtomKind = iota + 1 // D: bytes within one sector of a file
	AtomGrow                       // Z: the size grows to Size; reads as zeros where no D persisted
	AtomShrink                     // T: the file is cut to Size
	AtomBind                       // E+: a new name
	AtomUnbind                     // E-: a removed name
	AtomRename                     // N: the old name goes and the new one is bound, together
)

func (k AtomKind) String() string {
	if k < AtomData || k > AtomRename {
		return "?"
	}
	return [...]string{"D", "Z", "T", "E+", "E-", "N"}[k-1]
}

// Atom is the smallest change that survives a power cut or does not. Atoms
// are values: a State lists the pending ones, a Selection picks among them.
type Atom struct {
	Seq  int // the call that made it
	Kind AtomKind
	Path string // of the file when the call was made; of the name bound, unbound or renamed
	To   string // AtomRename: the new name
	Off  int64  // AtomData: in the file
	Len  int    // AtomData: bytes
	Size int64  // AtomGrow, AtomShrink

	ino      ino    // the file, or what the name is bound to
	data     []byte // AtomData
	full     *block // AtomData of a whole sector
	laid     *laid  // AtomData of part of a sector
	dir, to  ino    // directories of Path and To
	name     string // last elements of Path and To
	toName   string
	allocate bool  // AtomGrow made by Allocate: [from, Size) takes space
	from     int64 // AtomGrow made by Allocate
	base     int64 // AtomGrow made by a write: the size before it
	over     bool  // AtomRename: the new name was bound
	must     duty  // the laws under which a sync of something else made it persist
}

func (a Atom) String() string {
	switch a.Kind {
	case AtomData:
		return fmt.Sprintf("#%d D %s [%d,+%d)", a.Seq, a.Path, a.Off, a.Len)
	case AtomGrow, AtomShrink:
		return fmt.Sprintf("#%d %v %s size %d", a.Seq, a.Kind, a.Path, a.Size)
	case AtomRename:
		return fmt.Sprintf("#%d N %s -> %s", a.Seq, a.Path, a.To)
	}
	return fmt.Sprintf("#%d %v %s", a.Seq, a.Kind, a.Path)
}

// entries tells whether the atom belongs to a directory and not to a file.
func (a *Atom) entries() bool { return a.Kind >= AtomBind }

// of tells whether a sync of inode i covers the atom: data and size atoms of
// that file, or entry atoms of that directory. A rename between directories
// is one journal transaction, so a sync of either directory covers it.
func (a *Atom) of(i ino) bool {
	if a.entries() {
		return a.in(i)
	}
	return a.ino == i
}

// in tells whether an entry atom changes directory i.
func (a *Atom) in(i ino) bool { return a.dir == i || a.Kind == AtomRename && a.to == i }

// apply changes a tree as if the atom had reached the disk.
func (a *Atom) apply(t *tree, m *blockMaker) {
	if !a.entries() {
		if n := t.edit(a.ino); n != nil {
			a.applyFile(n, m, -1)
		}
		return
	}
	if n := t.edit(a.dir); n != nil {
		a.applyEntry(a.dir, n)
	}
	if a.Kind == AtomRename && a.to != a.dir {
		if n := t.edit(a.to); n != nil {
			a.applyEntry(a.to, n)
		}
	}
}

// applyTo does to one inode what apply does to all; of a data atom only the
// first cut bytes when cut is not negative.
func (a *Atom) applyTo(i ino, n *node, m *blockMaker, cut int) {
	if a.entries() {
		a.applyEntry(i, n)
	} else {
		a.applyFile(n, m, cut)
	}
}

// applyEntry changes directory i.
func (a *Atom) applyEntry(i ino, n *node) {
	switch {
	case a.Kind == AtomBind:
		n.bind(a.name, a.ino)
		return
	case a.dir == i:
		n.unbind(a.name)
	}
	if a.Kind == AtomRename && a.to == i {
		n.bind(a.toName, a.ino)
	}
}

// applyFile changes a file. Bytes behind its end are kept until the caller
// trims, because the growth that covers them may be a later atom.
func (a *Atom) applyFile(n *node, m *blockMaker, cut int) {
	s := int64(m.sector)
	switch a.Kind {
	case AtomData:
		i := int(a.Off / s)
		switch {
		case cut >= 0:
			n.setBlock(i, m.overlay(n.block(i), int(a.Off%s), a.data[:min(cut, len(a.data))]))
		case a.full != nil:
			n.setBlock(i, a.full)
		default:
			n.setBlock(i, a.laid.over(m, n.block(i), int(a.Off%s), a.data))
		}
	case AtomGrow:
		n.size = max(n.size, a.Size)
		n.will = n.size
		if a.allocate {
			n.reserve(m, a.from, a.Size)
		}
	case AtomShrink:
		n.size = min(n.size, a.Size)
		n.will = n.size
		n.cut(m, a.Size)
	}
}
