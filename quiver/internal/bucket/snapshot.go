package bucket

import (
	"fmt"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// Snapshot reads the database as of a snapshot of the pager.
type Snapshot struct {
	s     *Store
	sn    *pager.Snapshot
	state stateReader
}

// Snapshot makes a reader.
func (s *Store) Snapshot(sn *pager.Snapshot) *Snapshot {
	heads := sn.Heads()
	v := &Snapshot{s: s, sn: sn}
	v.state = stateReader{func(n uint32) uint64 { return heads[n] }, v.page}
	return v
}

// page insists that a page that the snapshot's links lead to is there.
func (v *Snapshot) page(id uint64) ([]byte, error) {
	data, err := v.sn.Page(id)
	if err == nil && data == nil {
		err = fmt.Errorf("%w: page %d was overwritten after its protection had ended", pager.ErrSnapshotGone, id)
	}
	return data, err
}

// Get appends the value that a key had to dst.
func (v *Snapshot) Get(dst, key []byte) (value []byte, found bool, err error) {
	stored, err := v.find(key)
	if err != nil || stored == nil {
		return dst, false, err
	}
	if format.IsPlaceholder(stored) {
		value, err = v.s.appendOverflow(dst, stored, v.state.page)
	} else {
		value = append(dst, stored...)
	}
	if err != nil {
		return dst, false, err
	}
	if value == nil {
		value = []byte{}
	}
	return value, true, nil
}

// Has reports whether a key was there.
func (v *Snapshot) Has(key []byte) (bool, error) {
	stored, err := v.find(key)
	return stored != nil, err
}

func (v *Snapshot) find(key []byte) (stored []byte, err error) {
	hash := format.Hash64(key)
	n := format.Bucket(hash, v.s.count)
	if v.state.head(n) == format.NoPage {
		return nil, nil
	}
	stored, sure, err := v.guess(n, hash, key)
	if sure || err != nil {
		return stored, err
	}
	err = v.s.chainAt(n, v.state, func(_ uint64, kv format.KV) error {
		if value, ok := kv.Get(hash, key); ok {
			stored = value
		}
		return nil
	})
	return stored, err
}

// guess asks the locator of the present state where the key stands. A page that
// held it then, and holds it in the snapshot, is the right one: no key of this
// bucket is on two pages, unless the bucket is shadowed. A key that is not found
// so may have moved or gone since, if the bucket has changed at all.
func (v *Snapshot) guess(n uint32, hash uint64, key []byte) (stored []byte, sure bool, err error) {
	s := v.s
	if !v.sn.ThisSession() {
		// The bucket may have been shadowed then, and not be now.
		return nil, false, nil
	}
	var ids [8]uint64
	count, unchanged := 0, false
	err = s.view(n, func(b *bucket, st *state) error {
		if st.loc == nil || b.shadowed.Load() {
			return nil
		}
		unchanged = st.lastSeq <= v.sn.Seq()
		for i, pos := st.loc.next(hash, -1); i >= 0 && count < len(ids); i, pos = st.loc.next(hash, pos) {
			if i < len(st.pages) && st.pages[i].page != nil {
				ids[count] = st.pages[i].page.ID
				count++
			}
		}
		unchanged = unchanged && count < len(ids)
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	for _, id := range ids[:count] {
		data, err := v.sn.Page(id)
		if err != nil {
			return nil, false, err
		}
		if data == nil || format.PageType(data) != format.TypeKV {
			continue
		}
		if value, ok := format.KV(data).Get(hash, key); ok {
			return value, true, nil
		}
	}
	return nil, unchanged, nil
}

// Scan visits every pair of the snapshot until visit returns false.
func (v *Snapshot) Scan(o ScanOptions, visit func(Pair) bool) error {
	sc := scanner{s: v.s, o: o, visit: visit, state: v.state}
	return sc.all()
}
