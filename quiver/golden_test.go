package quiver_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

var update = flag.Bool("update", false, "write testdata/golden and testdata/diskops anew")

// golden is a database whose bytes are kept: later versions must read them, and
// the same calls must make them again.
type golden struct {
	name     string
	pageSize int
	buckets  int
	write    func(a *goldenAuthor)
	kill     bool // leave it as a crash of the process does
}

type goldenAuthor struct {
	*testing.T
	db   *quiver.DB
	want pairs
}

func (a *goldenAuthor) put(key, value string) { a.Helper(); mustPut(a.T, a.db, a.want, key, value) }
func (a *goldenAuthor) del(key string)        { a.Helper(); mustDelete(a.T, a.db, a.want, key) }

func (a *goldenAuthor) batch(n int, name string, size int) {
	a.Helper()
	var b quiver.Batch
	for i := range n {
		key := fmt.Sprintf("%s %d", name, i)
		a.want[key] = blob(key, size)
		b.Put([]byte(key), []byte(a.want[key]))
	}
	must(a.T, a.db.Write(&b))
}

func (a *goldenAuthor) small() {
	a.put("", "the empty key")
	a.put("empty value", "")
	a.put("\x00\xff\n", "\x00\x01\x02")
	a.put("long key "+strings.Repeat("k", 300), "v")
	a.batch(20, "batch", 12)
	for i := range 10 {
		a.put("overwritten", fmt.Sprint("for the ", i, "th time"))
	}
	a.del("batch 7")
}

func (a *goldenAuthor) long() {
	page := a.db.MaxKeyLen() + 90
	a.put("goes away", blob("a", page*3/2))
	a.put("threshold", blob("t", page/4))
	a.put("above the threshold", blob("u", page/4+1))
	a.put("like a placeholder", "\xff\x00 sixteen bytes..")
	a.put("two pages", blob("w", page+100))
	a.del("goes away")
}

func goldens() []golden {
	return []golden{
		{name: "clean-empty", pageSize: 4096, buckets: 3, write: func(a *goldenAuthor) { a.put("k", "v"); a.del("k") }},
		{name: "clean-small", pageSize: 4096, buckets: 2, write: (*goldenAuthor).small},
		{name: "clean-chains", pageSize: 4096, buckets: 1, write: func(a *goldenAuthor) {
			a.batch(40, "chain", 200)
			for i := range 12 {
				a.del(fmt.Sprint("chain ", 3*i))
			}
			a.batch(10, "chain", 300)
		}},
		{name: "clean-long", pageSize: 4096, buckets: 2, write: (*goldenAuthor).long},
		{name: "clean-8192", pageSize: 8192, buckets: 1, write: (*goldenAuthor).small},
		{name: "clean-32768", pageSize: 32768, buckets: 1, write: (*goldenAuthor).small},
		{name: "unclean-log", pageSize: 4096, buckets: 2, kill: true, write: func(a *goldenAuthor) {
			a.batch(5, "old", 100)
			must(a.T, a.db.Checkpoint()) // what follows stands over its records
			a.put("new", "in the log only")
			a.batch(3, "old", 50)
			a.put("long", blob("long", 5000))
			a.del("old 4")
		}},
	}
}

// make writes the database anew.
func (g golden) make(t *testing.T) (*faultfs.FS, pairs) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, PageSize: g.pageSize, Buckets: g.buckets}))
	a := &goldenAuthor{T: t, want: pairs{}}
	a.db = mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, NoDataFsync: g.kill, LogChunkBytes: 28 << 10, ReservePages: 2})
	g.write(a)
	killed := disk.Snapshot()
	must(t, a.db.Close())
	if g.kill {
		disk = killed
	}
	for _, name := range disk.List() {
		// What these hold has no meaning for the next session.
		if base := filepath.Base(name); base == "LOCK" || base == "quiver-reserve" {
			must(t, disk.RemoveFile(name))
		}
	}
	return disk, a.want
}

func goldenFolder(name string) string { return filepath.Join("testdata", "golden", name) }

func (g golden) store(t *testing.T, disk *faultfs.FS, want pairs) {
	dir := goldenFolder(g.name)
	must(t, os.RemoveAll(dir))
	must(t, disk.Export("/db", filepath.Join(dir, "db")))
	rows := [][2]string{}
	for _, k := range want.sortedKeys() {
		rows = append(rows, [2]string{hex.EncodeToString([]byte(k)), hex.EncodeToString([]byte(want[k]))})
	}
	text, err := json.MarshalIndent(rows, "", " ")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "pairs.json"), append(text, '\n'), 0o666))
}

func loadGolden(t *testing.T, name string) (*faultfs.FS, pairs) {
	t.Helper()
	disk := faultfs.New(faultfs.Options{NoReads: true})
	must(t, disk.Import(filepath.Join(goldenFolder(name), "db"), "/db"))
	text, err := os.ReadFile(filepath.Join(goldenFolder(name), "pairs.json"))
	must(t, err)
	var rows [][2]string
	must(t, json.Unmarshal(text, &rows))
	want := pairs{}
	for _, row := range rows {
		want[unhex(t, row[0])] = unhex(t, row[1])
	}
	return disk, want
}

// The same calls make the same bytes: nothing depends on time, memory or luck.
func TestGoldenBytes(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			disk, want := g.make(t)
			if *update {
				g.store(t, disk, want)
			}
			kept, _ := loadGolden(t, g.name)
			if d := kept.Diff(disk); d != "" {
				t.Errorf("%s (-update writes what is new)", d)
			}
			again, _ := g.make(t)
			if d := disk.Diff(again); d != "" {
				t.Errorf("a second run: %s", d)
			}
		})
	}
}

// Every database that was kept opens, whatever wrote it.
func TestGoldenOpens(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("testdata", "golden"))
	must(t, err)
	if len(entries) < len(goldens()) {
		t.Errorf("%d databases, want %d or more", len(entries), len(goldens()))
	}
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			disk, want := loadGolden(t, e.Name())
			before := disk.Snapshot()
			o := quiver.Options{FS: disk, Inline: true}
			db := mustOpenReadOnly(t, "/db", o)
			mustHold(t, db, want)
			mustCheck(t, db, false)
			must(t, db.Close())
			sameBytes(t, before, disk)

			clean := strings.HasPrefix(e.Name(), "clean")
			db = mustOpen(t, "/db", o)
			if r := db.Recovery(); r.Unclean == clean || r.RecountDue == clean || r.Foreign || r.Damaged {
				t.Errorf("recovery: %+v", r)
			}
			mustHold(t, db, want)
			if !clean {
				_, err := db.Recount(t.Context(), nil)
				must(t, err)
			}
			mustCheck(t, db, true)
			want = writeOn(t, db, want)
			must(t, db.Close())
			mustBeClean(t, disk, "/db", want)
		})
	}
}
