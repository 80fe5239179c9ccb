package quiver_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// A value that is handed to the function of an Update may not be durable yet. The
// call must not return before it is, also when it stores nothing: its caller
// could tell of what a power cut undoes, and what a get does not show yet.
func TestFailedUpdateWaitsForWhatItSaw(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		value []byte
		err   error
		want  error
	}{
		"fn fails":                  {err: boom, want: boom},
		"fn gives too long a value": {value: make([]byte, 200_000), want: quiver.ErrTooLarge},
	} {
		for _, syncFails := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sync fails %t", name, syncFails), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					failedUpdate(t, syncFails, func([]byte) ([]byte, error) { return c.value, c.err }, c.want)
				})
			})
		}
	}
}

func failedUpdate(t *testing.T, syncFails bool, fn func(old []byte) ([]byte, error), want error) {
	var hang atomic.Bool
	release := make(chan struct{})
	disk := faultfs.New(faultfs.Options{NoReads: true, Before: func(c faultfs.Call) {
		if c.Kind&kindSync != 0 && faultfs.ClassOf(c.Path) == faultfs.ClassWAL && hang.CompareAndSwap(true, false) {
			<-release
		}
	}})
	key := []byte("key")
	o := quiver.Options{FS: disk, Inline: true, NoDataFsync: true, LockWait: -1, MaxBatchBytes: 25 * 4096}
	db := openFresh(t, o, "/db", 1)
	must(t, db.Put(key, []byte("durable")))

	put, updated := make(chan error, 1), make(chan error, 1)
	hang.Store(true)
	if syncFails {
		disk.Inject(faultfs.Plan{{Kind: kindSync, Class: faultfs.ClassWAL}})
	}
	go func() { put <- db.Put(key, []byte("on its way")) }()
	synctest.Wait() // the put stands in its sync
	seen := ""
	go func() {
		updated <- db.Update(key, func(old []byte, _ bool) ([]byte, error) {
			seen = string(old)
			return fn(old)
		})
	}()
	synctest.Wait()
	select {
	case err := <-updated:
		t.Errorf("Update has returned %v after it saw %q, which is not durable", err, seen)
		updated <- err
	default:
	}
	close(release)
	require.Equal(t, syncFails, <-put != nil)
	require.ErrorIs(t, <-updated, want)
	require.Equal(t, "on its way", seen)
	value, _, err := db.Get(key)
	must(t, err)
	if syncFails {
		require.Equal(t, "durable", string(value))
		require.ErrorIs(t, db.Close(), quiver.ErrPoisoned)
		return
	}
	require.Equal(t, seen, string(value))
	must(t, db.Close())
}
