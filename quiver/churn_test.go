package quiver_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// churnKeys is how many keys TestChurn works on; the race detector, which is ten
// times slower, gets a fifth of them unless told otherwise.
var churnKeys = flag.Int("churn.keys", 0, "keys of TestChurn; 0 = 100000, with the race detector 20000")

const (
	churnWriters = 8
	churnBlock   = 25 // keys of a batch
)

// churner owns keys, in blocks. Its batch n replaces one block and stores n
// beside it, so n tells everything about its keys: what a state holds of a writer
// is right if and only if it is what the batches up to the stored n leave.
type churner struct {
	id           int
	blocks       uint64
	begun, acked atomic.Uint64
}

func (c *churner) key(i uint64) []byte { return fmt.Appendf(nil, "writer %d key %06d", c.id, i) }
func (c *churner) counter() []byte     { return fmt.Appendf(nil, "writer %d", c.id) }

// block is the one that batch n replaces: each round visits all, from another one on.
func (c *churner) block(n uint64) uint64 { return (n%c.blocks + n/c.blocks*7) % c.blocks }

// last is the last batch up to n that replaced a block; ok is false if there is none.
func (c *churner) last(block, n uint64) (last uint64, ok bool) {
	for round := n / c.blocks; ; round-- {
		last = round*c.blocks + (block+c.blocks-round*7%c.blocks)%c.blocks
		if last <= n && last > 0 {
			return last, true
		}
		if round == 0 {
			return 0, false
		}
	}
}

// value is what batch n makes of a key: nil if it deletes it. One of a hundred is
// long.
func (c *churner) value(i, n uint64) []byte {
	rng := rand.New(rand.NewPCG(n, i<<8|uint64(c.id)))
	size := 8 + rng.IntN(100)
	switch rng.IntN(100) {
	case 0:
		size = 3000 + rng.IntN(30000)
	case 1, 2, 3, 4, 5, 6, 7, 8, 9:
		return nil
	}
	b := make([]byte, size, size+7)
	for at := 0; at < size; at += 8 {
		binary.LittleEndian.PutUint64(b[at:at+8], rng.Uint64())
	}
	return b
}

func (c *churner) write(db *quiver.DB, n uint64) error {
	var b quiver.Batch
	first := c.block(n) * churnBlock
	for i := first; i < first+churnBlock; i++ {
		if v := c.value(i, n); v != nil {
			b.Put(c.key(i), v)
		} else {
			b.Delete(c.key(i))
		}
	}
	b.Put(c.counter(), binary.BigEndian.AppendUint64(nil, n))
	c.begun.Store(n)
	err := db.Write(&b)
	c.acked.Store(n)
	return err
}

// moment is between which batches of each writer a state was taken.
type moment struct{ low, high [churnWriters]uint64 }

// churn is the world of the test.
type churn struct {
	t       *testing.T
	dir     string
	db      *quiver.DB
	writers []*churner
	reads   atomic.Int64
}

// taken notes between which batches take is called.
func (w *churn) taken(take func() error) moment {
	w.t.Helper()
	var m moment
	for i, c := range w.writers {
		m.low[i] = c.acked.Load()
	}
	must(w.t, take())
	for i, c := range w.writers {
		m.high[i] = c.begun.Load()
	}
	return m
}

// judge reads all of a state: it is exactly what the batches of the writers leave
// up to the ones that it names, which lie within the moment.
func (w *churn) judge(get func(key []byte) ([]byte, bool, error), scan func(func(quiver.Item, error) bool), m moment) error {
	got := make(map[string][]byte, 1<<16)
	for item, err := range scan {
		if err != nil {
			return err
		}
		if _, twice := got[string(item.Key)]; twice {
			return fmt.Errorf("key %q comes twice", item.Key)
		}
		got[string(item.Key)] = item.Value
	}
	for x, c := range w.writers {
		stored := got[string(c.counter())]
		if len(stored) != 8 {
			return fmt.Errorf("writer %d: counter %x", x, stored)
		}
		n := binary.BigEndian.Uint64(stored)
		if n < m.low[x] || n > m.high[x] {
			return fmt.Errorf("writer %d: batch %d, not between %d and %d", x, n, m.low[x], m.high[x])
		}
		delete(got, string(c.counter()))
		for i := range c.blocks * churnBlock {
			var want []byte
			if last, ok := c.last(i/churnBlock, n); ok {
				want = c.value(i, last)
			}
			key := string(c.key(i))
			v, found := got[key]
			if found != (want != nil) || string(v) != string(want) {
				return fmt.Errorf("writer %d, batch %d, key %d: %d bytes instead of %d", x, n, i, len(v), len(want))
			}
			delete(got, key)
			if i%97 == n%97 { // some of them by themselves
				if v, found, err := get([]byte(key)); err != nil || found != (want != nil) || string(v) != string(want) {
					return fmt.Errorf("get: writer %d, batch %d, key %d: %d bytes instead of %d, %w", x, n, i, len(v), len(want), err)
				}
			}
		}
	}
	for key := range got {
		return fmt.Errorf("key %q should not be there", key)
	}
	w.reads.Add(1)
	return nil
}

// Eight writers churn keys, long values among them, while four snapshots are
// taken, read in full again and again, and ended, and three backups are made and
// restored: every read is exactly what had been written at its moment.
func TestChurn(t *testing.T) {
	t.Parallel()
	keys := *churnKeys
	if keys == 0 {
		keys = 100000
		if raceDetector {
			keys = 20000
		}
	}
	w := &churn{t: t, dir: t.TempDir()}
	path := filepath.Join(w.dir, "db")
	must(t, quiver.Init(path, quiver.InitOptions{Buckets: 1024}))
	w.db = mustOpen(t, path, quiver.Options{NoDataFsync: true, LogBytes: 8 << 20, PageCachePages: 2048})
	for id := range churnWriters {
		w.writers = append(w.writers, &churner{id: id, blocks: uint64(keys / churnWriters / churnBlock)})
	}
	var stop atomic.Bool
	var busy, loaded sync.WaitGroup
	loaded.Add(churnWriters)
	for _, c := range w.writers {
		busy.Go(func() {
			all := sync.OnceFunc(loaded.Done)
			defer all()
			for n := uint64(1); !stop.Load(); n++ {
				if err := c.write(w.db, n); err != nil {
					t.Error(err)
					return
				}
				if n == c.blocks {
					all()
				}
			}
		})
	}
	loaded.Wait()
	begun := time.Now()
	w.observe()
	stop.Store(true)
	busy.Wait()
	batches := uint64(0)
	for _, c := range w.writers {
		batches += c.acked.Load()
	}
	now := w.taken(func() error { return nil })
	must(t, w.judge(w.db.Get, w.db.Scan(quiver.ScanOptions{}), now))
	mustCheck(t, w.db, false)
	must(t, w.db.Close())
	t.Logf("%d keys, %d batches, %d states read in full, %v beside the writers", keys, batches, w.reads.Load(), time.Since(begun).Round(time.Millisecond))
}

// observe takes snapshots and backups in turn. A snapshot is read at once, beside
// those before it, and lives until two more have been taken.
func (w *churn) observe() {
	t := w.t
	var reading sync.WaitGroup
	defer reading.Wait()
	var since *uint64
	for i := range 4 {
		var sn *quiver.Snapshot
		m := w.taken(func() (err error) { sn, err = w.db.Snapshot(); return err })
		var enough atomic.Bool
		reading.Go(func() {
			for round := 0; round < 3 || !enough.Load() && round < 6; round++ {
				if err := w.judge(sn.Get, sn.Scan(quiver.ScanOptions{}), m); err != nil {
					t.Errorf("snapshot %d, read %d: %v", i, round, err)
					break
				}
			}
			must(t, sn.Close())
		})
		if i == 3 {
			break
		}
		since = w.backUp(i, since)
		enough.Store(true)
	}
}

// backUp makes a backup, a full one first and then over the last one, restores
// it, and reads what it gives.
func (w *churn) backUp(i int, since *uint64) *uint64 {
	t := w.t
	t.Helper()
	dir, to := filepath.Join(w.dir, fmt.Sprint("backup ", i)), filepath.Join(w.dir, "copy")
	var info quiver.BackupInfo
	m := w.taken(func() (err error) {
		info, err = w.db.Backup(context.Background(), dir, quiver.BackupOptions{Since: since})
		return err
	})
	_, err := quiver.Restore(context.Background(), to, dir, quiver.RestoreOptions{Verify: i == 2})
	must(t, err)
	copied := mustOpenReadOnly(t, to, quiver.Options{})
	require.Equal(t, info.LSN, copied.LastLSN())
	if err := w.judge(copied.Get, copied.Scan(quiver.ScanOptions{}), m); err != nil {
		t.Errorf("backup %d: %v", i, err)
	}
	must(t, copied.Close())
	return &info.LSN
}
