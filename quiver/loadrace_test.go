package quiver_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// readHookFS calls hook after each read of a segment, before the reader gets
// what was read.
type readHookFS struct {
	vfs.FS
	hook atomic.Pointer[func(off int64)]
}

type readHookFile struct {
	vfs.File
	fs *readHookFS
}

func (f *readHookFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	file, err := f.FS.OpenFile(path, flag)
	if err == nil && strings.HasSuffix(path, ".p1seg") {
		file = readHookFile{file, f}
	}
	return file, err
}

func (f readHookFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if hook := f.fs.hook.Load(); hook != nil {
		(*hook)(off)
	}
	return n, err
}

// pageOf is where the one page of a bucket stands, by the read that a get of its
// key makes.
func (f *readHookFS) pageOf(t *testing.T, db *quiver.DB, key []byte) int64 {
	at := int64(-1)
	f.hook.Store(new(func(off int64) { at = off }))
	_, _, err := db.Get(key)
	must(t, err)
	f.hook.Store(nil)
	require.GreaterOrEqual(t, at, int64(0), "the page was in memory")
	return at
}

// slowGet is a get that a batch starts when it reads the page at last, and that
// does not go on from its own read, of the page at victim, before it is told to.
// By then the batch has changed a copy of that page, whose image has left the
// cache.
type slowGet struct {
	t            *testing.T
	db           *quiver.DB
	key          []byte
	victim, last int64
	start, stop  sync.Once
	started      atomic.Bool
	reads        atomic.Int64 // of the page, since the start
	got          chan error
	read, goOn   chan struct{}
}

func (g *slowGet) hook(off int64) {
	switch {
	case off == g.last:
		g.start.Do(func() {
			g.started.Store(true)
			go func() {
				_, _, err := g.db.Get(g.key)
				g.got <- err
			}()
			select {
			case <-g.read:
			case err := <-g.got:
				g.t.Error("the get found the page in memory")
				g.got <- err
			}
		})
	case off == g.victim && g.started.Load():
		g.reads.Add(1)
		g.stop.Do(func() {
			close(g.read)
			<-g.goOn
		})
	}
}

// A reader that has read a page from its segment and is slow to enter it must not
// bring that image back when a newer one has come and left the cache meanwhile:
// it would be taken for the newest, and the next write be built on it.
func TestSlowReadBringsNoOldPageBack(t *testing.T) {
	disk := &readHookFS{FS: vfs.NewMem()}
	o := quiver.Options{FS: disk, PageCachePages: 2, Inline: true, LockWait: -1}
	keys := keysOfBuckets(16)
	db := openFresh(t, o, dbDir, len(keys))
	for _, key := range keys {
		must(t, db.Put(key, []byte("old")))
	}
	fillCache := func() {
		for range 3 {
			for _, key := range keys[10:] {
				_, _, err := db.Get(key)
				must(t, err)
			}
		}
	}
	fillCache()
	victim, last := disk.pageOf(t, db, keys[0]), disk.pageOf(t, db, keys[9])
	fillCache()

	g := &slowGet{t: t, db: db, key: keys[0], victim: victim, last: last,
		got: make(chan error, 1), read: make(chan struct{}), goOn: make(chan struct{})}
	disk.hook.Store(new(g.hook))
	var b quiver.Batch
	for _, key := range keys[:10] {
		b.Put(key, []byte("new"))
	}
	must(t, db.Write(&b))
	fillCache()
	close(g.goOn)
	must(t, <-g.got)
	for _, key := range keys[:10] {
		value, _, err := db.Get(key)
		must(t, err)
		require.Equal(t, "new", string(value))
	}
	disk.hook.Store(nil)
	require.Greater(t, g.reads.Load(), int64(1), "the new image never left the cache")

	must(t, db.Put([]byte(inBucket(0, 16, "another", 0)), []byte("v")))
	must(t, db.Close())
	db = mustOpen(t, dbDir, o)
	value, _, err := db.Get(keys[0])
	must(t, err)
	require.Equal(t, "new", string(value))
	must(t, db.Close())
}
