package faultfs

// room is how many of n bytes at off in a file can be written: those up to
// the first hole for which no space is left. Overwriting what already takes
// space always fits.
func (f *FS) room(i ino, off, n int64) int64 {
	if f.budget <= 0 || n == 0 {
		return n
	}
	s := int64(f.d.mk.sector)
	left := f.budget/s - f.d.held
	file := f.d.live.get(i)
	for at := off / s; at*s < off+n; at++ {
		if file.block(int(at)) != nil {
			continue
		}
		if left <= 0 {
			return max(at*s-off, 0)
		}
		left--
	}
	return n
}

// Used is the space that file data takes now, in bytes of whole sectors. A
// removed file takes space until its last handle is closed.
func (f *FS) Used() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.d.held * int64(f.d.mk.sector)
}

// SetBudget changes the room for file data, in bytes; 0 = no limit. It may be
// less than what is used: then nothing new fits.
func (f *FS) SetBudget(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.budget = bytes
}
