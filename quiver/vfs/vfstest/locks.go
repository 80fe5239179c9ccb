package vfstest

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func lockCases() []testCase {
	return []testCase{
		{"lock creates", lockCreates},
		{"lock excludes", lockExcludes},
		{"lock shared", lockShared},
		{"lock holder", lockHolder},
		{"lock holder is bounded", lockHolderBounded},
		{"lock closed", lockClosed},
		{"lock refused", lockRefused},
		{"lock is advisory", lockAdvisory},
		{"concurrent locks", concurrentLocks},
	}
}

const (
	shared    = false
	exclusive = true
)

func (c *check) lock(name string, mode bool) vfs.Lock {
	l, err := c.fs.Lock(c.path(name), mode)
	c.need("Lock "+name, err)
	return l
}

// locked reports a Lock that is granted though somebody else holds the file.
func (c *check) locked(what, name string, mode bool, holder string) {
	l, err := c.fs.Lock(c.path(name), mode)
	if err == nil {
		c.errorf("%s: Lock was granted", what)
		_ = l.Close()
		return
	}
	var lockedErr *vfs.LockedError
	switch {
	case !errors.Is(err, vfs.ErrLocked):
		c.errorf("%s: error %q does not match ErrLocked", what, err)
	case !errors.As(err, &lockedErr):
		c.errorf("%s: error %q (%T) is no *LockedError", what, err, err)
	case lockedErr.Path != c.path(name) || lockedErr.Holder != holder:
		c.errorf("%s: error tells path %q, holder %q, want %q, %q",
			what, lockedErr.Path, lockedErr.Holder, c.path(name), holder)
	}
}

// free reports a Lock that is not granted though nobody holds the file.
func (c *check) free(what, name string, mode bool) {
	l, err := c.fs.Lock(c.path(name), mode)
	if c.ok(what+": Lock", err) {
		c.ok(what+": Close", l.Close())
	}
}

func lockCreates(c *check) {
	for _, name := range []string{"LOCK", "existing"} {
		if name == "existing" {
			c.create(name, "text")
		}
		l := c.lock(name, exclusive)
		want := map[string]string{"existing": "text"}[name]
		c.pathHolds("locked", c.path(name), want)
		c.ok("Close", l.Close())
		c.pathHolds("unlocked", c.path(name), want)
	}
}

func lockExcludes(c *check) {
	l := c.lock("LOCK", exclusive)
	c.locked("beside an exclusive lock", "LOCK", exclusive, "")
	c.locked("beside an exclusive lock", "LOCK", shared, "")
	c.locked("beside an exclusive lock, again", "LOCK", exclusive, "")
	c.free("another file", "other", exclusive)
	c.ok("Close", l.Close())
	c.free("after Close", "LOCK", exclusive)
	c.free("after Close", "LOCK", shared)
}

func lockShared(c *check) {
	a, b := c.lock("LOCK", shared), c.lock("LOCK", shared)
	c.locked("beside two shared locks", "LOCK", exclusive, "")
	c.ok("Close", a.Close())
	c.locked("beside one shared lock", "LOCK", exclusive, "")
	c.free("beside one shared lock", "LOCK", shared)
	c.ok("Close", b.Close())
	c.free("after both were closed", "LOCK", exclusive)
}

func lockHolder(c *check) {
	l := c.lock("LOCK", exclusive)
	for _, text := range []string{"pid 4711 on host", "short", "", "größer"} {
		c.ok("SetHolder", l.SetHolder(text))
		c.locked("after SetHolder", "LOCK", shared, text)
		c.pathHolds("after SetHolder", c.path("LOCK"), text)
	}
	c.ok("Close", l.Close())
	reader := c.lock("LOCK", shared)
	c.ok("SetHolder of a shared lock", reader.SetHolder("reader"))
	c.locked("beside a shared lock", "LOCK", exclusive, "reader")
	c.ok("Close", reader.Close())
}

func lockHolderBounded(c *check) {
	l := c.lock("LOCK", exclusive)
	c.ok("SetHolder", l.SetHolder("a\x00b\x1b[1m\r\nc\x7f\u202ed\xff"))
	c.locked("text with control characters", "LOCK", shared, "ab[1mcd")
	c.ok("SetHolder", l.SetHolder(strings.Repeat("x", 100_000)))
	c.locked("long text", "LOCK", shared, strings.Repeat("x", 256))
	c.ok("Close", l.Close())
}

func lockClosed(c *check) {
	l := c.lock("LOCK", exclusive)
	c.ok("SetHolder", l.SetHolder("first"))
	c.ok("Close", l.Close())
	next := c.lock("LOCK", exclusive)
	c.fails("SetHolder of a closed lock", l.SetHolder("nobody"), fs.ErrClosed)
	c.fails("second Close", l.Close(), fs.ErrClosed)
	c.locked("after a second Close of another lock", "LOCK", exclusive, "first")
	c.ok("Close", next.Close())
}

func lockRefused(c *check) {
	_, err := c.fs.Lock(c.path("no", "LOCK"), exclusive)
	c.fails("Lock in an absent directory", err, fs.ErrNotExist)
	c.mkdir("dir")
	_, err = c.fs.Lock(c.path("dir"), exclusive)
	c.fails("Lock of a directory", err, syscall.EISDIR)
}

func lockAdvisory(c *check) {
	l := c.lock("LOCK", exclusive)
	f := c.open("LOCK", vfs.Write)
	c.write(f, "somebody else", 0)
	c.holds("written beside a lock", f, "somebody else")
	c.ok("Close of a handle", f.Close())
	c.locked("after Close of another handle of the file", "LOCK", shared, "somebody else")
	c.ok("Rename of a locked file", c.fs.Rename(c.path("LOCK"), c.path("moved")))
	c.locked("renamed", "moved", exclusive, "somebody else")
	c.free("new file of the old name", "LOCK", exclusive)
	c.ok("Close", l.Close())
	c.free("after Close", "moved", exclusive)
}

// concurrentLocks lets many ask at once, again and again: one of them gets the
// lock, and keeps it until all have asked.
func concurrentLocks(c *check) {
	for range 25 {
		var mu sync.Mutex
		var granted []vfs.Lock
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				l, err := c.fs.Lock(c.path("LOCK"), exclusive)
				if errors.Is(err, vfs.ErrLocked) {
					return
				}
				if c.ok("Lock", err) {
					c.ok("SetHolder", l.SetHolder("one of many"))
					mu.Lock()
					defer mu.Unlock()
					granted = append(granted, l)
				}
			})
		}
		all.Wait()
		if len(granted) != 1 {
			c.errorf("an exclusive lock was granted to %d at once", len(granted))
		}
		for _, l := range granted {
			c.ok("Close", l.Close())
		}
	}
}
