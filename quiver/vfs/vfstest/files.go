package vfstest

import (
	"io"
	"io/fs"
	"strings"
	"sync"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// block is longer than a page of any system and no multiple of one.
const block = 70_001

func fileCases() []testCase {
	return []testCase{
		{"open absent", openAbsent},
		{"open create", openCreate},
		{"open exclusive", openExclusive},
		{"open truncate", openTruncate},
		{"open directory", openDirectory},
		{"handle for reading", readOnlyHandle},
		{"read and write", readAndWrite},
		{"read at the end", readAtEnd},
		{"write beside the end", writeGap},
		{"zero length", zeroLength},
		{"negative offset", negativeOffset},
		{"buffers belong to the caller", callersBuffers},
		{"many handles", manyHandles},
		{"sync", syncs},
		{"closed", closedHandle},
		{"concurrent reads and writes", concurrentFile},
	}
}

func openAbsent(c *check) {
	for _, flag := range []vfs.OpenFlag{0, vfs.Write, vfs.Write | vfs.Truncate, vfs.Exclusive} {
		_, err := c.fs.OpenFile(c.path("none"), flag)
		c.fails("OpenFile of an absent file", err, fs.ErrNotExist)
	}
	c.absent("after OpenFile without Create", c.path("none"))
	_, err := c.fs.OpenFile(c.path("no", "file"), vfs.Write|vfs.Create)
	c.fails("OpenFile with Create in an absent directory", err, fs.ErrNotExist)
}

func openCreate(c *check) {
	f := c.open("new", vfs.Write|vfs.Create)
	c.holds("new file", f, "")
	c.write(f, "content", 0)
	c.holds("existing file with Create", c.open("new", vfs.Write|vfs.Create), "content")
	c.open("empty", vfs.Create)
	c.pathHolds("file made without Write", c.path("empty"), "")
}

func openExclusive(c *check) {
	c.create("file", "content")
	c.mkdir("dir")
	flag := vfs.Write | vfs.Create | vfs.Exclusive
	for _, name := range []string{"file", "dir"} {
		_, err := c.fs.OpenFile(c.path(name), flag)
		c.fails("OpenFile with Exclusive of a taken name", err, fs.ErrExist)
		_, err = c.fs.OpenFile(c.path(name), flag|vfs.Truncate)
		c.fails("OpenFile with Exclusive and Truncate of a taken name", err, fs.ErrExist)
	}
	c.pathHolds("after a refused OpenFile", c.path("file"), "content")
}

func openTruncate(c *check) {
	c.create("file", "content")
	c.open("file", vfs.Truncate)
	c.pathHolds("opened with Truncate but not Write", c.path("file"), "content")
	f := c.open("file", vfs.Write|vfs.Truncate)
	c.holds("opened with Truncate", f, "")
	c.write(f, "x", 3)
	c.holds("written after Truncate", f, "\x00\x00\x00x")
}

func openDirectory(c *check) {
	c.mkdir("dir")
	for _, flag := range []vfs.OpenFlag{0, vfs.Write, vfs.Create, vfs.Write | vfs.Create} {
		f, err := c.fs.OpenFile(c.path("dir"), flag)
		c.fails("OpenFile of a directory", err, syscall.EISDIR)
		if err == nil {
			_ = f.Close()
		}
	}
	c.create("file", "")
	_, err := c.fs.OpenFile(c.path("file", "below"), vfs.Write|vfs.Create)
	c.fails("OpenFile below a file", err, nil)
}

func readOnlyHandle(c *check) {
	c.create("file", "content")
	f := c.open("file", 0)
	_, err := f.WriteAt([]byte("x"), 0)
	c.fails("WriteAt", err, nil)
	c.fails("Truncate", f.Truncate(0), nil)
	c.fails("Allocate", f.Allocate(0, 100_000), nil)
	c.holds("after refused changes", f, "content")
}

func readAndWrite(c *check) {
	f := c.create("file", strings.Repeat("a", block))
	want := []byte(strings.Repeat("a", block))
	for _, at := range []int{0, 1, 511, 4095, 4096, block - 5, block - 1, block} {
		c.write(f, "change", int64(at))
		if missing := at + len("change") - len(want); missing > 0 {
			want = append(want, make([]byte, missing)...)
		}
		copy(want[at:], "change")
		c.holds("after a write", f, string(want))
	}
	part := make([]byte, 9000)
	n, err := f.ReadAt(part, 4093)
	if n != len(part) || err != nil || string(part) != string(want[4093:4093+9000]) {
		c.errorf("ReadAt inside the file = %d, %v, or the wrong bytes", n, err)
	}
}

func readAtEnd(c *check) {
	f := c.create("file", "content")
	for _, test := range []struct {
		off   int64
		len   int
		wantN int
		err   error
	}{
		{0, 6, 6, nil}, {3, 5, 4, io.EOF}, {6, 2, 1, io.EOF},
		{7, 1, 0, io.EOF}, {8, 1, 0, io.EOF}, {1 << 40, 10, 0, io.EOF},
	} {
		n, err := f.ReadAt(make([]byte, test.len), test.off)
		if n != test.wantN || err != test.err {
			c.errorf("ReadAt of %d bytes at %d in a file of 7 = %d, %v, want %d, %v",
				test.len, test.off, n, err, test.wantN, test.err)
		}
	}
	// io.ReaderAt leaves open what an exact read at the end answers.
	n, err := f.ReadAt(make([]byte, 7), 0)
	if n != 7 || err != nil && err != io.EOF {
		c.errorf("ReadAt of the whole file = %d, %v", n, err)
	}
	n, err = c.create("empty", "").ReadAt(make([]byte, 1), 0)
	if n != 0 || err != io.EOF {
		c.errorf("ReadAt in an empty file = %d, %v, want 0, io.EOF", n, err)
	}
}

func writeGap(c *check) {
	for name, gap := range map[string]int{"short": 1, "long": 3 * block} {
		f := c.create(name, "start")
		c.write(f, "end", int64(5+gap))
		c.holds(name+" gap", f, "start"+strings.Repeat("\x00", gap)+"end")
	}
}

func zeroLength(c *check) {
	f := c.create("file", "content")
	for _, off := range []int64{0, 3, 7} {
		if n, err := f.ReadAt(nil, off); n != 0 || err != nil {
			c.errorf("ReadAt of nothing at %d = %d, %v", off, n, err)
		}
	}
	for _, off := range []int64{0, 7, 100} {
		if n, err := f.WriteAt(nil, off); n != 0 || err != nil {
			c.errorf("WriteAt of nothing at %d = %d, %v", off, n, err)
		}
	}
	c.ok("Allocate of nothing", f.Allocate(100, 0))
	c.holds("after operations of no length", f, "content")
}

func negativeOffset(c *check) {
	f := c.create("file", "content")
	_, err := f.ReadAt(make([]byte, 1), -1)
	c.fails("ReadAt", err, nil)
	_, err = f.WriteAt([]byte("x"), -1)
	c.fails("WriteAt", err, nil)
	c.fails("Truncate", f.Truncate(-1), nil)
	c.fails("Allocate at a negative offset", f.Allocate(-1, 10), nil)
	c.fails("Allocate of a negative length", f.Allocate(0, -1), nil)
	c.fails("Allocate beyond all offsets", f.Allocate(1, 1<<63-1), nil)
	c.holds("after refused operations", f, "content")
}

func callersBuffers(c *check) {
	f := c.open("file", vfs.Write|vfs.Create)
	given := []byte("content")
	if _, err := f.WriteAt(given, 0); err != nil {
		c.errorf("WriteAt: %v", err)
	}
	if string(given) != "content" {
		c.errorf("WriteAt changed the caller's buffer to %q", given)
	}
	copy(given, "changed")
	c.holds("after the written buffer was changed", f, "content")

	taken := []byte("..........")
	_, err := f.ReadAt(taken[:4], 0)
	c.ok("ReadAt", err)
	if string(taken) != "cont......" {
		c.errorf("ReadAt of 4 bytes made %q of the buffer", taken)
	}
	copy(taken, "changed")
	c.holds("after the read buffer was changed", f, "content")
}

func manyHandles(c *check) {
	a := c.create("file", "content")
	b := c.open("file", vfs.Write)
	reader := c.open("file", 0)
	c.write(b, "C", 0)
	c.holds("through another handle", a, "Content")
	c.write(a, "!", 7)
	c.holds("through a handle for reading", reader, "Content!")
	c.ok("Close", a.Close())
	c.write(b, "?", 7)
	c.holds("after another handle was closed", reader, "Content?")
	c.ok("Truncate", b.Truncate(1))
	c.holds("after Truncate by another handle", reader, "C")
}

func syncs(c *check) {
	f := c.create("file", "content")
	c.ok("Sync", f.Sync())
	c.ok("SyncData", f.SyncData())
	reader := c.open("file", 0)
	c.ok("Sync of a handle for reading", reader.Sync())
	c.ok("SyncDir", c.fs.SyncDir(c.root))
	c.holds("after syncs", f, "content")
	c.fails("SyncDir of an absent directory", c.fs.SyncDir(c.path("none")), fs.ErrNotExist)
	c.fails("SyncDir of a file", c.fs.SyncDir(c.path("file")), nil)
}

func closedHandle(c *check) {
	f := c.create("file", "content")
	c.ok("Close", f.Close())
	_, err := f.ReadAt(make([]byte, 1), 0)
	c.fails("ReadAt", err, fs.ErrClosed)
	_, err = f.WriteAt([]byte("x"), 0)
	c.fails("WriteAt", err, fs.ErrClosed)
	_, err = f.Size()
	c.fails("Size", err, fs.ErrClosed)
	c.fails("Truncate", f.Truncate(0), fs.ErrClosed)
	c.fails("Allocate", f.Allocate(0, 100), fs.ErrClosed)
	c.fails("Sync", f.Sync(), fs.ErrClosed)
	c.fails("SyncData", f.SyncData(), fs.ErrClosed)
	c.fails("second Close", f.Close(), fs.ErrClosed)
	c.pathHolds("after use of a closed handle", c.path("file"), "content")
}

// concurrentFile lets writers change interleaved stripes that share pages,
// while others read, sync and ask for the size.
func concurrentFile(c *check) {
	const writers, rounds, stripe = 4, 50, 100
	f := c.create("file", strings.Repeat("\x00", writers*rounds*stripe))
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			own := strings.Repeat(string(rune('a'+w)), stripe)
			got := make([]byte, stripe)
			for round := range rounds {
				off := int64(round*writers+w) * stripe
				c.write(f, own, off)
				if _, err := f.ReadAt(got, off); err != nil || string(got) != own {
					c.errorf("ReadAt of what was just written at %d: %v, or the wrong bytes", off, err)
				}
			}
		})
		all.Go(func() {
			buf := make([]byte, 5000)
			for range rounds {
				_, err := f.ReadAt(buf, int64(w*1000))
				c.ok("ReadAt beside writers", err)
				_, err = f.Size()
				c.ok("Size beside writers", err)
			}
		})
	}
	all.Go(func() { c.ok("Sync beside writers", f.Sync()) })
	all.Go(func() { c.ok("SyncData beside writers", f.SyncData()) })
	all.Wait()
	var want strings.Builder
	for i := range rounds * writers {
		want.WriteString(strings.Repeat(string(rune('a'+i%writers)), stripe))
	}
	c.holds("after concurrent writes", f, want.String())
}
