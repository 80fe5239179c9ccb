package quiver_test

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// session makes a database when there is none, opens it, puts pairs in and
// closes it. It tells what was acknowledged.
func session(disk *faultfs.FS, value string, dataFsync bool) (acked map[string]string, err error) {
	acked = map[string]string{}
	if err := quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}); err != nil && !errors.Is(err, quiver.ErrExists) {
		return acked, err
	}
	db, err := quiver.Open("/db", &quiver.Options{FS: disk, Inline: true, NoDataFsync: !dataFsync, LockWait: -1, LogBytes: 32 << 10})
	if err != nil {
		return acked, err
	}
	for _, key := range []string{"a", "b", "long", "a"} {
		v := value + key
		if key == "long" {
			v = blob(v, 9000)
		}
		if err := db.Put([]byte(key), []byte(v)); err != nil {
			return acked, errors.Join(err, db.Close())
		}
		acked[key] = v
	}
	return acked, db.Close()
}

// A write that puts fewer bytes than it was given, and a read that ends early,
// are noticed although the call reports no error: nothing that was acknowledged
// is lost, and the error is one of the documented types.
func TestShortCallsWithoutAnErrorAreNoticed(t *testing.T) {
	for _, fault := range []faultfs.Fault{
		{Kind: faultfs.KindWrite, Effect: faultfs.EffectShort, Part: faultfs.PartHalf},
		{Kind: faultfs.KindWrite, Effect: faultfs.EffectShort, Part: faultfs.PartAllButOne},
		{Kind: faultfs.KindRead, Effect: faultfs.EffectShort, Part: faultfs.PartHalf},
		{Kind: faultfs.KindRead, Effect: faultfs.EffectEOF, Part: faultfs.PartHalf},
	} {
		for _, start := range []string{"new", "clean", "unclean"} {
			for _, dataFsync := range []bool{false, true} {
				n := shortCalls(t, fault, start, dataFsync)
				require.Greater(t, n, 2, "%v: too few calls", fault)
			}
		}
	}
}

// shortCalls strikes each call in turn and tells how many there are.
func shortCalls(t *testing.T, fault faultfs.Fault, start string, dataFsync bool) int {
	t.Helper()
	for n := 1; ; n++ {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		before := map[string]string{}
		if start != "new" {
			var err error
			before, err = session(disk, "before ", dataFsync)
			require.NoError(t, err)
		}
		if start == "unclean" {
			db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, NoDataFsync: true, LockWait: -1})
			mustPut(t, db, before, "b", "not closed")
			disk = disk.State().Kill()
			_ = db.Close() // of the old disk
		}
		fault.N = n
		disk.Inject(faultfs.Plan{fault})
		acked, err := session(disk, "after ", dataFsync)
		struck := disk.Fired()[0] > 0
		disk.Inject(nil)
		if !struck {
			require.NoError(t, err)
			return n - 1
		}
		var path *fs.PathError
		var errno syscall.Errno
		if err != nil && !errors.Is(err, quiver.ErrCorrupt) && !errors.Is(err, quiver.ErrPoisoned) && !errors.As(err, &path) && !errors.As(err, &errno) {
			t.Errorf("%v, %s: %v is of no documented type", fault, start, err)
		}
		if start == "new" && len(acked) == 0 {
			if err := quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}); !errors.Is(err, quiver.ErrExists) {
				require.NoError(t, err, "%v", fault)
			}
		}
		db, err := quiver.Open("/db", &quiver.Options{FS: disk.State().Crash(faultfs.None()), Inline: true, LockWait: -1})
		require.NoError(t, err, "%v, %s: after a power cut", fault, start)
		for key, old := range before {
			if _, ok := acked[key]; !ok {
				acked[key] = old
			}
		}
		for key, want := range acked {
			got, found, err := db.Get([]byte(key))
			require.NoError(t, err, "%v, %s: %q", fault, start, key)
			require.True(t, found, "%v, %s: %q", fault, start, key)
			if string(got) != want && string(got) != "after "+key && string(got) != blob("after "+key, 9000) {
				t.Errorf("%v, %s: %q is %.20q, want %.20q", fault, start, key, got, want)
			}
		}
		report, err := db.Check(context.Background(), quiver.CheckOptions{})
		require.NoError(t, err)
		require.Empty(t, report.Findings, "%v, %s", fault, start)
		require.NoError(t, db.Close())
	}
}

// A page that was read once, changed, and left the cache is read again: a read that
// is short, without an error or with the end of the file, must not give what an
// earlier one has left in memory.
func TestShortReadOfAPageThatWasReadBefore(t *testing.T) {
	for _, fault := range []faultfs.Fault{
		{Effect: faultfs.EffectShort, Bytes: 1}, // what all pages begin with
		{Effect: faultfs.EffectShort, Part: faultfs.PartHalf},
		{Effect: faultfs.EffectShort, Part: faultfs.PartAllButOne},
		{Effect: faultfs.EffectEOF, Part: faultfs.PartHalf},
		{Effect: faultfs.EffectEOF},
	} {
		disk := faultfs.New(faultfs.Options{})
		must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 1}))
		db := mustOpen(t, "/db", quiver.Options{FS: disk, Inline: true, LockWait: -1, PageCachePages: -1})
		want := pairs{}
		for i := range 12 {
			mustPut(t, db, want, string(rune('a'+i)), blob("first", 900))
		}
		must(t, db.Checkpoint())
		mustHold(t, db, want)
		for key := range want {
			mustPut(t, db, want, key, blob("second", 900))
			must(t, db.Checkpoint())
		}
		// Of the many keys some lead to pages that only their reads can have told.
		fault.Kind, fault.Class, fault.Sticky = faultfs.KindRead, faultfs.ClassSeg, true
		disk.Inject(faultfs.Plan{fault})
		for key, value := range want {
			got, found, err := db.Get([]byte(key))
			if err == nil && (!found || string(got) != value) {
				t.Errorf("%v: %q: %d bytes, found %v", fault, key, len(got), found)
			}
		}
		require.Positive(t, disk.Fired()[0])
		disk.Inject(nil)
		mustHold(t, db, want)
		must(t, db.Close())
	}
}
