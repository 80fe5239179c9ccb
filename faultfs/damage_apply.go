package faultfs

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
)

// Damage changes a file silently: live and durable view alike, past faults,
// handles and locks. Older bytes come from the log of the past, nil for the
// log of the disk itself. A damage that names a place or a version that does
// not exist is an error and changes nothing.
//
// It is meant for files without pending atoms, and the log keeps it as
// KindTamper. DamageStale and DamageStaleOnce are for readers of this FS, not
// of disks made from it.
func (f *FS) Damage(d Damage, past *Log) error {
	var h *history
	if past != nil && d.Kind&damagePast != 0 {
		h = past.history()
	}
	return f.tamper(d.String(), d.Path, func(o *op) error {
		p, n, err := o.f.d.live.existing(o.rec.Path)
		switch {
		case err != nil:
			return err
		case n.dir:
			return syscall.EISDIR
		}
		if h == nil && d.Kind&damagePast != 0 {
			h = o.f.pastLog()
		}
		v := victim{o: o, d: d, p: p, n: n, past: h}
		if err := v.strike(); err != nil {
			return fmt.Errorf("faultfs: damage %q: %w", d, err)
		}
		return nil
	})
}

// victim is the file that a damage is done to.
type victim struct {
	o    *op
	d    Damage
	p    place
	n    *node
	past *history
}

// read is a range of a file, zeros behind its end.
func (v *victim) read(n *node, off, length int64) []byte {
	data := make([]byte, length)
	n.read(v.o.f.d.mk, data, off)
	return data
}

func (v *victim) patch(i ino, off int64, data []byte) {
	v.o.do(patchAct{ino: i, off: off, data: data})
}

// strike does the damage.
func (v *victim) strike() error {
	d := v.d
	switch d.Kind {
	case DamageMissing:
		v.o.do(eraseAct{dir: v.p.dir, name: v.p.name})
		v.o.forgetUnused(v.p.ino)
		return nil
	case DamageOlder:
		old := v.past.at(v.o.rec.Path, d.At)
		if old == nil {
			return fs.ErrNotExist
		}
		v.o.do(replaceAct{ino: v.p.ino, data: v.read(old, 0, old.size)})
		return nil
	case DamageCut, DamageExtendZeros, DamageExtendNoise, DamageRepeat, DamageReorder:
		return v.reshape()
	}
	length := d.Len
	if d.Kind == DamageBit || d.Kind == DamageByte {
		length = 1
	}
	if d.Off < 0 || length < 1 || length > v.n.size-d.Off {
		return fmt.Errorf("no bytes [%d,+%d) in %d", d.Off, length, v.n.size)
	}
	data := v.read(v.n, d.Off, length)
	switch d.Kind {
	case DamageBit:
		if d.Bit > 7 {
			return fmt.Errorf("no bit %d", d.Bit)
		}
		data[0] ^= 1 << d.Bit
	case DamageByte:
		data[0] ^= d.Mask
	case DamageZeros:
		clear(data)
	case DamageNoise:
		copy(data, noise(d.Seed, len(data)))
	case DamageSwap:
		return v.swap(data)
	default:
		return v.bringBack(data)
	}
	v.patch(v.p.ino, d.Off, data)
	return nil
}

// bringBack does the damages that old bytes make. data is what stands at Off.
func (v *victim) bringBack(data []byte) error {
	d := v.d
	at := d.Off
	if d.Kind == DamageMisdirect {
		at = d.From
		if at < 0 || at > v.n.size-d.Len {
			return fmt.Errorf("no bytes [%d,+%d) in %d", at, d.Len, v.n.size)
		}
	}
	old := v.past.at(v.o.rec.Path, d.At)
	var was []byte
	switch {
	case old != nil:
		was = v.read(old, at, d.Len)
		clear(was[min(max(old.size-at, 0), d.Len):])
	case d.Kind == DamageMisdirect:
		was = make([]byte, d.Len)
	default:
		return fs.ErrNotExist
	}
	switch d.Kind {
	case DamageMisdirect:
		meant := v.read(v.n, at, d.Len)
		v.patch(v.p.ino, at, was)
		v.patch(v.p.ino, d.Off, meant)
	case DamageLost:
		v.patch(v.p.ino, d.Off, was)
	case DamageStale, DamageStaleOnce:
		v.haunt(data, was)
	}
	return nil
}

// haunt makes reads of the sectors of the range return old bytes.
func (v *victim) haunt(data, was []byte) {
	f, s := v.o.f, int64(v.o.f.d.mk.sector)
	for i := v.d.Off / s; i*s < v.d.Off+v.d.Len; i++ {
		sector := v.read(v.n, i*s, s)
		(&echo{data: was}).layAt(sector, v.d.Off-i*s)
		f.echoes = append(f.echoes, echo{ino: v.p.ino, sector: int(i), data: sector, once: v.d.Kind == DamageStaleOnce, why: v.d.String()})
	}
}

// swap exchanges data with a range of another file.
func (v *victim) swap(data []byte) error {
	p, n, err := v.o.f.d.live.existing(clean(v.d.With))
	switch {
	case err != nil:
		return err
	case n.dir:
		return syscall.EISDIR
	case v.d.From < 0 || v.d.From > n.size-v.d.Len:
		return fmt.Errorf("no bytes [%d,+%d) in %d", v.d.From, v.d.Len, n.size)
	}
	theirs := v.read(n, v.d.From, v.d.Len)
	v.patch(p.ino, v.d.From, data)
	v.patch(v.p.ino, v.d.Off, theirs)
	return nil
}

// maxGrowth bounds what a damage adds to a file: its bytes are held in memory.
const maxGrowth = 1 << 30

// reshape does the damages that change the length or the order.
func (v *victim) reshape() error {
	d := v.d
	data := v.read(v.n, 0, v.n.size)
	end := d.Off + d.Len
	if d.Off < 0 || d.Len < 0 || d.From < 0 || d.Off > v.n.size {
		return fmt.Errorf("no such place in %d bytes", v.n.size)
	}
	if d.Len > maxGrowth {
		return syscall.EFBIG
	}
	switch d.Kind {
	case DamageCut:
		data = data[:d.Off]
	case DamageExtendZeros:
		data = append(data, make([]byte, d.Len)...)
	case DamageExtendNoise:
		data = append(data, noise(d.Seed, int(d.Len))...)
	case DamageRepeat:
		if end > v.n.size {
			return fmt.Errorf("no bytes [%d,+%d) in %d", d.Off, d.Len, v.n.size)
		}
		data = slices.Insert(data, int(end), data[d.Off:end]...)
	case DamageReorder:
		if end+d.From > v.n.size {
			return fmt.Errorf("no bytes [%d,+%d) in %d", d.Off, d.Len+d.From, v.n.size)
		}
		first, second := bytes.Clone(data[d.Off:end]), bytes.Clone(data[end:end+d.From])
		copy(data[d.Off:], second)
		copy(data[d.Off+d.From:], first)
	}
	v.o.do(replaceAct{ino: v.p.ino, data: data})
	return nil
}

// patchAct changes some bytes of a file on both views, as if they had always
// been there.
type patchAct struct {
	ino  ino
	off  int64
	data []byte
}

func (a patchAct) apply(d *disk, _ *Record) {
	s := int64(d.mk.sector)
	for _, t := range []*tree{&d.live, &d.durable} {
		n := t.edit(a.ino)
		if n == nil {
			continue
		}
		before := n.held
		end := min(a.off+int64(len(a.data)), n.size)
		for off := a.off; off < end; {
			i, in := int(off/s), off%s
			part := a.data[off-a.off : min(end, off-in+s)-a.off]
			n.setBlock(i, d.mk.overlay(n.block(i), int(in), part))
			off += int64(len(part))
		}
		if t == &d.live {
			d.held += n.held - before
		}
	}
}
