package quiver_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

func TestInitRefusesWhatHasNoMeaning(t *testing.T) {
	for _, o := range []quiver.InitOptions{
		{PageSize: 1}, {PageSize: 512}, {PageSize: 2048}, {PageSize: 4095}, {PageSize: 5000}, {PageSize: 65536}, {PageSize: -4096}, {PageSize: 1 << 40},
		{Buckets: -1}, {Buckets: quiver.MaxBuckets + 1}, {Buckets: 1 << 40},
	} {
		disk := faultfs.New(faultfs.Options{})
		o.FS = disk
		if err := quiver.Init("/db", o); !errors.Is(err, quiver.ErrInvalid) {
			t.Errorf("%+v: %v, want ErrInvalid", o, err)
		}
		if len(disk.List()) > 0 || disk.Seq() > 0 {
			t.Errorf("%+v: the disk was touched: %v", o, disk.List())
		}
	}
}

func TestInitMakesWhatWasAskedFor(t *testing.T) {
	for _, o := range []quiver.InitOptions{{}, {PageSize: 8192, Buckets: 1}, {PageSize: 16384, Buckets: 7}, {PageSize: 32768, Buckets: 1000}} {
		disk := faultfs.New(faultfs.Options{})
		o.FS = disk
		must(t, quiver.Init("/a/b/../c/db", o))
		if err := quiver.Init("/a/c/db/", o); !errors.Is(err, quiver.ErrExists) {
			t.Errorf("a second init: %v, want ErrExists", err)
		}
		if o.PageSize == 0 {
			o.PageSize, o.Buckets = quiver.DefaultPageSize, quiver.DefaultBuckets
		}
		raw := mustBeClean(t, disk, "/a/c/db", pairs{})
		if raw.pageSize != o.PageSize || len(raw.heads) != o.Buckets || raw.next != 0 || raw.lastLSN != 0 || len(raw.segments) != 1 {
			t.Errorf("%+v: %+v", o, raw)
		}
		// It survives a power cut right away, its parents included.
		after := disk.State().Crash(faultfs.None())
		if d := after.Diff(disk); d != "" {
			t.Errorf("after a power cut: %s", d)
		}
		db := mustOpen(t, "/a/c/db", quiver.Options{FS: disk, Inline: true})
		mustPut(t, db, pairs{}, "k", "v")
		must(t, db.Close())
	}
}

// finishInit does after an interrupted init what its user does, and says what
// went wrong.
func finishInit(disk *faultfs.FS, o quiver.InitOptions) error {
	o.FS = disk
	db, err := quiver.Open("/p/db", &quiver.Options{FS: disk, Inline: true})
	complete := err == nil
	switch {
	case complete:
		if err := db.Close(); err != nil {
			return err
		}
	case !errors.Is(err, quiver.ErrIncomplete) && !errors.Is(err, quiver.ErrNoDatabase):
		return fmt.Errorf("open: %w", err)
	}
	if err := quiver.Init("/p/db", o); err != nil && !(complete && errors.Is(err, quiver.ErrExists)) {
		return fmt.Errorf("init again, was complete %v: %w", complete, err)
	}
	db, err = quiver.Open("/p/db", &quiver.Options{FS: disk, Inline: true})
	if err != nil {
		return fmt.Errorf("open what was finished: %w", err)
	}
	if err := db.Put([]byte("k"), []byte("v")); err != nil {
		return err
	}
	s, err := db.Stats()
	if err != nil || s.PageSize != o.PageSize || s.Buckets != o.Buckets {
		return fmt.Errorf("stats %+v, %w", s, err)
	}
	return db.Close()
}

// Every power cut in an init, with every subset of what was not synced.
func TestInitCutAnywhere(t *testing.T) {
	disk := faultfs.New(faultfs.Options{})
	o := quiver.InitOptions{FS: disk, PageSize: 8192, Buckets: 3}
	must(t, quiver.Init("/p/db", o))
	seen := map[faultfs.Digest]bool{}
	for state := range disk.Log().Points() {
		for image := range state.Images(faultfs.Enum{MaxSubset: 10}) {
			if seen[image.Digest] {
				continue
			}
			seen[image.Digest] = true
			if err := finishInit(image.FS(), o); err != nil {
				t.Errorf("after call %d, %v: %v", state.From, image.Sel, err)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d images", len(seen))
	}
}

// Every call of an init fails once, and the next one finishes it.
func TestInitFailsAnywhere(t *testing.T) {
	o := quiver.InitOptions{PageSize: 4096, Buckets: 3}
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EACCES} {
		for n := 1; ; n++ {
			disk := faultfs.New(faultfs.Options{})
			disk.Inject(faultfs.Plan{{N: n, Errno: errno}})
			o.FS = disk
			err := quiver.Init("/p/db", o)
			if disk.Fired()[0] == 0 {
				must(t, err)
				if n < 20 {
					t.Fatalf("an init has only %d calls", n)
				}
				break
			}
			if err == nil {
				continue // a call that does not matter, such as the holder's name
			}
			if !errors.Is(err, errno) || errors.Is(err, quiver.ErrFull) != (errno == syscall.ENOSPC) {
				t.Errorf("call %d, %v: %v", n, errno, err)
			}
			if k := disk.Handles() + disk.Locks(); k > 0 {
				t.Errorf("call %d, %v: %d files or locks stay open", n, errno, k)
			}
			disk.Inject(nil)
			if err := finishInit(disk, o); err != nil {
				t.Errorf("after call %d failed with %v: %v", n, errno, err)
			}
		}
	}
}

// Without a meta, pages and records are not to be written over.
func TestInitRefusesData(t *testing.T) {
	o := quiver.Options{Inline: true, NoDataFsync: true}
	for name, lose := range map[string][]string{
		"meta":                {"meta"},
		"meta and dir":        {"meta", "dir"},
		"the log":             {"wal-000001.log"},
		"the free list":       {"free"},
		"dir":                 {"dir"},
		"all but the segment": {"meta", "dir", "free", "wal-000001.log"},
	} {
		disk := faultfs.New(faultfs.Options{})
		o.FS = disk
		must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
		db := mustOpen(t, "/db", o)
		mustPut(t, db, pairs{}, "k", "v")
		must(t, db.Close())
		for _, file := range lose {
			must(t, disk.RemoveFile(filepath.Join("/db", file)))
		}
		before := disk.Snapshot()
		corruption(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
		sameBytes(t, before, disk)
		_, err := quiver.Open("/db", &o)
		corruption(t, err)
		sameBytes(t, before, disk)
		if t.Failed() {
			t.Fatalf("without %s", name)
		}
	}
	// A log with a record and an empty segment: what a crash can leave of it.
	disk := faultfs.New(faultfs.Options{})
	o.FS = disk
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
	db := mustOpen(t, "/db", o)
	mustPut(t, db, pairs{}, "k", "v")
	killed := disk.Snapshot()
	must(t, db.Close())
	must(t, killed.TruncateFile(segmentPath, 0))
	must(t, killed.RemoveFile("/db/meta"))
	before := killed.Snapshot()
	corruption(t, quiver.Init("/db", quiver.InitOptions{FS: killed, Buckets: 2}))
	sameBytes(t, before, killed)
}

// A folder that is in use, and a path that is none.
func TestInitWhereItCannotBe(t *testing.T) {
	disk := faultfs.New(faultfs.Options{})
	must(t, disk.WriteFile("/file", []byte("x")))
	for _, path := range []string{"/file", "/file/db"} {
		if err := quiver.Init(path, quiver.InitOptions{FS: disk}); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("init at %s: %v", path, err)
		}
	}
}

// An init of an open database waits for the lock as an open does.
func TestInitOfAnOpenDatabase(t *testing.T) {
	t.Parallel()
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk}))
	db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true})
	if err := quiver.Init("/db", quiver.InitOptions{FS: disk}); !errors.Is(err, quiver.ErrLocked) {
		t.Errorf("init of an open database: %v", err)
	}
	must(t, db.Close())
}

func TestOpenWhatIsNoDatabase(t *testing.T) {
	disk := faultfs.New(faultfs.Options{})
	must(t, disk.WriteFile("/other/notes.txt", []byte("not a database")))
	must(t, disk.WriteFile("/file", []byte("x")))
	for _, path := range []string{"/nowhere", "/other", "/", ""} {
		for _, open := range []func(string, *quiver.Options) (*quiver.DB, error){quiver.Open, quiver.OpenReadOnly} {
			if _, err := open(path, &quiver.Options{FS: disk}); !errors.Is(err, quiver.ErrNoDatabase) {
				t.Errorf("open of %q: %v, want ErrNoDatabase", path, err)
			}
		}
	}
	if _, err := quiver.Open("/file", &quiver.Options{FS: disk}); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("open of a file: %v", err)
	}
	if d := disk.List(); len(d) != 2 {
		t.Errorf("files were made: %v", d)
	}
}
