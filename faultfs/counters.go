package faultfs

import "math/bits"

// counters counts calls and bytes by kind and path class.
type counters struct {
	calls [len(kindNames)][len(classNames)]int
	bytes [len(kindNames)][len(classNames)]int64
}

func (c *counters) add(r *Record) {
	k, p := bits.TrailingZeros32(uint32(r.Kind)), bits.TrailingZeros32(uint32(ClassOf(r.Path)))
	c.calls[k][p]++
	c.bytes[k][p] += r.N
}

// each calls visit with the indexes that both sets name.
func (f *FS) each(k Kind, c Class, visit func(kind, class int)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		return
	}
	for i := range kindNames {
		if k != 0 && k>>i&1 == 0 {
			continue
		}
		for j := range classNames {
			if c == 0 || c>>j&1 == 1 {
				visit(i, j)
			}
		}
	}
}

// Count is the number of calls of these kinds on paths of these classes since
// the FS was made, failed ones included; 0 stands for all. A rename counts
// with its old name.
func (f *FS) Count(k Kind, c Class) int {
	n := 0
	f.each(k, c, func(i, j int) { n += f.counts.calls[i][j] })
	return n
}

// Bytes is the number of bytes that such calls have read or written.
func (f *FS) Bytes(k Kind, c Class) int64 {
	var n int64
	f.each(k, c, func(i, j int) { n += f.counts.bytes[i][j] })
	return n
}
