package quiver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

func stats(t *testing.T, db *quiver.DB) quiver.Stats {
	t.Helper()
	s, err := db.Stats()
	must(t, err)
	return s
}

func TestStatsThroughASession(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, Inline: true, NoDataFsync: true, LockWait: -1}
	must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, PageSize: 8192, Buckets: 3}))
	db := mustOpen(t, "/db", o)
	s := stats(t, db)
	if s.PageSize != 8192 || s.Buckets != 3 || !s.Clean || s.Unclean || s.Poisoned || s.LastLSN != 0 || s.NextPageID != 0 || s.Segments != 1 || s.SegmentBytes != 0 || s.LogBytes != 16 {
		t.Errorf("new: %+v", s)
	}
	want := pairs{}
	for i := range 20 {
		mustPut(t, db, want, fmt.Sprintf("key %d", i), blob("v", 2000))
	}
	mustPut(t, db, want, "long", blob("long", 30000))
	s = stats(t, db)
	log, err := disk.ReadFile("/db/wal-000001.log")
	must(t, err)
	segment, err := disk.ReadFile(segmentPath)
	must(t, err)
	if s.Clean || s.LastLSN == 0 || s.HighestLSN < s.LastLSN || s.DirtyPages == 0 || s.LogRecords != int(s.LastLSN) ||
		s.LogBytes != int64(len(log)) || s.SegmentBytes != int64(len(segment)) || s.NextPageID == 0 || s.PageReads != 0 ||
		int64(s.NextPageID+s.ReservedPages)*8192 != s.SegmentBytes {
		t.Errorf("after puts: %+v, log %d, segment %d", s, len(log), len(segment))
	}
	must(t, db.Checkpoint())
	lsn := s.LastLSN
	if s = stats(t, db); s.LogRecords != 0 || s.DirtyPages != 0 || s.Checkpoints != 1 || s.LastLSN != lsn {
		t.Errorf("after a checkpoint: %+v", s)
	}
	mustDelete(t, db, want, "long")
	if s = stats(t, db); s.FreePages != 4 || s.LastLSN <= lsn {
		t.Errorf("after a delete: %+v", s)
	}
	killed := disk.Snapshot()
	must(t, db.Close())

	db = mustOpen(t, "/db", o)
	if s = stats(t, db); !s.Clean || s.Unclean || s.RecountDue || s.LogBytes != 16 || s.CachedPages != 0 {
		t.Errorf("after a clean close: %+v", s)
	}
	mustHold(t, db, want)
	if s = stats(t, db); s.PageReads == 0 || s.CachedPages != int(s.PageReads) || s.LocatorBytes == 0 {
		t.Errorf("after reading: %+v", s)
	}
	must(t, db.Close())

	o.FS = killed
	reader := mustOpenReadOnly(t, "/db", o)
	if s = stats(t, reader); s.Clean || !s.Unclean || s.LogRecords != int(s.LastLSN-lsn) {
		t.Errorf("reader of an unclean database: %+v", s)
	}
	must(t, reader.Close())
	db = mustOpen(t, "/db", o)
	if s = stats(t, db); s.Clean || !s.Unclean || !s.RecountDue || s.FreePages != 0 {
		t.Errorf("after a crash: %+v", s)
	}
	if n, err := db.Recount(t.Context(), nil); err != nil || n < 4 {
		t.Errorf("recount: %d, %v", n, err)
	}
	if s = stats(t, db); s.RecountDue || s.FreePages < 4 {
		t.Errorf("after a recount: %+v", s)
	}
	must(t, db.Close())
}

func TestStatsOfAPoisonedHandle(t *testing.T) {
	disk, o, want := newHandle(t)
	db := mustOpen(t, "/db", o)
	plan, err := faultfs.ParsePlan("sync|syncdata/wal#1+:EIO")
	must(t, err)
	disk.Inject(plan)
	if err := db.Put([]byte("k"), []byte("v")); !errors.Is(err, quiver.ErrPoisoned) {
		t.Fatalf("put: %v", err)
	}
	if s := stats(t, db); !s.Poisoned {
		t.Errorf("%+v", s)
	}
	mustHold(t, db, want)
	if err := db.Close(); !errors.Is(err, quiver.ErrPoisoned) {
		t.Errorf("close: %v", err)
	}
}

// The names in JSON are what scripts read.
func TestStatsNames(t *testing.T) {
	names := func(v any) (list []string) {
		b, err := json.Marshal(v)
		must(t, err)
		var m map[string]any
		must(t, json.Unmarshal(b, &m))
		for k := range m {
			list = append(list, k)
		}
		slices.Sort(list)
		return list
	}
	for _, name := range []string{"page_size", "buckets", "last_lsn", "next_page_id", "free_pages", "segments", "log_bytes", "clean", "poisoned"} {
		if !slices.Contains(names(quiver.Stats{}), name) {
			t.Errorf("stats have no %s: %v", name, names(quiver.Stats{}))
		}
	}
	want := []string{"findings", "dead_bytes", "free_pages", "key_bytes", "kv_pages", "long_values", "longest_chain", "orphan_pages", "overflow_pages", "pages", "pairs", "shadowed_pairs", "snapshot_pages", "used_buckets", "value_bytes"}
	slices.Sort(want)
	if got := names(quiver.CheckReport{}); !slices.Equal(got, want) {
		t.Errorf("check report: %v", got)
	}
	if got := names(quiver.Finding{}); !slices.Equal(got, []string{"file", "message", "offset", "page", "severity"}) {
		t.Errorf("finding: %v", got)
	}
}

// What is counted is what the raw bytes hold.
func TestUsage(t *testing.T) {
	for _, size := range []int{4096, 32768} {
		disk := faultfs.New(faultfs.Options{NoReads: true})
		o := quiver.Options{FS: disk, Inline: true, NoDataFsync: true}
		must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, PageSize: size, Buckets: 5}))
		db := mustOpen(t, "/db", o)
		want, longs := pairs{}, int64(0)
		for i := range 100 {
			key := fmt.Sprintf("key %d", i)
			mustPut(t, db, want, key, blob(key, i*size/40))
		}
		for i := range 30 {
			mustDelete(t, db, want, fmt.Sprintf("key %d", 3*i))
		}
		must(t, db.Close())
		raw := mustBeClean(t, disk, "/db", want)
		var keyBytes, valueBytes int64
		for k, v := range want {
			keyBytes, valueBytes = keyBytes+int64(len(k)), valueBytes+int64(len(v))
			if len(v) > size/4 {
				longs++
			}
		}
		db = mustOpenReadOnly(t, "/db", o)
		var last quiver.Progress
		u, err := db.Usage(t.Context(), func(p quiver.Progress) { last = p })
		must(t, err)
		if u.Pages != int64(raw.next) || u.KVPages+u.OverflowPages != int64(len(raw.reached)) || u.FreePages != int64(len(raw.free)) ||
			u.OrphanPages != int64(len(raw.orphans())) || u.OrphanPages != 0 || u.ShadowedPairs != 0 {
			t.Errorf("pages: %+v", u)
		}
		if u.Pairs != int64(len(want)) || u.KeyBytes != keyBytes || u.ValueBytes != valueBytes || u.LongValues != longs || u.UsedBuckets != 5 || u.DeadBytes < 0 {
			t.Errorf("pairs: %+v, want %d pairs, %d and %d bytes, %d long", u, len(want), keyBytes, valueBytes, longs)
		}
		if last != (quiver.Progress{Phase: "count", Done: 5, Total: 5}) {
			t.Errorf("progress ended with %+v", last)
		}
		must(t, db.Close())
	}
}

// Walks through the whole database can be ended, and two of them would count
// wrongly: the second is refused.
func TestWalksOneAtATime(t *testing.T) {
	disk, o, want := newHandle(t)
	db := mustOpen(t, "/db", o)
	ended, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	for name, walk := range map[string]func(context.Context, func(quiver.Progress)) error{
		"check": func(ctx context.Context, p func(quiver.Progress)) error {
			_, err := db.Check(ctx, quiver.CheckOptions{Progress: p})
			return err
		},
		"usage":   func(ctx context.Context, p func(quiver.Progress)) error { _, err := db.Usage(ctx, p); return err },
		"recount": func(ctx context.Context, p func(quiver.Progress)) error { _, err := db.Recount(ctx, p); return err },
	} {
		if err := walk(ended, nil); !errors.Is(err, cause) {
			t.Errorf("%s with an ended context: %v", name, err)
		}
		called := 0
		must(t, walk(t.Context(), func(p quiver.Progress) {
			if p.Done == p.Total {
				return // the walk is over
			}
			called++
			for other, do := range map[string]func() error{
				"check":   func() error { _, err := db.Check(t.Context(), quiver.CheckOptions{}); return err },
				"usage":   func() error { _, err := db.Usage(t.Context(), nil); return err },
				"recount": func() error { _, err := db.Recount(t.Context(), nil); return err },
			} {
				if err := do(); !errors.Is(err, quiver.ErrRecounting) {
					t.Errorf("%s during %s: %v, want ErrRecounting", other, name, err)
				}
			}
			// Reads and writes go on meanwhile.
			mustPut(t, db, want, "meanwhile "+name, blob(name, 6000*called))
			mustHold(t, db, want)
		}))
		if called == 0 {
			t.Errorf("%s told no progress", name)
		}
	}
	mustCheck(t, db, true)
	must(t, db.Close())
	if list := mustBeClean(t, disk, "/db", want).orphans(); len(list) > 0 {
		t.Errorf("orphans: %v", list)
	}
}
