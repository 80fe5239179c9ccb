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

	// When the batch reads its last page it has changed a copy of its first, whose
	// image has left the cache: a get has to read it.
	got, read, goOn := make(chan error, 1), make(chan struct{}), make(chan struct{})
	var batch, get sync.Once
	var getting atomic.Bool
	var again atomic.Int64
	disk.hook.Store(new(func(off int64) {
		switch {
		case off == last:
			batch.Do(func() {
				getting.Store(true)
				go func() {
					_, _, err := db.Get(keys[0])
					got <- err
				}()
				select {
				case <-read:
				case err := <-got:
					t.Error("the get found the page in memory")
					got <- err
				}
			})
		case off == victim && getting.Load():
			again.Add(1)
			get.Do(func() {
				close(read)
				<-goOn
			})
		}
	}))
	var b quiver.Batch
	for _, key := range keys[:10] {
		b.Put(key, []byte("new"))
	}
	must(t, db.Write(&b))
	fillCache()
	close(goOn)
	must(t, <-got)
	for _, key := range keys[:10] {
		value, _, err := db.Get(key)
		must(t, err)
		require.Equal(t, "new", string(value))
	}
	disk.hook.Store(nil)
	require.Greater(t, again.Load(), int64(1), "the new image never left the cache")

	must(t, db.Put([]byte(inBucket(0, 16, "another", 0)), []byte("v")))
	must(t, db.Close())
	db = mustOpen(t, dbDir, o)
	value, _, err := db.Get(keys[0])
	must(t, err)
	require.Equal(t, "new", string(value))
	must(t, db.Close())
}
