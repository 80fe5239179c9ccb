package snap

// Raise lifts every count that is below what these references say, for the
// counts that a crash took from index.bin; none is lowered. It is called once
// after OpenStore, with References of the database, and allows Compact. An image
// that index.bin does not know is looked for in the whole of store.bin; one that
// is not there is counted all the same, for when it is added again.
//
// The next Flush writes index.bin anew, also where nothing differs: a process whose
// sync failed may have left it under a name that the next power cut takes back.
func (st *Store) Raise(refs map[uint64]uint32) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.changeable(); err != nil {
		return err
	}
	for h := range refs {
		if im, known := st.images[h]; !known || im.off < 0 {
			if err := st.rescan(); err != nil {
				return err
			}
			break
		}
	}
	for h, n := range refs {
		im := st.at(h)
		if n > im.refs {
			st.images[h] = image{off: im.off, refs: n}
			st.changed = true
			if im.off >= 0 {
				st.raised++
			}
		}
	}
	st.changed = st.changed || st.indexed
	st.counted = true
	return nil
}

// Raised is how many counts of images that are there Raise has lifted since
// OpenStore or Recount.
func (st *Store) Raised() int {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.raised
}

// Recount is the repair of a SnapStore: all of store.bin is read, index.bin
// written anew, and the counts are exactly these, all others 0. References that
// nothing on the disk stands for are lost: those of a backup, and those of
// another database that used the folder. Nobody may freeze or remove a snapshot
// between References and Recount.
func (st *Store) Recount(refs map[uint64]uint32) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.changeable(); err != nil {
		return err
	}
	if err := st.rescan(); err != nil {
		return err
	}
	for h, im := range st.images {
		if im.off < 0 {
			delete(st.images, h)
		} else {
			st.images[h] = image{off: im.off}
		}
	}
	for h, n := range refs {
		st.images[h] = image{off: st.at(h).off, refs: n}
	}
	st.counted = true
	st.raised = 0
	return st.flush()
}

// at is what is known of an image; one that is not there has no place.
func (st *Store) at(hash uint64) image {
	if im, known := st.images[hash]; known {
		return im
	}
	return image{off: -1}
}
