package faultfs

import "sync/atomic"

// laid remembers what the bytes of one data atom made of the blocks below
// them. The images of a state lay the same bytes over the same few blocks
// again and again; what is remembered is shared and never changes, so that
// states stay safe for concurrent use.
type laid struct{ known atomic.Pointer[[4]layer] }

// layer is a block, and what it becomes.
type layer struct{ below, made *block }

func newLaid(below, made *block) *laid {
	l := new(laid)
	l.known.Store(&[4]layer{{below, made}})
	return l
}

// over is the block with the atom's bytes laid over it at an offset.
func (l *laid) over(m *blockMaker, below *block, off int, data []byte) *block {
	known := l.known.Load()
	for _, one := range known {
		if one.below == below && one.made != nil {
			return one.made
		}
	}
	made := m.overlay(below, off, data)
	// Of two goroutines that find out the same, either may be remembered.
	l.known.Store(&[4]layer{{below, made}, known[0], known[1], known[2]})
	return made
}
