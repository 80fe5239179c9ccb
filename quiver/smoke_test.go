package quiver_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func TestSmoke(t *testing.T) {
	for _, inline := range []bool{true, false} {
		fs := vfs.NewMem()
		o := quiver.Options{FS: fs, Inline: inline, LogBytes: 256 << 10, LogChunkBytes: 16 << 10, NoDataFsync: inline, PageCachePages: 8}
		if err := quiver.Init("db", quiver.InitOptions{FS: fs, Buckets: 3}); err != nil {
			t.Fatal(err)
		}
		model := map[string][]byte{}
		rng := rand.New(rand.NewSource(1))
		db, err := quiver.Open("db", &o)
		if err != nil {
			t.Fatal(err)
		}
		check := func() {
			n := 0
			for it, err := range db.Scan(quiver.ScanOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				n++
				if !bytes.Equal(model[string(it.Key)], it.Value) {
					t.Fatalf("scan %q: %d bytes, want %d", it.Key, len(it.Value), len(model[string(it.Key)]))
				}
			}
			if n != len(model) {
				t.Fatalf("scan gave %d of %d", n, len(model))
			}
		}
		for i := range 5000 {
			k := fmt.Sprintf("key%d", rng.Intn(600))
			switch r := rng.Intn(10); {
			case r < 6:
				v := make([]byte, rng.Intn(100))
				if rng.Intn(20) == 0 {
					v = make([]byte, rng.Intn(20000))
				}
				rng.Read(v)
				if err := db.Put([]byte(k), v); err != nil {
					t.Fatal(i, err)
				}
				model[k] = v
			case r < 9:
				had, err := db.Delete([]byte(k))
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := model[k]; ok != had {
					t.Fatal("delete", k, had, ok)
				}
				delete(model, k)
			default:
				v, ok, err := db.Get([]byte(k))
				if err != nil {
					t.Fatal(err)
				}
				w, has := model[k]
				if ok != has || !bytes.Equal(v, w) {
					t.Fatalf("get %s", k)
				}
			}
			if i%1000 == 999 {
				check()
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				if db, err = quiver.Open("db", &o); err != nil {
					t.Fatal(err)
				}
				check()
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
