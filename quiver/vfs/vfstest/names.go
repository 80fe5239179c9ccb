package vfstest

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"sync"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func nameCases() []testCase {
	return []testCase{
		{"mkdir", mkdir},
		{"stat", stat},
		{"read directory", readDir},
		{"remove", remove},
		{"remove an open file", removeOpen},
		{"rename", rename},
		{"rename over an open file", renameOverOpen},
		{"rename an open file", renameOpen},
		{"rename directories", renameDirs},
		{"rename refused", renameRefused},
		{"concurrent names", concurrentNames},
	}
}

func mkdir(c *check) {
	c.mkdir("a")
	c.mkdir("a", "b")
	c.mkdir("a", "b", "c")
	info, err := c.fs.Stat(c.path("a", "b", "c"))
	if want := (vfs.Info{Name: "c", Dir: true}); err != nil || info != want {
		c.errorf("Stat of a nested directory = %+v, %v, want %+v", info, err, want)
	}
	c.create("a/b/c/file", "content")
	c.pathHolds("file in a nested directory", c.path("a", "b", "c", "file"), "content")
	c.create("file", "")
	c.fails("Mkdir of a directory that is there", c.fs.Mkdir(c.path("a")), fs.ErrExist)
	c.fails("Mkdir of a file's name", c.fs.Mkdir(c.path("file")), fs.ErrExist)
	c.fails("Mkdir without a parent", c.fs.Mkdir(c.path("no", "dir")), fs.ErrNotExist)
	c.fails("Mkdir below a file", c.fs.Mkdir(c.path("file", "dir")), nil)
	c.absent("after Mkdir without a parent", c.path("no"))
	c.pathHolds("after a refused Mkdir", c.path("a", "b", "c", "file"), "content")
}

func stat(c *check) {
	c.absent("never made", c.path("none"))
	c.absent("in an absent directory", c.path("none", "file"))
	f := c.create("file", "content")
	c.mkdir("dir")
	c.is("file", vfs.Info{Name: "file", Size: 7})
	c.is("dir", vfs.Info{Name: "dir", Dir: true})
	c.ok("Truncate", f.Truncate(3))
	c.is("file", vfs.Info{Name: "file", Size: 3})
	_, err := c.fs.Stat(c.path("file", "below"))
	c.fails("Stat below a file", err, nil)
}

// is compares what Stat and what ReadDir of the root say of a name.
func (c *check) is(name string, want vfs.Info) {
	info, err := c.fs.Stat(c.path(name))
	if err != nil || info != want {
		c.errorf("Stat = %+v, %v, want %+v", info, err, want)
	}
	list, err := c.fs.ReadDir(c.root)
	c.ok("ReadDir", err)
	for _, info := range list {
		if info.Name == name && info != want {
			c.errorf("ReadDir tells %+v, want %+v", info, want)
		}
	}
}

func (c *check) lists(what, path string, want ...vfs.Info) {
	got, err := c.fs.ReadDir(path)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		c.errorf("%s: ReadDir = %+v, %v, want %+v", what, got, err, want)
	}
}

func readDir(c *check) {
	c.lists("empty directory", c.root)
	c.create("b", "12")
	c.create("a10", "1")
	c.mkdir("c")
	c.create("a9", "")
	c.create("B", "123")
	c.create("c/below", "")
	c.lists("sorted by bytes", c.root, vfs.Info{Name: "B", Size: 3}, vfs.Info{Name: "a10", Size: 1},
		vfs.Info{Name: "a9"}, vfs.Info{Name: "b", Size: 2}, vfs.Info{Name: "c", Dir: true})
	c.lists("subdirectory", c.path("c"), vfs.Info{Name: "below"})
	_, err := c.fs.ReadDir(c.path("none"))
	c.fails("ReadDir of an absent directory", err, fs.ErrNotExist)
	_, err = c.fs.ReadDir(c.path("a9"))
	c.fails("ReadDir of a file", err, nil)
}

func remove(c *check) {
	c.ok("Close", c.create("file", "content").Close())
	c.mkdir("dir")
	c.ok("Close", c.create("dir/below", "content").Close())
	c.fails("Remove of a directory that is not empty", c.fs.Remove(c.path("dir")), nil)
	c.pathHolds("after a refused Remove", c.path("dir", "below"), "content")
	for _, path := range []string{c.path("file"), c.path("dir", "below"), c.path("dir")} {
		c.ok("Remove", c.fs.Remove(path))
		c.absent("removed", path)
		c.fails("second Remove", c.fs.Remove(path), fs.ErrNotExist)
	}
	c.lists("all removed", c.root)
	c.holds("made again", c.create("file", ""), "")
}

func removeOpen(c *check) {
	f := c.create("file", "content")
	c.ok("Remove of an open file", c.fs.Remove(c.path("file")))
	c.absent("removed", c.path("file"))
	c.holds("removed but open", f, "content")
	other := c.create("file", "other")
	c.write(f, "CON", 0)
	c.ok("Allocate in a removed file", f.Allocate(0, 8))
	c.ok("Sync of a removed file", f.Sync())
	c.holds("removed, open and changed", f, "CONtent\x00")
	c.holds("new file of the name", other, "other")
	c.ok("Truncate of a removed file", f.Truncate(1))
	c.holds("removed, open and cut", f, "C")
	c.ok("Close of a removed file", f.Close())
	c.holds("after the old file was closed", other, "other")
}

func rename(c *check) {
	c.ok("Close", c.create("old", "content").Close())
	c.ok("Close", c.create("taken", "longer content").Close())
	c.mkdir("dir")
	c.ok("Rename", c.fs.Rename(c.path("old"), c.path("new")))
	c.absent("renamed", c.path("old"))
	c.pathHolds("renamed", c.path("new"), "content")
	c.ok("Rename over a file", c.fs.Rename(c.path("new"), c.path("taken")))
	c.absent("renamed over a file", c.path("new"))
	c.pathHolds("renamed over a file", c.path("taken"), "content")
	c.ok("Rename to itself", c.fs.Rename(c.path("taken"), c.path("taken")))
	c.pathHolds("renamed to itself", c.path("taken"), "content")
	c.ok("Rename into a directory", c.fs.Rename(c.path("taken"), c.path("dir", "below")))
	c.absent("renamed into a directory", c.path("taken"))
	c.pathHolds("renamed into a directory", c.path("dir", "below"), "content")
	c.lists("after all renames", c.root, vfs.Info{Name: "dir", Dir: true})
}

func renameOverOpen(c *check) {
	old := c.create("file", "old content")
	c.ok("Close", c.create("tmp", "new").Close())
	c.ok("Rename over an open file", c.fs.Rename(c.path("tmp"), c.path("file")))
	c.holds("handle of what was replaced", old, "old content")
	c.pathHolds("replaced", c.path("file"), "new")
	c.write(old, "OLD", 0)
	c.holds("handle of what was replaced, written", old, "OLD content")
	c.pathHolds("after a write to what was replaced", c.path("file"), "new")
	c.ok("Close of what was replaced", old.Close())
	c.pathHolds("after Close of what was replaced", c.path("file"), "new")
}

func renameOpen(c *check) {
	f := c.create("old", "content")
	c.ok("Rename of an open file", c.fs.Rename(c.path("old"), c.path("new")))
	c.write(f, "C", 0)
	c.holds("handle of a renamed file", f, "Content")
	c.pathHolds("renamed and written", c.path("new"), "Content")
	c.holds("new file of the old name", c.create("old", ""), "")
	c.holds("handle, after the old name was made again", f, "Content")
}

func renameDirs(c *check) {
	c.mkdir("old")
	c.mkdir("old", "sub")
	c.mkdir("other")
	f := c.create("old/sub/file", "content")
	c.ok("Rename of a directory", c.fs.Rename(c.path("old"), c.path("other", "new")))
	c.absent("renamed directory", c.path("old"))
	c.pathHolds("below a renamed directory", c.path("other", "new", "sub", "file"), "content")
	c.write(f, "C", 0)
	c.pathHolds("written by a handle from before", c.path("other", "new", "sub", "file"), "Content")
	c.lists("renamed directory", c.path("other", "new"), vfs.Info{Name: "sub", Dir: true})
}

func renameRefused(c *check) {
	c.create("file", "content")
	c.mkdir("dir")
	c.mkdir("dir", "sub")
	for _, test := range []struct {
		what     string
		old, new string
		target   error
	}{
		{"an absent file", c.path("none"), c.path("new"), fs.ErrNotExist},
		{"an absent file over a file", c.path("none"), c.path("file"), fs.ErrNotExist},
		{"into an absent directory", c.path("file"), c.path("no", "file"), fs.ErrNotExist},
		{"out of an absent directory", c.path("no", "file"), c.path("new"), fs.ErrNotExist},
		{"a file over a directory", c.path("file"), c.path("dir"), nil},
		{"a directory over a file", c.path("dir"), c.path("file"), nil},
		{"a directory below itself", c.path("dir"), c.path("dir", "sub", "new"), nil},
	} {
		c.fails("Rename of "+test.what, c.fs.Rename(test.old, test.new), test.target)
	}
	c.lists("after refused renames", c.root,
		vfs.Info{Name: "dir", Dir: true}, vfs.Info{Name: "file", Size: 7})
	c.lists("after refused renames", c.path("dir"), vfs.Info{Name: "sub", Dir: true})
	c.pathHolds("after refused renames", c.path("file"), "content")
}

// concurrentNames lets workers make, replace and remove files of one directory
// while others list it.
func concurrentNames(c *check) {
	const workers, rounds = 4, 20
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			path := c.path(fmt.Sprintf("file%d", w))
			for round := range rounds {
				content := fmt.Sprintf("worker %d round %d", w, round)
				c.ok("ReplaceFile", vfs.ReplaceFile(c.fs, path, []byte(content)))
				c.pathHolds("just replaced", path, content)
				if round%2 == 0 {
					c.ok("Remove", c.fs.Remove(path))
				}
			}
		})
		all.Go(func() {
			for range rounds {
				_, err := c.fs.ReadDir(c.root)
				c.ok("ReadDir beside changes", err)
				_, err = c.fs.Stat(c.path("file0"))
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					c.errorf("Stat beside changes: %v", err)
				}
			}
		})
	}
	all.Wait()
	list, err := c.fs.ReadDir(c.root)
	if err != nil || len(list) != workers {
		c.errorf("after concurrent changes ReadDir = %+v, %v, want %d files", list, err, workers)
	}
}
