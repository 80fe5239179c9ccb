package quiver_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// setEnv sets one of the variables and takes the others away.
func setEnv(t *testing.T, name, value string) {
	t.Helper()
	for _, n := range envNames() {
		t.Setenv(n, "")
	}
	if name != "" {
		t.Setenv(name, value)
	}
}

func envNames() []string {
	return []string{"P1_WAL_COALESCE_MS", "P1_DATA_FSYNC", "P1_PAGE_CACHE_PAGES", "P1_OVF_THRESHOLD_BYTES",
		"P1_RH_COMPACT_DEAD_FRAC", "P1_RH_COMPACT_MIN_BYTES", "P1_SNAP_PERSIST", "P1_SNAP_DEDUP", "P1_SNAPSTORE_DIR"}
}

func TestOptionsFromEnv(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        quiver.Options
	}{
		{"", "", quiver.Options{}},
		{"P1_WAL_COALESCE_MS", "7", quiver.Options{WALCoalesce: 7 * time.Millisecond}},
		{"P1_WAL_COALESCE_MS", "0", quiver.Options{WALCoalesce: -1}},
		{"P1_DATA_FSYNC", "0", quiver.Options{NoDataFsync: true}},
		{"P1_DATA_FSYNC", "OFF", quiver.Options{NoDataFsync: true}},
		{"P1_DATA_FSYNC", " no ", quiver.Options{NoDataFsync: true}},
		{"P1_DATA_FSYNC", "False", quiver.Options{NoDataFsync: true}},
		{"P1_DATA_FSYNC", "1", quiver.Options{}},
		{"P1_DATA_FSYNC", "yes", quiver.Options{}},
		{"P1_PAGE_CACHE_PAGES", "100", quiver.Options{PageCachePages: 100}},
		{"P1_PAGE_CACHE_PAGES", "0", quiver.Options{PageCachePages: -1}},
		{"P1_OVF_THRESHOLD_BYTES", "64", quiver.Options{OverflowThreshold: 64}},
		{"P1_OVF_THRESHOLD_BYTES", "0", quiver.Options{OverflowThreshold: -1}},
		{"P1_RH_COMPACT_DEAD_FRAC", "0.5", quiver.Options{CompactDeadFrac: 0.5}},
		{"P1_RH_COMPACT_DEAD_FRAC", "0", quiver.Options{CompactDeadFrac: -1}},
		{"P1_RH_COMPACT_MIN_BYTES", "100", quiver.Options{CompactMinBytes: 100}},
		{"P1_SNAP_PERSIST", "on", quiver.Options{SnapPersist: true}},
		{"P1_SNAP_PERSIST", "off", quiver.Options{}},
		{"P1_SNAP_DEDUP", "true", quiver.Options{SnapDedup: true}},
		{"P1_SNAPSTORE_DIR", "/store", quiver.Options{SnapStoreDir: "/store"}},
	} {
		setEnv(t, c.name, c.value)
		got, err := quiver.OptionsFromEnv()
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s=%q: %+v, %v; want %+v", c.name, c.value, got, err, c.want)
		}
	}
}

// A value that cannot be read is an error that names the variable, here and in
// an open that takes its options from the environment.
func TestOptionsFromEnvRefuse(t *testing.T) {
	disk := faultfs.New(faultfs.Options{})
	bad := map[string][]string{
		"P1_WAL_COALESCE_MS":      {"-1", "3ms", "1.5", "x", "99999999999999999999", "9223372036854775807"},
		"P1_DATA_FSYNC":           {"2", "maybe", "-1", "y"},
		"P1_PAGE_CACHE_PAGES":     {"-1", "many", "1e3", "99999999999"},
		"P1_OVF_THRESHOLD_BYTES":  {"-5", "0x40", "1k"},
		"P1_RH_COMPACT_DEAD_FRAC": {"-0.1", "0.96", "NaN", "Inf", "half", "1"},
		"P1_RH_COMPACT_MIN_BYTES": {"-1", "512b"},
		"P1_SNAP_PERSIST":         {"ja", "10"},
		"P1_SNAP_DEDUP":           {"nope"},
	}
	for name, values := range bad {
		for _, value := range values {
			setEnv(t, name, value)
			_, err := quiver.OptionsFromEnv()
			if !errors.Is(err, quiver.ErrInvalid) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), value) {
				t.Errorf("%s=%q: %v", name, value, err)
			}
			if _, err := quiver.Open("/nowhere", nil); !errors.Is(err, quiver.ErrInvalid) {
				t.Errorf("open with %s=%q: %v", name, value, err)
			}
			if _, err := quiver.OpenReadOnly("/nowhere", nil); !errors.Is(err, quiver.ErrInvalid) {
				t.Errorf("open read-only with %s=%q: %v", name, value, err)
			}
			// Options that are given are not mixed with the environment.
			if _, err := quiver.Open("/nowhere", &quiver.Options{FS: disk}); !errors.Is(err, quiver.ErrNoDatabase) {
				t.Errorf("open with options beside %s=%q: %v", name, value, err)
			}
		}
	}
}

func TestOpenFromEnv(t *testing.T) {
	setEnv(t, "P1_OVF_THRESHOLD_BYTES", "10")
	path := t.TempDir() + "/db"
	must(t, quiver.Init(path, quiver.InitOptions{Buckets: 2}))
	db, err := quiver.Open(path, nil)
	must(t, err)
	must(t, db.Put([]byte("k"), []byte("more than ten bytes")))
	u, err := db.Usage(t.Context(), nil)
	must(t, err)
	if u.LongValues != 1 {
		t.Errorf("%+v: the threshold of the environment has no effect", u)
	}
	must(t, db.Close())
}

func TestOptionsThatHaveNoMeaning(t *testing.T) {
	disk, o, _ := newHandle(t)
	for _, change := range []func(*quiver.Options){
		func(o *quiver.Options) { o.CompactDeadFrac = 0.96 },
		func(o *quiver.Options) { o.LogBytes = -1 },
		func(o *quiver.Options) { o.LogChunkBytes = -1 },
		func(o *quiver.Options) { o.MaxBatchBytes = -1 },
		func(o *quiver.Options) { o.NoSyncBytes = -1 },
		func(o *quiver.Options) { o.ReservePages = -1 },
	} {
		bad := o
		change(&bad)
		seq := disk.Seq()
		if _, err := quiver.Open("/db", &bad); !errors.Is(err, quiver.ErrInvalid) || disk.Seq() != seq {
			t.Errorf("%+v: %v, %d calls", bad, err, disk.Seq()-seq)
		}
	}
}

// Options are copied: what the caller does with them later has no effect.
func TestOptionsAreCopied(t *testing.T) {
	_, o, want := newHandle(t)
	db, err := quiver.Open("/db", &o)
	must(t, err)
	o.FS, o.LogBytes, o.Inline = nil, -5, false
	mustPut(t, db, want, "k", "v")
	mustHold(t, db, want)
	must(t, db.Close())
}

// Every size, also the smallest, works; it is a matter of speed.
func TestExtremeOptions(t *testing.T) {
	for name, o := range map[string]quiver.Options{
		"smallest": {PageCachePages: 1, LocatorBytes: 1, OverflowThreshold: 1, LogBytes: 1, LogChunkBytes: 1, ReservePages: 1, NoSyncBytes: 1, MaxBatchBytes: 32 << 10},
		"none":     {PageCachePages: -1, LocatorBytes: -1, OverflowThreshold: -1, CompactDeadFrac: -1, CompactMinBytes: -1, WALCoalesce: -1, LockWait: -1},
		"largest":  {PageCachePages: 1 << 40, LocatorBytes: 1 << 60, OverflowThreshold: 1 << 40, LogBytes: 1 << 60, MaxBatchBytes: 1 << 60, NoSyncBytes: 1 << 60, CompactDeadFrac: 0.95, CompactMinBytes: 1 << 40},
	} {
		for _, inline := range []bool{false, true} {
			disk := faultfs.New(faultfs.Options{NoReads: true})
			o.FS, o.Inline, o.NoDataFsync = disk, inline, inline
			must(t, quiver.Init("/db", quiver.InitOptions{FS: disk, Buckets: 2}))
			db := mustOpen(t, "/db", o)
			want := pairs{}
			for i := range 60 {
				key := strings.Repeat("k", i%9)
				mustPut(t, db, want, key, blob(name, i*37%3000))
			}
			mustDelete(t, db, want, "kk")
			mustHold(t, db, want)
			must(t, db.Close())
			mustBeClean(t, disk, "/db", want)
			db = mustOpen(t, "/db", o)
			mustHold(t, db, want)
			must(t, db.Close())
		}
	}
}

// The logger hears of what a person should know, and of nothing else.
func TestLogger(t *testing.T) {
	disk, o, _ := newHandle(t)
	var text bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&text, nil))
	db := mustOpen(t, "/db", o)
	must(t, db.Put([]byte("k"), []byte("v")))
	killed := disk.Snapshot()
	must(t, db.Close())
	if text.Len() > 0 {
		t.Errorf("a session without events logs %q", text.String())
	}
	o.FS = killed
	must(t, mustOpen(t, "/db", o).Close())
	if !strings.Contains(text.String(), "recovered") {
		t.Errorf("a recovery logs %q", text.String())
	}
}

func TestProgressAndCancelOfRecovery(t *testing.T) {
	disk, o, want := newHandle(t)
	db := mustOpen(t, "/db", o)
	for i := range 50 {
		mustPut(t, db, want, "k", blob("k", i))
	}
	disk = disk.Snapshot()
	o.FS = disk
	phases := map[string]int64{}
	o.Progress = func(p quiver.Progress) {
		if p.Done < phases[p.Phase] || p.Total > 0 && p.Done > p.Total {
			t.Errorf("progress goes back: %+v", p)
		}
		phases[p.Phase] = p.Done
	}
	reader := mustOpenReadOnly(t, "/db", o)
	must(t, reader.Close())
	if phases["read log"] == 0 || phases["redo"] == 0 {
		t.Errorf("phases %v", phases)
	}
	clear(phases)
	before := disk.Snapshot()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	o.Context = ctx
	if _, err := quiver.Open("/db", &o); !errors.Is(err, cause) {
		t.Errorf("open with an ended context: %v", err)
	}
	sameBytes(t, before, disk)
	if n := disk.Handles() + disk.Locks(); n > 0 {
		t.Errorf("%d files or locks stay open", n)
	}
	o.Context = nil
	db = mustOpen(t, "/db", o)
	mustHold(t, db, want)
	must(t, db.Close())
}
