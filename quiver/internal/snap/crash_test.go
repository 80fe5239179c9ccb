package snap

import (
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/stretchr/testify/require"
)

// acknowledged is what a finished call promised: from call seq on the snapshot
// is there with these pages.
type acknowledged struct {
	seq    int
	id     string
	lsn    uint64
	frames []Frame
}

// story takes two durable snapshots and lets them freeze, one page for both.
func story(t *testing.T, d *faultfs.FS, dedup bool) []acknowledged {
	t.Helper()
	var acks []acknowledged
	var st *Store
	if dedup {
		st = mustStore(t, d)
	}
	open := map[string]*Sidecar{}
	create := func(id string, lsn uint64) {
		s, err := Create(id, lsn, someHeads, durable(d, st))
		require.NoError(t, err)
		open[id] = s
		acks = append(acks, acknowledged{d.Seq(), id, lsn, nil})
	}
	freeze := func(id string, frames []Frame) {
		require.NoError(t, open[id].Freeze(frames))
		acks = append(acks, acknowledged{d.Seq(), id, open[id].LSN(), frames})
	}
	create("a", 10)
	freeze("a", pages(1, 5, 2, 7))
	create("b", 20)
	freeze("a", pages(3, 9))
	freeze("b", pages(3, 9, 1, 15))
	for _, s := range open {
		require.NoError(t, s.Close())
	}
	if dedup {
		require.NoError(t, st.Close())
	}
	return acks
}

// promised is what must be there when call to+1 has not begun.
func promised(acks []acknowledged, to int) map[string]acknowledged {
	p := map[string]acknowledged{}
	for _, a := range acks {
		if a.seq <= to {
			frames := append(p[a.id].frames[:len(p[a.id].frames):len(p[a.id].frames)], a.frames...)
			p[a.id] = acknowledged{a.seq, a.id, a.lsn, frames}
		}
	}
	return p
}

// sweep judges every image that a power cut can leave of what a log recorded,
// each once for what had been promised.
func sweep(t *testing.T, log *faultfs.Log, e faultfs.Enum, acks []acknowledged, judge func(d *faultfs.FS, p map[string]acknowledged) error) {
	t.Helper()
	type key struct {
		digest   faultfs.Digest
		promises int
	}
	judged := map[key]bool{}
	for state := range log.Points() {
		p := promised(acks, state.To)
		n := 0
		for n < len(acks) && acks[n].seq <= state.To {
			n++
		}
		for im := range state.Images(e) {
			k := key{im.Digest, n}
			if judged[k] {
				continue
			}
			judged[k] = true
			if err := judge(im.FS(), p); err != nil {
				t.Fatalf("%v after %v: %v", im, state.Record(), err)
			}
		}
	}
	require.Greater(t, len(judged), 10)
}

// TestCrash: a power cut anywhere in the story, in any of the states that it can
// leave. The files never name what is not there; a reader and a writer see every
// page that was acknowledged, and no page that is wrong; the writer goes on; and
// what the SnapStore keeps is enough for every snapshot after a compaction.
func TestCrash(t *testing.T) {
	for _, dedup := range []bool{false, true} {
		t.Run(fmt.Sprintf("dedup=%v", dedup), func(t *testing.T) {
			d := newDisk(faultfs.Options{})
			acks := story(t, d, dedup)
			sweep(t, d.Log(), faultfs.Enum{Fixed: faultfs.ClassLock}, acks, func(d *faultfs.FS, p map[string]acknowledged) error {
				return judgeCrash(d, p, dedup)
			})
		})
	}
}

func judgeCrash(d *faultfs.FS, promised map[string]acknowledged, dedup bool) error {
	for _, id := range []string{"a", "b"} {
		if err := entriesNameFrames(d, id); err != nil {
			return fmt.Errorf("%s as it lies on the disk: %w", id, err)
		}
		if err := entriesAreThere(d, promised[id], dedup); err != nil {
			return fmt.Errorf("%s as it lies on the disk: %w", id, err)
		}
	}
	before := d.Digest()
	if err := judgeReader(d, promised); err != nil {
		return fmt.Errorf("reader: %w", err)
	}
	if d.Digest() != before {
		return fmt.Errorf("a reader changed the disk")
	}
	return judgeWriter(d, promised, dedup)
}

// entriesAreThere: what was acknowledged is named, also for a program that knows
// nothing but the indexes.
func entriesAreThere(d *faultfs.FS, a acknowledged, dedup bool) error {
	files := []string{format.IndexName}
	if dedup {
		files = append(files, format.HashIndexName)
	}
	for _, file := range files {
		b, _ := hasFile(d, inFolder(a.id, file))
		entries, _ := decodeEntries(b)
		for _, f := range a.frames {
			if !slices.ContainsFunc(entries, func(e format.FrozenEntry) bool { return e.PageID == f.PageID && e.LSN == f.LSN }) {
				return fmt.Errorf("%s does not name page %d", file, f.PageID)
			}
		}
	}
	return nil
}

func judgeReader(d *faultfs.FS, promised map[string]acknowledged) error {
	for _, a := range promised {
		s, err := Open(a.id, a.lsn, durable(d, nil), true)
		if err == nil {
			err = judgePages(s, a)
		}
		if err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}

// judgePages: all that was promised is there, and whatever else is there is right.
func judgePages(s *Sidecar, a acknowledged) error {
	if len(s.Heads()) != len(someHeads) {
		return fmt.Errorf("%s: heads %v", a.id, s.Heads())
	}
	for _, f := range a.frames {
		if err := holds(s, f); err != nil {
			return fmt.Errorf("%s: %w", a.id, err)
		}
	}
	for id, p := range s.pages {
		if err := holds(s, Frame{PageID: id, LSN: p.lsn, Page: page(id, p.lsn)}); err != nil {
			return fmt.Errorf("%s: %w", a.id, err)
		}
	}
	if len(s.lost) > 0 {
		return fmt.Errorf("%s: lost %v", a.id, s.lost)
	}
	return nil
}

func judgeWriter(d *faultfs.FS, promised map[string]acknowledged, dedup bool) error {
	var st *Store
	if dedup {
		var err error
		if st, err = OpenStore(d, storeDir, pageSize, false); err != nil {
			return err
		}
		refs, err := References(d, root)
		if err != nil {
			return err
		}
		if err := st.Raise(refs); err != nil {
			return err
		}
	}
	// What no registry can name yet is a left-over.
	ids, err := List(d, root)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, ok := promised[id]; !ok {
			if err := Remove(id, durable(d, st)); err != nil {
				return err
			}
		}
	}
	for _, a := range promised {
		if err := judgeGoingOn(d, st, a); err != nil {
			return err
		}
	}
	if dedup {
		return judgeStore(d, st, promised)
	}
	return nil
}

func judgeGoingOn(d *faultfs.FS, st *Store, a acknowledged) error {
	s, err := Open(a.id, a.lsn, durable(d, st), false)
	if err != nil {
		return err
	}
	if err := judgePages(s, a); err != nil {
		return err
	}
	if err := entriesNameFrames(d, a.id); err != nil {
		return fmt.Errorf("after repair: %w", err)
	}
	if err := s.Freeze(pages(1, 5, 2, 7, 3, 9, 4, 10)); err != nil {
		return err
	}
	a.frames = append(a.frames[:len(a.frames):len(a.frames)], pages(4, 10)...)
	if err := judgePages(s, a); err != nil {
		return fmt.Errorf("after another freeze: %w", err)
	}
	return s.Close()
}

// judgeStore: after Compact every page that hashindex.bin names can be read from
// the SnapStore alone; after the first snapshot is removed, those of the other.
func judgeStore(d *faultfs.FS, st *Store, promised map[string]acknowledged) error {
	for _, gone := range []string{"", "a", "b"} {
		if gone != "" {
			if err := Remove(gone, durable(d, st)); err != nil {
				return err
			}
			delete(promised, gone)
		}
		if _, _, _, err := st.Compact(); err != nil {
			return err
		}
		if err := storeIndexNamesFrames(d); err != nil {
			return err
		}
		if err := readableFromStore(d, st); err != nil {
			return fmt.Errorf("after removal of %q: %w", gone, err)
		}
	}
	return st.Close()
}

// readableFromStore reads what the snapshots on the disk name.
func readableFromStore(d *faultfs.FS, st *Store) error {
	refs, err := References(d, root)
	if err != nil {
		return err
	}
	buf := make([]byte, pageSize)
	for h, n := range refs {
		if err := st.Read(h, buf); err != nil {
			return err
		}
		if format.Hash64(buf) != h {
			return fmt.Errorf("image %016x has other bytes", h)
		}
		if got := st.Count(h); got < n {
			return fmt.Errorf("image %016x has %d references, %d snapshots name it", h, got, n)
		}
	}
	return nil
}

// TestCrashInOpen: a second crash, in the repair of what the first has left.
func TestCrashInOpen(t *testing.T) {
	d := newDisk(faultfs.Options{})
	acks := story(t, d, true)
	repairs := map[faultfs.Digest]bool{}
	for state := range d.Log().Points() {
		p := promised(acks, state.To)
		for im := range state.Images(faultfs.Enum{Fixed: faultfs.ClassLock, NoPrefixes: true, NoTears: true, MaxSubset: -1}) {
			if len(p) < 2 || repairs[im.Digest] {
				continue
			}
			second := im.FS()
			before := second.Digest()
			for _, a := range p {
				require.NoError(t, mustOpen(t, a.id, a.lsn, durable(second, nil)).Close())
			}
			if second.Digest() == before {
				continue
			}
			repairs[im.Digest] = true
			sweep2(t, second, p)
		}
	}
	require.Greater(t, len(repairs), 3)
}

func sweep2(t *testing.T, d *faultfs.FS, p map[string]acknowledged) {
	t.Helper()
	for state := range d.Log().Points() {
		for im := range state.Images(faultfs.Enum{NoPrefixes: true}) {
			image := im.FS()
			require.NoError(t, entriesNameFrames(image, "a"), "%v", im)
			require.NoError(t, judgeWriter(image, copyOf(p), true), "%v", im)
		}
	}
}

func copyOf(p map[string]acknowledged) map[string]acknowledged {
	c := map[string]acknowledged{}
	for k, v := range p {
		c[k] = v
	}
	return c
}

// TestCrashInRemove: after a crash anywhere in a Remove it can be run again, the
// folder is gone then, no count is below what the other snapshot needs, and a
// Recount finds exactly that.
func TestCrashInRemove(t *testing.T) {
	d := newDisk(faultfs.Options{})
	acks := story(t, d, true)
	d.SyncAll()
	d.ResetLog()
	st := mustStore(t, d)
	raise(t, d, st)
	require.NoError(t, Remove("a", durable(d, st)))
	require.NoError(t, st.Close())
	require.EqualValues(t, 1, countOf(t, d, page(3, 9)))
	require.EqualValues(t, 0, countOf(t, d, page(2, 7)))
	_, err := d.State().Crash(faultfs.None()).Stat(folder("a"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	b := promised(acks, 1<<30)["b"]
	sweep(t, d.Log(), faultfs.Enum{Fixed: faultfs.ClassLock, ByteCuts: true}, nil, func(d *faultfs.FS, _ map[string]acknowledged) error {
		st, err := OpenStore(d, storeDir, pageSize, false)
		if err != nil {
			return err
		}
		if err := Remove("a", durable(d, st)); err != nil {
			return err
		}
		if _, ok := hasFile(d, inFolder("a", headsName)); ok {
			return fmt.Errorf("the folder is still there")
		}
		if got := st.Count(format.Hash64(page(3, 9))); got < 1 {
			return fmt.Errorf("%d references of the image that b names", got)
		}
		refs, err := References(d, root)
		if err != nil {
			return err
		}
		if err := st.Raise(refs); err != nil {
			return err
		}
		if _, _, _, err := st.Compact(); err != nil {
			return err
		}
		if err := st.Recount(refs); err != nil {
			return err
		}
		if _, after, _, err := st.Compact(); err != nil || after != 2*imageStride {
			return fmt.Errorf("%d bytes after a recount: %w", after, err)
		}
		if err := judgeGoingOn(d, st, b); err != nil {
			return err
		}
		return st.Close()
	})
}

func raise(t *testing.T, d *faultfs.FS, st *Store) {
	t.Helper()
	refs, err := References(d, root)
	require.NoError(t, err)
	require.NoError(t, st.Raise(refs))
}

// countOf is the count of an image in index.bin on the disk.
func countOf(t *testing.T, d *faultfs.FS, p []byte) uint32 {
	t.Helper()
	entries, err := format.DecodeStoreIndex(readFile(t, d, storeDir+"/"+format.IndexName))
	require.NoError(t, err)
	for _, e := range entries {
		if e.Hash == format.Hash64(p) {
			return e.Refs
		}
	}
	t.Fatal("index.bin does not have the image")
	return 0
}
