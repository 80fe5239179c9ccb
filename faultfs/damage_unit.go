package faultfs

import "bytes"

// unit is a piece of a file about to be damaged.
type unit struct {
	*wreck
	file     wreckFile
	off, len int64
	data     []byte
	seed     uint64
}

func (u *unit) damage(k DamageKind) Damage {
	return Damage{Kind: k, Path: u.file.path, Off: u.off, Len: u.len}
}

// change damages the bytes as such.
func (u *unit) change() bool {
	at := u.off + int64(u.seed%uint64(u.len))
	noisy := u.damage(DamageNoise)
	noisy.Seed = u.seed
	return u.try(true, Damage{Kind: DamageBit, Path: u.file.path, Off: at, Bit: uint(u.seed>>32) % 8}) &&
		u.try(true, Damage{Kind: DamageByte, Path: u.file.path, Off: at, Mask: byte(u.seed>>40) | 1}) &&
		u.try(!bytes.Equal(u.data, make([]byte, u.len)), u.damage(DamageZeros)) &&
		u.try(true, noisy)
}

// before is the newest version in which some of the unit's bytes at off were
// others, -1 when there is none.
func (u *unit) before(off int64) int {
	now := u.read(u.file.n, off, u.len)
	list := u.past.files[u.file.path]
	for k := len(list) - 1; k >= 0; k-- {
		if list[k].n.size > off && !bytes.Equal(u.read(list[k].n, off, u.len), now) {
			return list[k].seq
		}
	}
	return -1
}

// misdirect puts here what was meant for another place of the file: the next
// one, and one that the seed draws.
func (u *unit) misdirect() bool {
	if !u.wants(DamageMisdirect) {
		return true
	}
	places := (u.file.n.size - u.len) / u.e.Unit * u.e.Unit
	drawn := int64(mix(u.seed, 1)%uint64(places/u.e.Unit+1)) * u.e.Unit
	for k, from := range []int64{u.off + u.e.Unit, drawn} {
		if k == 1 && drawn == u.off+u.e.Unit || from == u.off || from > places {
			continue
		}
		d := u.damage(DamageMisdirect)
		d.From, d.At = from, u.before(from)
		meant := u.read(u.file.n, from, u.len)
		was := make([]byte, u.len)
		if n := u.past.at(u.file.path, d.At); n != nil {
			was = u.read(n, from, u.len)
		}
		if !u.try(!bytes.Equal(meant, u.data) || !bytes.Equal(was, meant), d) {
			return false
		}
	}
	return true
}

// old brings the previous bytes back.
func (u *unit) old() bool {
	if !u.wants(DamageLost | DamageStale | DamageStaleOnce) {
		return true
	}
	at := u.before(u.off)
	for _, k := range []DamageKind{DamageLost, DamageStale, DamageStaleOnce} {
		d := u.damage(k)
		d.At = at
		if !u.try(at >= 0, d) {
			return false
		}
	}
	return true
}

// swap exchanges the unit with one of each other file: the one at the same
// place if there is one, else one that the seed draws.
func (u *unit) swap() bool {
	if !u.wants(DamageSwap) {
		return true
	}
	for i, other := range u.files {
		if other.path == u.file.path || other.n.size < u.len {
			continue
		}
		d := u.damage(DamageSwap)
		d.With, d.From = other.path, u.off
		if places := (other.n.size - u.len) / u.e.Unit; u.off > other.n.size-u.len {
			d.From = int64(mix(u.seed, uint64(2+i))%uint64(places+1)) * u.e.Unit
		}
		if !u.try(!bytes.Equal(u.read(other.n, d.From, u.len), u.data), d) {
			return false
		}
	}
	return true
}
