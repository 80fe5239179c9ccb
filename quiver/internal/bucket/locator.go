package bucket

import "math/bits"

// locator maps the hash of a key to the places in the chain where it may stand.
// It is a hint: the page decides. An entry is 40 bits of the hash and the index
// of the page in the chain plus one; equal entries may stand more than once, one
// for each key that they serve. The table is open-addressed with linear probing
// and at most three quarters full; removal shifts back, so there are no graves.
type locator struct {
	slots []uint64
	count int
	shift uint
}

const (
	indexBits = 24
	maxIndex  = 1<<indexBits - 2
	minSlots  = 16
)

func newLocator(entries int) *locator {
	l := &locator{}
	l.resize(entries)
	return l
}

func (l *locator) resize(entries int) {
	n := minSlots
	for n*3/4 < entries+1 {
		n *= 2
	}
	l.slots = make([]uint64, n)
	l.shift = uint(64 - bits.TrailingZeros(uint(n)))
}

func (l *locator) bytes() int64 { return int64(8 * cap(l.slots)) }

// home is where the search for a fingerprint begins. The low bits of a hash are
// alike in a bucket, so the fingerprint is its high bits.
func (l *locator) home(fp uint64) int { return int((fp * 0x9E3779B97F4A7C15) >> l.shift) }

func entry(hash uint64, index int) uint64 {
	return hash>>indexBits<<indexBits | uint64(index+1)
}

func (l *locator) add(hash uint64, index int) {
	if (l.count+1)*4 > len(l.slots)*3 {
		old := l.slots
		l.resize(2 * l.count)
		for _, e := range old {
			if e != 0 {
				l.put(e)
			}
		}
	}
	l.put(entry(hash, index))
	l.count++
}

func (l *locator) put(e uint64) {
	mask := len(l.slots) - 1
	i := l.home(e >> indexBits)
	for l.slots[i] != 0 {
		i = (i + 1) & mask
	}
	l.slots[i] = e
}

// remove takes one entry of that hash and index out.
func (l *locator) remove(hash uint64, index int) {
	mask := len(l.slots) - 1
	e := entry(hash, index)
	i := l.home(e >> indexBits)
	for l.slots[i] != e {
		if l.slots[i] == 0 {
			return
		}
		i = (i + 1) & mask
	}
	l.count--
	for j := i; ; {
		j = (j + 1) & mask
		f := l.slots[j]
		if f == 0 {
			break
		}
		// f may fill the hole unless its home lies behind the hole.
		if h := l.home(f >> indexBits); (j-h)&mask >= (j-i)&mask {
			l.slots[i] = f
			i = j
		}
	}
	l.slots[i] = 0
}

// next gives the indexes of a hash one by one: start with at = -1, and go on
// with the at returned, until index is -1.
func (l *locator) next(hash uint64, at int) (index, pos int) {
	mask := len(l.slots) - 1
	fp := hash >> indexBits
	if at < 0 {
		at = l.home(fp)
	} else {
		at = (at + 1) & mask
	}
	for {
		e := l.slots[at]
		if e == 0 {
			return -1, at
		}
		if e>>indexBits == fp {
			return int(e&(1<<indexBits-1)) - 1, at
		}
		at = (at + 1) & mask
	}
}
