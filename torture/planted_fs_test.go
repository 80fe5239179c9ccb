package torture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// plant is a session that makes a mistake: it stands between the engine and the
// disk, and does to some calls what an engine with that mistake would do.
type plant struct {
	vfs.FS
	unclean bool // the session began with something in the log
	cut     bool // it has cut the log, as a recovery ends
	logged  int  // groups since then

	written func(path string, b []byte, off int64) []byte // nil: the write is left out
	synced  func(path string) bool                        // whether it is passed on
	renamed func(from, to string) error                   // before it

	syncedDir func(path string) bool
}

// planting is a mutation that makes each session a plant.
func planting(set func(*plant)) Mutation {
	return func(fsys vfs.FS) vfs.FS {
		p := &plant{FS: fsys}
		info, err := fsys.Stat(inRoot(logName))
		p.unclean = err == nil && info.Size > walHeader
		p.written = func(_ string, b []byte, _ int64) []byte { return b }
		p.synced = func(string) bool { return true }
		p.renamed = func(_, _ string) error { return nil }
		p.syncedDir = func(string) bool { return true }
		set(p)
		return p
	}
}

func (p *plant) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	f, err := p.FS.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return plantFile{f, p, clean(path)}, nil
}

func (p *plant) Rename(from, to string) error {
	return errors.Join(p.renamed(clean(from), clean(to)), p.FS.Rename(from, to))
}

func (p *plant) SyncDir(path string) error {
	if !p.syncedDir(clean(path)) {
		return nil
	}
	return p.FS.SyncDir(path)
}

type plantFile struct {
	vfs.File
	p    *plant
	path string
}

func (f plantFile) WriteAt(b []byte, off int64) (int, error) {
	if f.path == inRoot(logName) && off >= walHeader && !zeros(b) {
		f.p.logged++
	}
	pass := f.p.written(f.path, b, off)
	if pass == nil {
		return len(b), nil
	}
	if n, err := f.File.WriteAt(pass, off); err != nil {
		return min(n, len(b)), err
	}
	return len(b), nil
}

func (f plantFile) Truncate(size int64) error {
	if f.path == inRoot(logName) && size == walHeader && !f.p.cut {
		f.p.cut, f.p.logged = true, 0
	}
	return f.File.Truncate(size)
}

func (f plantFile) Sync() error {
	if !f.p.synced(f.path) {
		return nil
	}
	return f.File.Sync()
}

func (f plantFile) SyncData() error {
	if !f.p.synced(f.path) {
		return nil
	}
	return f.File.SyncData()
}

const smallFile = 1 << 16

// lostAtClose forgets what the session has freed, in a list that vouches for itself.
func lostAtClose(p *plant) {
	old, _ := vfs.ReadFile(p, inRoot(freeName), smallFile)
	had, _, _ := raw.ParseFree(old) // none where there is no database yet
	var ids []uint64
	p.written = func(path string, b []byte, _ int64) []byte {
		switch path {
		case inRoot(freeName) + ".tmp":
			list, sum, err := raw.ParseFree(b)
			if err != nil || sum>>32 != fullSum {
				return b
			}
			ids = slices.DeleteFunc(list, func(id uint64) bool { return !slices.Contains(had, id) })
			// What the sum is of comes with the meta that follows.
			meta, _ := vfs.ReadFile(p, inRoot(metaName), smallFile)
			return freeFile(ids, sumFor(b, meta, ids))
		}
		return b
	}
}

// sumFor is the sum of other ids for the meta that the sum of a list is of: its
// next_page_id is at most that of the meta on the disk, its last_lsn a little higher.
func sumFor(list, meta []byte, ids []uint64) uint64 {
	had, sum, _ := raw.ParseFree(list)
	m, _ := raw.ParseMeta(meta)
	for next := m.NextPage; next > 0; next-- {
		for lsn := m.LastLSN; lsn < m.LastLSN+200; lsn++ {
			guess := raw.Meta{NextPage: next, LastLSN: lsn}
			if freeSum(had, guess) == sum {
				return freeSum(ids, guess)
			}
		}
	}
	return 0
}

func freeFile(ids []uint64, sum uint64) []byte {
	b := append([]byte("P1FREE01"), 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ids)))
	b = binary.LittleEndian.AppendUint64(b, sum)
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint64(b, id)
	}
	return b
}

// emptyAtClose closes a session that has recovered and written nothing without the
// first bucket.
func emptyAtClose(p *plant) {
	p.written = func(path string, b []byte, _ int64) []byte {
		if !p.idle(path, b) {
			return b
		}
		dir, err := vfs.ReadFile(p.FS, inRoot(dirName), smallFile)
		if err != nil {
			return b
		}
		binary.LittleEndian.PutUint64(dir[24:], raw.NoPage)
		sum := crc32.Update(crc32.ChecksumIEEE(dir[8:16]), crc32.IEEETable, dir[24:])
		binary.LittleEndian.PutUint64(dir[16:], uint64(sum))
		if err := replaced(p.FS, dirName, dir); err != nil {
			panic(err)
		}
		return b
	}
}

// endedAtClose closes such a session as if its snapshots had ended.
func endedAtClose(p *plant) {
	p.written = func(path string, b []byte, _ int64) []byte {
		registry, err := vfs.ReadFile(p.FS, inRoot(registryName), smallFile)
		if !p.idle(path, b) || err != nil {
			return b
		}
		if err := replaced(p.FS, registryName, bytes.ReplaceAll(registry, []byte("false"), []byte("true"))); err != nil {
			panic(err)
		}
		return b
	}
}

// idle tells whether a write is that of the last meta of a session that has recovered
// and written nothing.
func (p *plant) idle(path string, b []byte) bool {
	m, err := raw.ParseMeta(b)
	return path == inRoot(metaName)+".tmp" && err == nil && m.Clean && p.unclean && p.cut && p.logged == 0
}

// replaced replaces a small file as the engine does.
func replaced(fsys vfs.FS, name string, b []byte) error {
	const tmp = "planted.tmp"
	err := vfs.WriteNew(fsys, inRoot(tmp), b, true)
	return errors.Join(err, fsys.Rename(inRoot(tmp), inRoot(name)), fsys.SyncDir(clean(root)))
}

// freedEarly names a page in `free` while something leads to it, and thinks better of it.
func freedEarly(p *plant) {
	p.renamed = func(_, to string) error {
		dir, err := vfs.ReadFile(p.FS, inRoot(dirName), smallFile)
		if to != inRoot(freeName) || err != nil {
			return nil
		}
		heads, err := raw.ParseDir(dir)
		if err != nil || heads[0] == raw.NoPage {
			return err
		}
		return replaced(p.FS, freeName, freeFile(heads[:1], 0))
	}
}

// unsyncedPath leaves the syncs of files of a name out.
func unsyncedPath(name string) func(*plant) {
	return func(p *plant) { p.synced = func(at string) bool { return path.Base(at) != name } }
}

// framesLoose leaves out the syncs of frames, and the index that tells of them.
func framesLoose(p *plant) {
	unsyncedPath("freeze.bin")(p)
	p.written = func(at string, b []byte, _ int64) []byte {
		if path.Base(at) == "index.bin" && strings.Contains(at, snapshotsName) {
			return nil
		}
		return b
	}
}

// folderLoose does not sync the names in the folder of all snapshots.
func folderLoose(p *plant) {
	p.syncedDir = func(at string) bool { return at != inRoot(snapshotsName) }
}

// vouchesBehindCrash forgets that a crash may have lost pages.
func vouchesBehindCrash(p *plant) {
	p.written = func(at string, b []byte, _ int64) []byte {
		ids, sum, err := raw.ParseFree(b)
		if at != inRoot(freeName)+".tmp" || err != nil || sum == 0 || !p.cut || p.logged > 0 {
			return b
		}
		return freeFile(ids, fullSum<<32|sum&(1<<32-1))
	}
}

// notRedone trusts a page that a recovery finds in its segment: it may be there
// only for as long as the system runs.
func notRedone(p *plant) {
	p.written = func(at string, b []byte, off int64) []byte {
		if !p.unclean || p.cut || raw.SegmentNumber(path.Base(at)) == 0 {
			return b
		}
		f, err := p.FS.OpenFile(at, 0)
		if err != nil {
			return b
		}
		defer f.Close()
		old := make([]byte, len(b))
		if err := vfs.ReadFull(f, old, off); err != nil || !slices.Equal(old, b) {
			return b
		}
		return nil
	}
}

// firstLoose does not sync the first group behind a recovery.
func firstLoose(p *plant) {
	p.synced = func(at string) bool { return at != inRoot(logName) || !p.unclean || !p.cut || p.logged != 1 }
}

// everySecond syncs the log once for two groups, where nothing was to be recovered.
func everySecond(p *plant) {
	p.synced = func(at string) bool { return at != inRoot(logName) || p.unclean || p.logged%2 == 0 }
}
