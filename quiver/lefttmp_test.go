package quiver_test

import (
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// A crash between the two steps of a replacement leaves the new file under its
// temporary name. Nobody knows how much of it is there, so it takes the place of
// nothing, also not of a file that is damaged or lost.
func TestLeftOverTempFilesAreNotRead(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
	db := mustOpen(t, "/db", o)
	mustPut(t, db, pairs{}, "key", "value")
	must(t, db.Close())
	for _, name := range []string{"meta", "dir", "free"} {
		whole, err := disk.ReadFile("/db/" + name)
		must(t, err)
		damages := map[string]func(*faultfs.FS) error{
			"lost":  func(d *faultfs.FS) error { return d.RemoveFile("/db/" + name) },
			"empty": func(d *faultfs.FS) error { return d.WriteFile("/db/"+name, nil) },
			"zeros": func(d *faultfs.FS) error { return d.WriteFile("/db/"+name, make([]byte, len(whole))) },
			"magic": func(d *faultfs.FS) error { return d.WriteFile("/db/"+name, []byte("X"+string(whole[1:]))) },
		}
		for kind, damage := range damages {
			bad := disk.Snapshot()
			must(t, bad.WriteFile("/db/"+name+".tmp", whole))
			must(t, damage(bad))
			o.FS = bad
			before := bad.Snapshot()
			for _, open := range []func(string, *quiver.Options) (*quiver.DB, error){quiver.OpenReadOnly, quiver.Open} {
				_, err := open("/db", &o)
				if ce := corruption(t, err); !strings.HasSuffix(ce.Path, "/"+name) {
					t.Errorf("%s %s: %v", name, kind, err)
				}
			}
			sameBytes(t, before, bad)
		}
	}
}
