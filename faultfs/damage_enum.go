package faultfs

import (
	"iter"
	"slices"
)

// Range is a part of a file.
type Range struct {
	Path     string
	Off, Len int64
}

// DamageEnum says which damages of a disk are tried.
type DamageEnum struct {
	Kinds DamageKind // 0 = all
	Class Class      // of the files that are damaged; 0 = all
	// Unit is what is damaged at a time by the kinds that damage a piece of a
	// file, in bytes; 0 = a sector.
	Unit int64
	// Bits are ranges of which every bit is inverted, one at a time. Outside
	// of them DamageBit and DamageByte strike one place in each unit.
	Bits []Range
	// Records are the records of log-like files, in order; DamageRepeat and
	// DamageReorder strike each one, and each one with the next.
	Records []Range
	// Past is where older bytes come from; nil = the log of the disk.
	Past *Log
	// Seed decides about noise, and about places where not every one is tried.
	Seed uint64
}

// Damages yields every damage that e asks for and that changes the disk: each
// file, each unit of it, each kind. A unit is swapped with one of every other
// file, and misdirected from its neighbour and from one place farther away; a
// file is cut at every unit and beside its ends, and replaced by every older
// version of itself.
func (f *FS) Damages(e DamageEnum) iter.Seq[Damage] {
	past := e.Past
	if past == nil {
		past = f.Log()
	}
	s := f.State()
	if e.Unit == 0 {
		e.Unit = int64(s.d.mk.sector)
	}
	return func(yield func(Damage) bool) {
		c := wreck{e: e, mk: s.d.mk, past: past.history(), yield: yield}
		s.d.live.walk(func(path string, n *node) {
			if !n.dir {
				c.files = append(c.files, wreckFile{path, n})
			}
		})
		if !c.bits() || !c.records() {
			return
		}
		for _, file := range c.files {
			if e.Class != 0 && e.Class&ClassOf(file.path) == 0 {
				continue
			}
			if !c.units(file) || !c.ends(file) || !c.versions(file) {
				return
			}
		}
	}
}

// wreck walks the damages of one disk until yield has had enough.
type wreck struct {
	e     DamageEnum
	mk    *blockMaker
	past  *history
	files []wreckFile
	yield func(Damage) bool
}

type wreckFile struct {
	path string
	n    *node
}

func (c *wreck) wants(k DamageKind) bool { return c.e.Kinds == 0 || c.e.Kinds&k != 0 }

// try yields a damage of a kind that is wanted, where it changes something.
func (c *wreck) try(changes bool, d Damage) bool {
	return !changes || !c.wants(d.Kind) || c.yield(d)
}

func (c *wreck) read(n *node, off, length int64) []byte {
	data := make([]byte, length)
	n.read(c.mk, data, off)
	clear(data[min(max(n.size-off, 0), length):])
	return data
}

func (c *wreck) bits() bool {
	for _, r := range c.e.Bits {
		for b := range 8 * r.Len {
			if !c.try(true, Damage{Kind: DamageBit, Path: r.Path, Off: r.Off + b/8, Bit: uint(b % 8)}) {
				return false
			}
		}
	}
	return true
}

func (c *wreck) records() bool {
	for i, r := range c.e.Records {
		d := Damage{Kind: DamageRepeat, Path: r.Path, Off: r.Off, Len: r.Len}
		if !c.try(true, d) {
			return false
		}
		if i+1 == len(c.e.Records) {
			break
		}
		next := c.e.Records[i+1]
		d.Kind, d.From = DamageReorder, next.Len
		if !c.try(next.Path == r.Path && next.Off == r.Off+r.Len, d) {
			return false
		}
	}
	return true
}

// units damages a file piece by piece.
func (c *wreck) units(file wreckFile) bool {
	for off := int64(0); off < file.n.size; off += c.e.Unit {
		u := unit{wreck: c, file: file, off: off, len: min(c.e.Unit, file.n.size-off)}
		u.seed = mix(mix(c.e.Seed, hashName(file.path)), uint64(off))
		u.data = c.read(file.n, off, u.len)
		if !u.change() || !u.misdirect() || !u.old() || !u.swap() {
			return false
		}
	}
	return true
}

// ends cuts and extends a file, and takes it away.
func (c *wreck) ends(file wreckFile) bool {
	cuts := []int64{1, file.n.size / 2, file.n.size - 1}
	for off := int64(0); off < file.n.size; off += c.e.Unit {
		cuts = append(cuts, off)
	}
	slices.Sort(cuts)
	for _, off := range slices.Compact(cuts) {
		if !c.try(off >= 0 && off < file.n.size, Damage{Kind: DamageCut, Path: file.path, Off: off}) {
			return false
		}
	}
	for _, n := range []int64{1, c.e.Unit} {
		if !c.try(true, Damage{Kind: DamageExtendZeros, Path: file.path, Len: n}) ||
			!c.try(true, Damage{Kind: DamageExtendNoise, Path: file.path, Len: n, Seed: mix(c.e.Seed, hashName(file.path))}) {
			return false
		}
	}
	return c.try(true, Damage{Kind: DamageMissing, Path: file.path})
}

func (c *wreck) versions(file wreckFile) bool {
	for _, v := range c.past.files[file.path] {
		if !c.try(!v.n.same(file.n), Damage{Kind: DamageOlder, Path: file.path, At: v.seq}) {
			return false
		}
	}
	return true
}
