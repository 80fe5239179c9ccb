package quiver_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

type snapPairs map[string]string

func scanPairs(t *testing.T, scan func(func(quiver.Item, error) bool)) snapPairs {
	got := snapPairs{}
	for it, err := range scan {
		require.NoError(t, err)
		require.NotContains(t, got, string(it.Key), "a key came twice")
		got[string(it.Key)] = string(it.Value)
	}
	return got
}

// snapWorld is a database with live snapshots, and what each of them must show.
type snapWorld struct {
	t       *testing.T
	f       *faultfs.FS
	o       quiver.Options
	rng     *rand.Rand
	db      *quiver.DB
	model   snapPairs
	persist bool
	snaps   []*liveSnapshot
	backups []takenBackup
}

// takenBackup is a backup, what it must restore to, and the one that it goes over.
type takenBackup struct {
	dir  string
	lsn  uint64
	over int // -1: full
	want snapPairs
}

type liveSnapshot struct {
	*quiver.Snapshot
	want snapPairs
}

func newSnapWorld(t *testing.T, seed uint64, persist bool) *snapWorld {
	w := &snapWorld{t: t, f: faultfs.New(faultfs.Options{}), rng: rand.New(rand.NewPCG(seed, 1)), model: snapPairs{}, persist: persist}
	require.NoError(t, quiver.Init("/db", quiver.InitOptions{FS: w.f, Buckets: 1 + int(seed%4)}))
	w.o = quiver.Options{FS: w.f, Inline: true, LogBytes: 40 << 10, ReservePages: 3, NoDataFsync: seed%2 == 0,
		PageCachePages: []int{-1, 4, 0}[seed%3], SnapPersist: persist, SnapDedup: persist && seed%2 == 0}
	w.open()
	return w
}

func (w *snapWorld) open() {
	var err error
	w.db, err = quiver.Open("/db", &w.o)
	require.NoError(w.t, err)
}

// reopen is a clean close or a power cut that loses all that was not synced.
// Only persisted snapshots live on.
func (w *snapWorld) reopen(clean bool) {
	if clean {
		require.NoError(w.t, w.db.Close())
	} else {
		w.f = w.f.State().Crash(faultfs.None())
		w.o.FS = w.f
	}
	w.open()
	if !w.persist {
		w.snaps = nil
		infos, err := w.db.Snapshots()
		require.NoError(w.t, err)
		require.Empty(w.t, infos)
		for _, path := range w.f.List() {
			require.NotContains(w.t, path, "freeze.bin", "files of a dead snapshot stay")
		}
	}
	for _, s := range w.snaps {
		var err error
		s.Snapshot, err = w.db.OpenSnapshot(s.ID())
		require.NoError(w.t, err)
	}
}

func (w *snapWorld) step(i int) {
	key := fmt.Sprintf("k%d", w.rng.IntN(60))
	switch r := w.rng.IntN(20); {
	case r < 10:
		value := strings.Repeat("v", []int{3, 100, 900, 5000}[w.rng.IntN(4)]) + fmt.Sprint(i)
		require.NoError(w.t, w.db.Put([]byte(key), []byte(value)))
		w.model[key] = value
	case r < 14:
		_, err := w.db.Delete([]byte(key))
		require.NoError(w.t, err)
		delete(w.model, key)
	case r == 14:
		var b quiver.Batch
		b.Put([]byte(key), []byte("unsynced"))
		require.NoError(w.t, w.db.WriteNoSync(&b))
		w.model[key] = "unsynced"
		require.NoError(w.t, w.begin())
	case r == 15:
		require.NoError(w.t, w.db.Checkpoint())
	case r == 16:
		require.NoError(w.t, w.begin())
	case r == 17 && len(w.snaps) > 3:
		w.end(w.rng.IntN(len(w.snaps)))
	case r == 18 && w.rng.IntN(4) == 0:
		w.reopen(w.rng.IntN(2) == 0)
	case r == 18:
		w.backUp()
	case r == 19:
		_, err := w.db.Recount(w.t.Context(), nil)
		require.NoError(w.t, err)
	}
}

func (w *snapWorld) begin() error {
	s, err := w.db.Snapshot()
	if err == nil {
		w.snaps = append(w.snaps, &liveSnapshot{s, maps.Clone(w.model)})
	}
	return err
}

// backUp takes a full backup, or one that goes over an earlier one.
func (w *snapWorld) backUp() {
	b := takenBackup{dir: fmt.Sprintf("/backup %d", len(w.backups)), over: w.rng.IntN(len(w.backups)+1) - 1, want: maps.Clone(w.model)}
	o := quiver.BackupOptions{}
	if b.over >= 0 {
		o.Since = &w.backups[b.over].lsn
	}
	info, err := w.db.Backup(w.t.Context(), b.dir, o)
	require.NoError(w.t, err)
	b.lsn = info.LSN
	w.backups = append(w.backups, b)
}

// judgeBackups restores each backup over those that it goes over.
func (w *snapWorld) judgeBackups() {
	for i := range w.backups {
		path := fmt.Sprintf("/restored %d", i)
		var restore func(x int)
		restore = func(x int) {
			if over := w.backups[x].over; over >= 0 {
				restore(over)
			}
			_, err := quiver.Restore(w.t.Context(), path, w.backups[x].dir, quiver.RestoreOptions{FS: w.f, Verify: true})
			require.NoError(w.t, err)
		}
		restore(i)
		db, err := quiver.OpenReadOnly(path, &quiver.Options{FS: w.f})
		require.NoError(w.t, err)
		require.Equal(w.t, w.backups[i].want, scanPairs(w.t, db.Scan(quiver.ScanOptions{})), "backup %d", i)
		require.NoError(w.t, db.Close())
	}
}

func (w *snapWorld) end(x int) {
	require.NoError(w.t, w.snaps[x].Close())
	if w.persist {
		require.NoError(w.t, w.db.RemoveSnapshot(w.snaps[x].ID()))
	}
	w.snaps = append(w.snaps[:x], w.snaps[x+1:]...)
}

func (w *snapWorld) judge(step int) {
	require.Equal(w.t, w.model, scanPairs(w.t, w.db.Scan(quiver.ScanOptions{})), "step %d", step)
	for _, s := range w.snaps {
		require.Equal(w.t, s.want, scanPairs(w.t, s.Scan(quiver.ScanOptions{})), "step %d", step)
		for i := range 60 {
			key := fmt.Sprintf("k%d", i)
			value, found, err := s.Get([]byte(key))
			require.NoError(w.t, err)
			want, has := s.want[key]
			require.Equal(w.t, has, found, "step %d, %s", step, key)
			require.Equal(w.t, want, string(value), "step %d, %s", step, key)
		}
	}
}

func (w *snapWorld) check(strict bool) {
	report, err := w.db.Check(w.t.Context(), quiver.CheckOptions{Strict: strict})
	require.NoError(w.t, err)
	require.Empty(w.t, report.Findings)
}

// TestSnapshotsShowTheirMoment: whatever is written, deleted, freed, reused,
// checkpointed or recounted, and over clean closes and power cuts, a snapshot
// shows what was there when it began; and when all have ended no page is lost.
// Backups restore to what was there when they were taken.
func TestSnapshotsShowTheirMoment(t *testing.T) {
	for seed := range uint64(8) {
		for _, persist := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed=%d/persist=%t", seed, persist), func(t *testing.T) {
				t.Parallel()
				w := newSnapWorld(t, seed, persist)
				for i := range 300 {
					w.step(i)
					if i%10 == 0 {
						w.judge(i)
					}
				}
				w.check(false)
				w.reopen(true)
				w.judge(300)
				for len(w.snaps) > 0 {
					w.end(0)
				}
				_, err := w.db.Recount(t.Context(), nil)
				require.NoError(t, err)
				w.check(true)
				require.NoError(t, w.db.Close())
				w.judgeBackups()
			})
		}
	}
}

// TestEndedSnapshotIsRightOrGone: without protection a snapshot gives what it
// had, or says that it cannot; never other data.
func TestEndedSnapshotIsRightOrGone(t *testing.T) {
	w := newSnapWorld(t, 2, true)
	for i := range 40 {
		w.model[fmt.Sprintf("k%d", i)] = fmt.Sprint(i)
		require.NoError(t, w.db.Put(fmt.Appendf(nil, "k%d", i), fmt.Append(nil, i)))
	}
	require.NoError(t, w.begin())
	id := w.snaps[0].ID()
	require.NoError(t, w.db.Put([]byte("k1"), []byte("kept")))
	require.NoError(t, w.db.EndSnapshot(id))
	s, err := w.db.OpenSnapshot(id)
	require.NoError(t, err)
	require.Equal(t, w.model, scanPairs(t, s.Scan(quiver.ScanOptions{})), "nothing has changed since its end")
	for i := range 40 {
		require.NoError(t, w.db.Put(fmt.Appendf(nil, "k%d", i), []byte("not kept")))
	}
	gone := 0
	for i := range 40 {
		value, found, err := s.Get(fmt.Appendf(nil, "k%d", i))
		if err != nil {
			require.ErrorIs(t, err, quiver.ErrSnapshotGone)
			gone++
			continue
		}
		require.True(t, found)
		require.Equal(t, fmt.Sprint(i), string(value))
	}
	require.NotZero(t, gone)
	require.NoError(t, s.Close())
	require.NoError(t, w.db.Close())
}
