package quiver_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// read asks for one key in all ways.
func (m *machine) read(t *rapid.T) {
	key := m.s.key(t)
	for _, kind := range []model.Kind{model.Get, model.Has} {
		o := model.Op{Kind: kind, Key: key}
		r, err := execute(m.db, o)
		require.NoError(t, err)
		m.agree(t, o, r)
	}
	dst := make([]byte, 3, rapid.IntRange(3, 100).Draw(t, "capacity"))
	got, found, err := m.db.AppendGet(dst, []byte(key))
	require.NoError(t, err)
	want, there := m.ref.Seen()[key]
	require.Equal(t, there, found)
	require.True(t, bytes.Equal(got, append([]byte{0, 0, 0}, want...)), "AppendGet of %q", key)
}

// scan draws the options of a scan.
func (m *machine) scan(t *rapid.T) {
	o := quiver.ScanOptions{
		Prefix:   []byte(rapid.SampledFrom(prefixes).Draw(t, "prefix")),
		Sorted:   rapid.Bool().Draw(t, "sorted"),
		KeysOnly: rapid.Bool().Draw(t, "keys only"),
		Limit:    rapid.SampledFrom([]int{0, 1, 5}).Draw(t, "limit"),
	}
	t.Logf("scan %+v", o)
	all := m.ref.Seen().Keys(string(o.Prefix))
	var keys []string
	for item, err := range m.db.Scan(o) {
		require.NoError(t, err)
		keys = append(keys, string(item.Key))
		want, there := m.ref.Seen()[string(item.Key)]
		require.True(t, there, "scan gives %q", item.Key)
		if o.KeysOnly {
			require.Nil(t, item.Value)
		} else {
			require.NotNil(t, item.Value)
			require.True(t, string(item.Value) == want, "scan gives another value of %q", item.Key)
		}
	}
	n := len(all)
	if o.Limit > 0 {
		n = min(n, o.Limit)
	}
	require.Len(t, keys, n)
	switch {
	case o.Sorted:
		require.Equal(t, all[:n], append([]string{}, keys...))
	case o.Limit == 0:
		slices.Sort(keys)
		require.Equal(t, all, append([]string{}, keys...))
	}
	m.scanSlices(t, string(o.Prefix))
}

func (m *machine) scanSlices(t *rapid.T, prefix string) {
	pairs := func(items []quiver.Item, err error) model.State {
		require.NoError(t, err)
		s := model.State{}
		for _, item := range items {
			s[string(item.Key)] = string(item.Value)
		}
		require.Len(t, s, len(items), "a key twice")
		return s
	}
	require.Empty(t, model.Diff(pairs(m.db.ScanAll()), m.ref.Seen()))
	_, want := model.Apply(m.ref.Seen(), model.Op{Kind: model.Scan, Key: prefix})
	require.Empty(t, model.Diff(pairs(m.db.ScanPrefix([]byte(prefix))), want.Pairs))
	if len(m.ref.Seen()) > 0 {
		for _, err := range m.db.Scan(quiver.ScanOptions{}) {
			require.NoError(t, err)
			break // a scan may be left early
		}
	}
}

// readOnlyBeside: the lock keeps a second handle out; on the same disk after the
// death of the writer a read-only handle shows a legal state and changes nothing.
func (m *machine) readOnlyBeside(t *rapid.T) {
	t.Log("read-only beside")
	_, err := quiver.OpenReadOnly(dbDir, m.k.on(m.disk))
	require.ErrorIs(t, err, quiver.ErrLocked)

	disk := m.disk.Snapshot()
	before := contentOf(t, disk)
	db, err := quiver.OpenReadOnly(dbDir, m.k.on(disk))
	require.NoError(t, err)
	defer db.Close()
	content, err := scanAll(db, quiver.ScanOptions{})
	require.NoError(t, err)
	acked, started := m.ref.Bounds()
	if _, ok := m.ref.Find(content, acked, started); !ok {
		t.Fatalf("read-only: %s", m.ref.Explain(content, acked, started))
	}
	key := m.s.key(t)
	value, found, err := db.Get([]byte(key))
	require.NoError(t, err)
	want, there := content[key]
	require.True(t, found == there && string(value) == want, "Get and Scan differ about %q", key)
	require.GreaterOrEqual(t, db.LastLSN(), m.lsn)
	checkFindings(t, db, false)
	require.ErrorIs(t, db.Put([]byte(key), nil), quiver.ErrReadOnly)
	require.ErrorIs(t, db.Checkpoint(), quiver.ErrReadOnly)
	second, err := quiver.OpenReadOnly(dbDir, m.k.on(disk))
	require.NoError(t, err, "readers share the lock")
	require.NoError(t, second.Close())
	require.NoError(t, db.Close())
	require.Equal(t, before, contentOf(t, disk), "a read-only handle changed a file")
}

// contentOf is every file of a disk but the lock, which readers may make.
func contentOf(t *rapid.T, disk *faultfs.FS) map[string]string {
	files := map[string]string{}
	for _, path := range disk.List() {
		if faultfs.ClassOf(path) == faultfs.ClassLock {
			continue
		}
		data, err := disk.ReadFile(path)
		require.NoError(t, err)
		files[path] = string(data)
	}
	return files
}

// A reader that stands long at an old state keeps versions of pages alive. They
// are for it alone: a get beside it must never be given one of them.
func TestGetsDoNotGoBackBesideALongScan(t *testing.T) {
	db := openFresh(t, quiver.Options{FS: vfs.NewMem(), NoDataFsync: true, LockWait: -1}, dbDir, 1)
	key := []byte("k")
	put := func(n uint64) error {
		var b quiver.Batch
		b.Put(key, binary.BigEndian.AppendUint64(nil, n))
		return db.WriteNoSync(&b)
	}
	require.NoError(t, put(0))
	var acked atomic.Uint64
	var stop atomic.Bool
	var readers, scans sync.WaitGroup
	scans.Go(func() {
		for !stop.Load() {
			for range db.Scan(quiver.ScanOptions{}) {
				for from := acked.Load(); acked.Load() < from+50 && !stop.Load(); {
					runtime.Gosched()
				}
			}
		}
	})
	for range 3 {
		readers.Go(func() {
			for !stop.Load() {
				least := acked.Load()
				value, found, err := db.Get(key)
				if err != nil || !found || binary.BigEndian.Uint64(value) < least {
					t.Errorf("after %d: got %x, %v, %v", least, value, found, err)
					stop.Store(true)
				}
			}
		})
	}
	for n := uint64(1); n <= 20_000 && !stop.Load(); n++ {
		if err := put(n); err != nil {
			t.Error(err)
			break
		}
		acked.Store(n)
	}
	stop.Store(true)
	readers.Wait()
	scans.Wait()
	require.NoError(t, db.Close())
}
