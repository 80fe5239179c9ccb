package quiver_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// pageReads are the most reads of segments that single calls made.
type pageReads struct{ Hit, Miss, Overwrite, NewKey, Delete int }

// TestLongChainCostsNoMoreReads: once a bucket was touched, a get, a miss and a
// write that finds room on its page read one page at most, whether the chain has
// one page or five hundred.
func TestLongChainCostsNoMoreReads(t *testing.T) {
	short := readsOfChain(t, 1)
	long := readsOfChain(t, 500)
	t.Logf("most reads of a call: %+v", long)
	assert.Equal(t, short, long)
	assert.LessOrEqual(t, max(long.Hit, long.Miss, long.Overwrite, long.NewKey, long.Delete), 1)
}

const (
	chainValue = 370 // ten records fill a page of 4096 bytes
	chainCalls = 2   // of each kind; each on pages of its own where there are many
)

// readsOfChain makes a chain of so many pages, of which the last is half full.
func readsOfChain(t *testing.T, pages int) pageReads {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, PageCachePages: -1, Inline: true, NoDataFsync: true, LockWait: -1}
	db := openFresh(t, o, dbDir, 1)
	keys := pages*10 - 5
	b := &quiver.Batch{}
	for i := range keys {
		b.Put(chainKey(i), make([]byte, chainValue))
	}
	require.NoError(t, db.Write(b))
	require.NoError(t, db.Close())

	db, err := quiver.Open(dbDir, &o)
	require.NoError(t, err)
	u, err := db.Usage(t.Context(), nil)
	require.NoError(t, err)
	require.EqualValues(t, pages, u.LongestChain)
	_, err = db.Has(chainKey(0)) // the first touch reads the chain
	require.NoError(t, err)

	most := func(call func(i int) error) (most int) {
		for i := range chainCalls {
			before := disk.Count(faultfs.KindRead, faultfs.ClassSeg)
			require.NoError(t, call(i))
			most = max(most, disk.Count(faultfs.KindRead, faultfs.ClassSeg)-before)
			// What a write left in memory would spare later reads.
			require.NoError(t, db.Checkpoint())
		}
		return most
	}
	old := func(i int) []byte { return chainKey(i * keys / 5) }
	r := pageReads{
		Hit: most(func(i int) error {
			value, found, err := db.Get(old(i))
			require.True(t, found && len(value) == chainValue)
			return err
		}),
		Miss: most(func(i int) error {
			_, found, err := db.Get(fmt.Appendf(nil, "no such key %d", i))
			require.False(t, found)
			return err
		}),
		Overwrite: most(func(i int) error { return db.Put(old(i), []byte("new")) }),
		NewKey:    most(func(i int) error { return db.Put(fmt.Appendf(nil, "new %d", i), make([]byte, chainValue)) }),
		Delete: most(func(i int) error {
			existed, err := db.Delete(old(2 + i))
			require.True(t, existed)
			return err
		}),
	}
	require.NoError(t, db.Close())
	return r
}

func chainKey(i int) []byte { return fmt.Appendf(nil, "key %d", i) }
