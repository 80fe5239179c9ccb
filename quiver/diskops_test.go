package quiver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// opsOf are the calls since the last look, reads left out, numbers too: they
// would change all lines behind a change.
func opsOf(disk *faultfs.FS) string {
	var b strings.Builder
	for _, r := range disk.Log().Records() {
		_, line, _ := strings.Cut(r.String(), " ")
		if sum := r.Sum(); sum != 0 {
			line = strings.Replace(line, " "+sum.String(), "", 1) // order and places are the subject
		}
		b.WriteString(strings.ReplaceAll(line, "/db/", "") + "\n")
	}
	disk.ResetLog()
	return b.String()
}

// opsStory is a session with each kind of call, and what each of them does to
// the disk.
func opsStory(t *testing.T, noDataFsync bool) string {
	var b strings.Builder
	disk := faultfs.New(faultfs.Options{NoReads: true})
	step := func(name string, do func() error) {
		must(t, do())
		fmt.Fprintf(&b, "# %s\n%s\n", name, opsOf(disk))
	}
	o := quiver.Options{FS: disk, Inline: true, NoDataFsync: noDataFsync, ReservePages: 4}
	var db *quiver.DB
	put := func(key string, n int) func() error {
		return func() error { return db.Put([]byte(key), []byte(blob(key, n))) }
	}
	open := func() (err error) { db, err = quiver.Open("/db", &o); return err }

	step("init", func() error { return quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 1}) })
	step("open", open)
	step("close without a change", func() error { return db.Close() })
	must(t, open())
	disk.ResetLog()
	step("first put", put("a", 100))
	step("put", put("b", 100))
	step("put of a long value, whose pages are reserved first", put("c", 9000))
	step("batch", func() error {
		var batch quiver.Batch
		for i := range 30 {
			batch.Put([]byte(fmt.Sprint("batch ", i)), []byte(blob("batch", 300)))
		}
		return db.Write(&batch)
	})
	step("batch without a sync", func() error {
		var batch quiver.Batch
		batch.Put([]byte("d"), []byte("v"))
		return db.WriteNoSync(&batch)
	})
	step("sync", func() error { return db.Sync() })
	step("delete", func() error { _, err := db.Delete([]byte("c")); return err })
	step("get", func() error { _, _, err := db.Get([]byte("a")); return err })
	step("checkpoint", func() error { return db.Checkpoint() })
	step("put over the old log", put("a", 50))
	killed := disk.Snapshot()
	step("close", func() error { return db.Close() })
	step("open after a clean close", open)
	step("put that takes free pages", put("e", 9000))
	step("close again", func() error { return db.Close() })

	disk, o.FS = killed, killed
	step("open of an unclean database by a reader", func() (err error) {
		if db, err = quiver.OpenReadOnly("/db", &o); err != nil {
			return err
		}
		return db.Close()
	})
	step("recovery", open)
	step("recount", func() error { _, err := db.Recount(t.Context(), nil); return err })
	step("close after a recovery", func() error { return db.Close() })
	return b.String()
}

// The order of writes and syncs is the whole argument for durability: each
// change of it shows as a change of these files, to be judged line by line.
func TestDiskOps(t *testing.T) {
	for name, noDataFsync := range map[string]bool{"data-fsync-on": false, "data-fsync-off": true} {
		path := filepath.Join("testdata", "diskops", name+".txt")
		got := opsStory(t, noDataFsync)
		if *update {
			must(t, os.MkdirAll(filepath.Dir(path), 0o777))
			must(t, os.WriteFile(path, []byte(got), 0o666))
		}
		text, err := os.ReadFile(path)
		must(t, err)
		if d := firstLine(string(text), got); d != "" {
			t.Errorf("%s: %s (-update writes what is new)", path, d)
		}
	}
}

// firstLine is the first line that differs.
func firstLine(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(w):
			return fmt.Sprintf("line %d is new: %s", i+1, g[i])
		case i >= len(g):
			return fmt.Sprintf("line %d is gone: %s", i+1, w[i])
		case w[i] != g[i]:
			return fmt.Sprintf("line %d: %s, was %s", i+1, g[i], w[i])
		}
	}
	return ""
}
