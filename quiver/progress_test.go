package quiver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// recorder takes down what a progress function is told.
type recorder []quiver.Progress

func (r *recorder) tell(p quiver.Progress) { *r = append(*r, p) }

// mustEnd wants these phases one after another, each told at its start, on the
// way up, and once at its end.
func (r *recorder) mustEnd(t *testing.T, when string, phases ...string) {
	t.Helper()
	var seen []string
	for i := 0; i < len(*r); {
		p := (*r)[i]
		seen = append(seen, p.Phase)
		told := []int64{}
		for ; i < len(*r) && (*r)[i].Phase == p.Phase; i++ {
			require.Equal(t, p.Total, (*r)[i].Total, "%s, %s: the total changes", when, p.Phase)
			told = append(told, (*r)[i].Done)
		}
		require.Zero(t, told[0], "%s, %s: the start", when, p.Phase)
		require.True(t, slices.IsSorted(told), "%s, %s: %v", when, p.Phase, told)
		at, _ := slices.BinarySearch(told, p.Total)
		require.Equal(t, len(told)-1, at, "%s, %s: %v of %d: the total is told once, last", when, p.Phase, told, p.Total)
	}
	require.Equal(t, phases, seen, when)
	*r = nil
}

// progressScene is a database with so many keys, each on a page of its own.
func progressScene(t *testing.T, keys int) (*faultfs.FS, quiver.Options, *quiver.DB) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, LockWait: -1, NoDataFsync: true, SnapPersist: true, SnapDedup: true}
	db := openFresh(t, o, "/db", max(keys, 1))
	for _, key := range keysOfBuckets(keys) {
		must(t, db.Put(key, []byte("v")))
	}
	return disk, o, db
}

// Everything that takes long tells that it has begun, and when all of it is done,
// however little that is.
func TestProgressFromStartToEnd(t *testing.T) {
	for _, keys := range []int{0, 1, 3, 300} {
		when := fmt.Sprint(keys, " keys")
		disk, o, db := progressScene(t, keys)
		var r recorder
		_, err := db.Usage(t.Context(), r.tell)
		must(t, err)
		r.mustEnd(t, when, "count")
		_, err = db.Check(t.Context(), quiver.CheckOptions{Progress: r.tell})
		must(t, err)
		r.mustEnd(t, when, "check")
		_, err = db.Recount(t.Context(), r.tell)
		must(t, err)
		r.mustEnd(t, when, "recount")

		for range 2 {
			_, err = db.Snapshot()
			must(t, err)
		}
		full, err := db.Backup(t.Context(), "/full", quiver.BackupOptions{Progress: r.tell})
		must(t, err)
		require.Less(t, len(r), 300/3+10, "%s: told too often", when)
		r.mustEnd(t, when, "backup")
		must(t, db.Put([]byte("key"), []byte("newer")))
		_, err = db.Backup(t.Context(), "/incr", quiver.BackupOptions{Since: &full.LSN, Progress: r.tell})
		must(t, err)
		r.mustEnd(t, when, "backup")
		_, err = db.Check(t.Context(), quiver.CheckOptions{Progress: r.tell})
		must(t, err)
		r.mustEnd(t, when, "check", "snapstore", "snapshots")
		_, err = db.Repair(t.Context(), quiver.RepairOptions{Progress: r.tell})
		must(t, err)
		r.mustEnd(t, when, "recount", "snapstore")
		crashed := disk.State().Kill()
		must(t, db.Close())

		ro := quiver.RestoreOptions{FS: disk, Progress: r.tell, Verify: true}
		for _, from := range []string{"/full", "/incr"} {
			info, err := quiver.Restore(t.Context(), "/copy", from, ro)
			must(t, err)
			reads := int64(1)
			if info.Since != nil {
				reads = 2
			}
			require.Equal(t, reads*int64(info.Pages)*4096, r[0].Total, when+", "+from)
			r.mustEnd(t, when+", "+from, "restore", "recount", "check")
		}
		o.FS, o.Progress, o.NoRecount = crashed, r.tell, true
		must(t, mustOpenReadOnly(t, "/db", o).Close())
		r.mustEnd(t, when+", read-only", "read log", "redo")
		must(t, mustOpen(t, "/db", o).Close())
		r.mustEnd(t, when+", recovered", "read log", "redo")
		must(t, mustOpen(t, "/db", o).Close())
		r.mustEnd(t, when+", clean", "read log")
	}
}

// A recovery that looks at all segments, because a page that the log has is torn
// in its segment, tells of that too.
func TestProgressOfAnInspection(t *testing.T) {
	disk, o, db := progressScene(t, 3)
	must(t, db.Checkpoint())
	must(t, db.Put(keysOfBuckets(3)[0], []byte("newer")))
	crashed := disk.State().Kill()
	must(t, db.Close())
	const segment = "/db/data-000001.p1seg"
	b, err := crashed.ReadFile(segment)
	must(t, err)
	for at := 2000; at < len(b); at += 4096 {
		b[at] ^= 1
	}
	must(t, crashed.WriteFile(segment, b))
	var r recorder
	o.FS, o.Progress, o.NoRecount = crashed, r.tell, true
	must(t, mustOpenReadOnly(t, "/db", o).Close())
	r.mustEnd(t, "torn", "read log", "inspect", "redo")
}

// What fails, or is ended, has never told that it is done.
func TestProgressOfWhatFails(t *testing.T) {
	_, _, db := progressScene(t, 300)
	cause := errors.New("enough")
	for name, run := range map[string]func(context.Context, func(quiver.Progress)) error{
		"backup": func(ctx context.Context, p func(quiver.Progress)) error {
			_, err := db.Backup(ctx, "/backup", quiver.BackupOptions{Progress: p})
			return err
		},
		"check": func(ctx context.Context, p func(quiver.Progress)) error {
			_, err := db.Check(ctx, quiver.CheckOptions{Progress: p})
			return err
		},
		"recount": func(ctx context.Context, p func(quiver.Progress)) error {
			_, err := db.Recount(ctx, p)
			return err
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := run(ctx, func(p quiver.Progress) {
			require.Less(t, p.Done, p.Total, name)
			if p.Done > p.Total/2 {
				cancel(cause)
			}
		})
		require.ErrorIs(t, err, cause, name)
	}
	must(t, db.Close())
}
