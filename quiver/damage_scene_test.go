package quiver_test

import (
	"fmt"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// scene is a small database on a disk that nobody has open, and what is known
// of it.
type scene struct {
	name string
	disk *faultfs.FS
	now  pairs // what it holds
	// before is what it held before its last group of commits; nil where damage
	// to that group can be told from a torn write because there is no log.
	before  pairs
	history map[string]map[string]bool // every value that a key ever had
	// lastGroup is where in the log the last group of commits begins.
	lastGroup int64
	older     []*faultfs.FS // the disk at earlier moments
	o         quiver.Options
}

// author writes a scene: commits, with the model and its history.
type author struct {
	t  *testing.T
	s  *scene
	db *quiver.DB
}

func newAuthor(t *testing.T, name string, buckets int, o quiver.Options) *author {
	t.Helper()
	s := &scene{name: name, disk: faultfs.New(faultfs.Options{NoReads: true}), now: pairs{}, history: map[string]map[string]bool{}, o: o}
	s.o.FS, s.o.Inline, s.o.LockWait = s.disk, true, -1
	must(t, quiver.Init("/db", quiver.InitOptions{FS: s.disk, Buckets: buckets}))
	a := &author{t: t, s: s}
	a.open()
	return a
}

func (a *author) open() { a.db = mustOpen(a.t, "/db", a.s.o) }

// commit makes changes one group: a nil value deletes.
func (a *author) commit(changes map[string]*string) {
	a.t.Helper()
	var b quiver.Batch
	a.s.before = pairs{}
	for k, v := range a.s.now {
		a.s.before[k] = v
	}
	for _, k := range pairsOf(changes).sortedKeys() {
		if v := changes[k]; v == nil {
			b.Delete([]byte(k))
			delete(a.s.now, k)
		} else {
			b.Put([]byte(k), []byte(*v))
			a.s.now[k] = *v
			if a.s.history[k] == nil {
				a.s.history[k] = map[string]bool{}
			}
			a.s.history[k][*v] = true
		}
	}
	a.s.older = append(a.s.older, a.s.disk.Snapshot())
	must(a.t, a.db.Write(&b))
}

func pairsOf(m map[string]*string) pairs {
	p := pairs{}
	for k := range m {
		p[k] = ""
	}
	return p
}

func (a *author) put(key, value string) { a.t.Helper(); a.commit(map[string]*string{key: &value}) }
func (a *author) del(key string)        { a.t.Helper(); a.commit(map[string]*string{key: nil}) }

// kill leaves the disk as the death of the process does.
func (a *author) kill() *scene {
	a.s.disk = a.s.disk.Snapshot()
	return a.finish()
}

func (a *author) close() *scene {
	must(a.t, a.db.Close())
	a.s.before = nil
	return a.finish()
}

func (a *author) finish() *scene {
	must(a.t, a.s.disk.RemoveFile("/db/LOCK"))
	a.s.disk.SyncAll()
	a.s.disk = a.s.disk.Snapshot()
	a.s.o.FS = nil
	a.s.lastGroup = lastGroup(a.s.bytes(a.t, logName))
	return a.s
}

const logName = "wal-000001.log"

// lastGroup finds where the last group of a whole log of a scene begins: LSNs
// rise as far as the log is live.
func lastGroup(log []byte) (at int64) {
	last, group := uint64(0), -1
	for off := 16; off+slot <= len(log) && log[off+1]&0x80 != 0; off += slot {
		lsn := rawLE.Uint64(log[off+4:])
		if lsn <= last {
			break
		}
		if last = lsn; int(log[off+1]>>1&63) != group {
			group, at = int(log[off+1]>>1&63), int64(off)
		}
	}
	return at
}

// fill gives both buckets chains of two pages, one long value and free pages
// among those in use.
func (a *author) fill() {
	a.put("longer", blob("longer", 13000))
	for i := range 14 {
		key := fmt.Sprintf("key %02d", i)
		a.put(key, blob(key, 600))
	}
	a.put("long", blob("long", 9000))
	a.put("empty value", "")
	a.put("", "the empty key")
	a.del("longer")
}

// cleanScene was closed cleanly and has a list of free pages.
func cleanScene(t *testing.T) *scene {
	a := newAuthor(t, "clean", 2, quiver.Options{ReservePages: 4})
	a.fill()
	must(t, a.db.Close())
	a.open()
	a.put("key 03", blob("again", 500))
	return a.close()
}

// logScene was left with a log that holds what the segments do not: groups of
// one and of several pages, a stale generation behind them.
func logScene(t *testing.T) *scene {
	a := newAuthor(t, "log", 2, quiver.Options{ReservePages: 4, NoDataFsync: true, LogBytes: 50 << 10, LogChunkBytes: 50 << 10})
	a.fill()
	must(t, a.db.Checkpoint())
	a.afterFill()
	return a.kill()
}

// bothScene was left with a log whose images the segments hold as well.
func bothScene(t *testing.T) *scene {
	a := newAuthor(t, "both", 2, quiver.Options{ReservePages: 4, LogBytes: 50 << 10, LogChunkBytes: 50 << 10})
	a.fill()
	must(t, a.db.Checkpoint())
	a.afterFill()
	return a.kill()
}

func (a *author) afterFill() {
	a.put("key 01", blob("new 01", 300))
	a.del("key 05")
	a.put("key 07", blob("new 07", 700))
	one, two := blob("one", 100), blob("two", 6000)
	a.commit(map[string]*string{"batch one": &one, "batch two": &two, "key 09": nil})
	last := blob("last", 50)
	a.commit(map[string]*string{"key 02": &last, "key 11": nil, "last": &last})
}

// slot is the length of a record in the log of a scene.
const slot = 28 + 4096

func (s *scene) size(t *testing.T, name string) int64 {
	t.Helper()
	return int64(len(s.bytes(t, name)))
}

func (s *scene) bytes(t *testing.T, name string) []byte {
	t.Helper()
	b, err := s.disk.ReadFile("/db/" + name)
	must(t, err)
	return b
}
