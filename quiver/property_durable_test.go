package quiver_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

const manyWriters = 64

// TestManyWritersLoseNothing: what each of many goroutines was told to be
// durable is there after a crash at any moment; the one call in which the crash
// found it may be, as a whole.
func TestManyWritersLoseNothing(t *testing.T) {
	for round := range rounds(25) {
		rng := rand.New(rand.NewPCG(uint64(round), 8))
		disk := unevenDisk(uint64(round))
		o := concurrentOptions(rng, disk)
		db := openFresh(t, o, dbDir, 1+rng.IntN(16))
		disk.StopAfter(disk.Seq() + rng.IntN(1200))
		acked := make([]int, manyWriters)
		var wg sync.WaitGroup
		for w := range acked {
			wg.Go(func() { acked[w] = putUntilCrash(t, db, w) })
		}
		wg.Wait()
		lsn := db.LastLSN()
		_ = db.Close()
		o.FS = disk.State().Crash(randomSelection(disk.State(), rng))
		db, err := quiver.Open(dbDir, &o)
		require.NoError(t, err, "round %d", round)
		require.GreaterOrEqual(t, db.LastLSN(), lsn)
		content, err := scanAll(db, quiver.ScanOptions{})
		require.NoError(t, err)
		for w, n := range acked {
			requireWriter(t, content, w, n)
		}
		require.NoError(t, db.Close())
	}
}

// putUntilCrash numbers its writes, an even one a batch over two keys, and gives
// the last that was acknowledged.
func putUntilCrash(t *testing.T, db *quiver.DB, w int) int {
	for n := 1; ; n++ {
		value := []byte(strconv.Itoa(n))
		b := &quiver.Batch{}
		b.Put(fmt.Appendf(nil, "%d", w), value)
		b.Put(fmt.Appendf(nil, "%d also", w), value)
		var err error
		if n%2 == 0 {
			err = db.Write(b)
		} else {
			err = db.Put(fmt.Appendf(nil, "%d", w), value)
		}
		if err != nil {
			if !errors.Is(err, faultfs.ErrCrashed) {
				t.Errorf("writer %d: %v", w, err)
			}
			return n - 1
		}
	}
}

// requireWriter: the newest write of a writer that is there is the last one that
// was acknowledged or the one after it, with all of its keys.
func requireWriter(t *testing.T, content map[string]string, w, acked int) {
	t.Helper()
	number := func(key string) int {
		n, err := strconv.Atoi(content[key])
		if content[key] == "" {
			return 0
		}
		require.NoError(t, err)
		return n
	}
	n := number(fmt.Sprint(w))
	require.Contains(t, []int{acked, acked + 1}, n, "writer %d", w)
	require.Equal(t, n/2*2, number(fmt.Sprintf("%d also", w)), "writer %d: a batch in part", w)
}
