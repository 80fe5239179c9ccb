package quiver_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

func mustHaveBuckets(t *testing.T, disk *faultfs.FS, buckets int) {
	t.Helper()
	want := pairs{}
	require.Len(t, mustBeClean(t, disk, "/db", want).heads, buckets)
	db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, LockWait: -1})
	s, err := db.Stats()
	must(t, err)
	require.Equal(t, buckets, s.Buckets)
	for range 3 {
		mustPut(t, db, want, blob("key", len(want)+1), "v")
	}
	must(t, db.Close())
	mustBeClean(t, disk, "/db", want)
}

// Without a meta nothing vouches for the directory that an interrupted init has
// left, whatever stands in it: the next init makes it as it was asked to.
func TestInitWithoutAMetaMakesTheDirectoryAnew(t *testing.T) {
	for name, spoil := range map[string]func(dir []byte) []byte{
		"as it was":  func(dir []byte) []byte { return dir },
		"empty":      func([]byte) []byte { return nil },
		"cut":        func(dir []byte) []byte { return dir[:len(dir)-5] },
		"noise":      func(dir []byte) []byte { return []byte(blob("dir", len(dir))) },
		"bit":        func(dir []byte) []byte { dir[30] ^= 1; return dir },
		"unchecked":  func(dir []byte) []byte { clear(dir[16:24]); return dir },
		"zeros":      func(dir []byte) []byte { clear(dir); return dir },
		"head given": func(dir []byte) []byte { clear(dir[24:32]); clear(dir[16:24]); return dir },
	} {
		for _, buckets := range []int{128, 4, 300} {
			t.Run(fmt.Sprintf("%s, %d buckets", name, buckets), func(t *testing.T) {
				disk := faultfs.New(faultfs.Options{NoReads: true})
				must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 128}))
				must(t, disk.RemoveFile("/db/meta"))
				dir, err := disk.ReadFile("/db/dir")
				must(t, err)
				must(t, disk.WriteFile("/db/dir", spoil(dir)))
				must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: buckets}))
				mustHaveBuckets(t, disk, buckets)
			})
		}
	}
}

// With a meta the database has its number of buckets already: an init that is to
// finish it with another number is refused, as one with another page size is.
func TestInitOfAnotherNumberOfBucketsIsRefused(t *testing.T) {
	for _, lost := range []string{"free", "wal-000001.log", "data-000001.p1seg"} {
		for _, buckets := range []int{4, 127, 129} {
			disk := faultfs.New(faultfs.Options{NoReads: true})
			must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 128}))
			must(t, disk.RemoveFile("/db/"+lost))
			before := disk.Snapshot()
			require.ErrorIs(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: buckets}), quiver.ErrIncompatible, "without %s", lost)
			sameBytes(t, before, disk)
			must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 128}))
			mustHaveBuckets(t, disk, 128)
		}
	}
}

// A meta without a directory leaves the number open; one with a directory that
// cannot be read does not, and is left alone.
func TestInitWithAMetaAndNoDirectory(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 128}))
	must(t, disk.RemoveFile("/db/free"))
	spoilt := disk.Snapshot()

	must(t, disk.RemoveFile("/db/dir"))
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 4}))
	mustHaveBuckets(t, disk, 4)

	must(t, spoilt.FlipBit("/db/dir", 30, 0))
	before := spoilt.Snapshot()
	corruption(t, quiver.Init("/db", quiver.InitOptions{FS: spoilt, Buckets: 128}))
	sameBytes(t, before, spoilt)
}
