package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// handClock moves only when somebody sleeps.
type handClock struct {
	now    time.Time
	slept  time.Duration
	wakeUp func(slept time.Duration)
}

func (c *handClock) Now() time.Time { return c.now }

func (c *handClock) Sleep(d time.Duration) {
	c.now, c.slept = c.now.Add(d), c.slept+d
	if c.wakeUp != nil {
		c.wakeUp(c.slept)
	}
}

func newHandClock() *handClock {
	return &handClock{now: time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)}
}

// disks are places for a database: the disk in memory and the real one, whose
// locks are another implementation.
func disks(t *testing.T) map[string]struct {
	fs   vfs.FS
	path string
} {
	return map[string]struct {
		fs   vfs.FS
		path string
	}{
		"faultfs": {faultfs.New(faultfs.Options{}), "/db"},
		"memory":  {vfs.NewMem(), "db"},
		"system":  {vfs.OS(), t.TempDir() + "/db"},
	}
}

func TestWhoMayOpenBesideWhom(t *testing.T) {
	for name, disk := range disks(t) {
		o := quiver.Options{FS: disk.fs, Inline: true, LockWait: -1}
		must(t, quiver.Init(disk.path, quiver.InitOptions{FS: disk.fs}))
		open := map[string]func() (*quiver.DB, error){
			"writer": func() (*quiver.DB, error) { return quiver.Open(disk.path, &o) },
			"reader": func() (*quiver.DB, error) { return quiver.OpenReadOnly(disk.path, &o) },
		}
		for first, openFirst := range open {
			for second, openSecond := range open {
				a, err := openFirst()
				must(t, err)
				b, err := openSecond()
				together := first == "reader" && second == "reader"
				switch {
				case together:
					must(t, err)
					must(t, b.Close())
				case err == nil:
					t.Errorf("%s: a %s beside a %s", name, second, first)
				default:
					mustBeLocked(t, err)
				}
				must(t, a.Close())
				b, err = openSecond()
				must(t, err)
				must(t, b.Close())
			}
		}
	}
}

// mustBeLocked wants an error that names the file and who holds it.
func mustBeLocked(t *testing.T, err error) {
	t.Helper()
	var le *quiver.LockedError
	if !errors.Is(err, quiver.ErrLocked) || !errors.As(err, &le) {
		t.Fatalf("%v, want ErrLocked", err)
	}
	if !strings.HasSuffix(le.Path, "LOCK") {
		t.Errorf("%v names no file", err)
	}
	if me := fmt.Sprintf("pid %d", os.Getpid()); !strings.Contains(le.Holder, me) || !strings.Contains(err.Error(), me) {
		t.Errorf("%v names not the holder, %s", err, me)
	}
}

func TestLockWaitIsFinite(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk}))
	holder := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true})
	for _, c := range []struct{ wait, want time.Duration }{
		{0, quiver.DefaultLockWait}, {-1, 0}, {time.Nanosecond, time.Nanosecond}, {time.Minute, time.Minute},
	} {
		clock := newHandClock()
		_, err := quiver.Open("/db", &quiver.Options{FS: disk, LockWait: c.wait, Clock: clock})
		mustBeLocked(t, err)
		if clock.slept != c.want {
			t.Errorf("LockWait %v: waited %v, want %v", c.wait, clock.slept, c.want)
		}
	}
	must(t, holder.Close())
}

func TestLockWaitEndsWhenTheHolderLetsGo(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk}))
	holder := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true})
	want := pairs{}
	mustPut(t, holder, want, "k", "v")
	clock := newHandClock()
	clock.wakeUp = func(slept time.Duration) {
		if holder != nil && slept >= time.Second {
			must(t, holder.Close())
			holder = nil
		}
	}
	db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, LockWait: time.Hour, Clock: clock})
	if clock.slept < time.Second || clock.slept > 2*time.Second {
		t.Errorf("waited %v", clock.slept)
	}
	mustHold(t, db, want)
	must(t, db.Close())
}

func TestLockWaitEndsWithTheContext(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk}))
	holder := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true})
	cause := errors.New("the user went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	clock := newHandClock()
	clock.wakeUp = func(time.Duration) { cancel(cause) }
	_, err := quiver.Open("/db", &quiver.Options{FS: disk, LockWait: time.Hour, Clock: clock, Context: ctx})
	if !errors.Is(err, cause) || clock.slept > time.Second {
		t.Errorf("%v after %v", err, clock.slept)
	}
	must(t, holder.Close())
}

// The text in the lock file is anybody's: it is shown, never believed.
func TestLockFileContentDecidesNothing(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk}))
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1}
	for _, text := range []string{"", "pid 1 on moon", strings.Repeat("x", 5000), "\x00\x1b[31m\nred\n"} {
		must(t, disk.WriteFile("/db/LOCK", []byte(text)))
		reader := mustOpenReadOnly(t, "/db", o)
		_, err := quiver.Open("/db", &o)
		var le *quiver.LockedError
		if !errors.As(err, &le) || strings.ContainsAny(err.Error(), "\x00\x1b\n") || len(err.Error()) > 400 {
			t.Errorf("lock file %.20q: %q", text, err)
		}
		must(t, reader.Close())
		must(t, mustOpen(t, "/db", o).Close())
	}
}

// A medium on which nothing can be written has no lock file and needs none.
func TestReadOnlyMedium(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk}))
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1}
	db := mustOpen(t, "/db", o)
	want := pairs{}
	mustPut(t, db, want, "k", "v")
	must(t, db.Close())
	must(t, disk.RemoveFile("/db/LOCK"))
	for _, errno := range []string{"EROFS", "EACCES"} {
		plan, err := faultfs.ParsePlan(fmt.Sprintf("lock/*#1+:%s, create/*#1+:%s, write/*#1+:%s", errno, errno, errno))
		must(t, err)
		disk.Inject(plan)
		reader := mustOpenReadOnly(t, "/db", o)
		mustHold(t, reader, want)
		must(t, reader.Close())
		if _, err := quiver.Open("/db", &o); err == nil {
			t.Errorf("%s: a writer opens", errno)
		}
		disk.Inject(nil)
	}
	for _, name := range disk.List() {
		if name == "/db/LOCK" {
			t.Error("a lock file was made")
		}
	}
}
