package quiver_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// On a full disk an operation gives the space back that it could not reserve as a
// whole, while pages are written to the same segments in the background. For the
// race detector.
func TestGivingSpaceBackBesideWriteBack(t *testing.T) {
	disk := faultfs.New(faultfs.Options{NoReads: true})
	o := quiver.Options{FS: disk, NoDataFsync: true, WALCoalesce: -1, LogBytes: 8 * 4096, LockWait: -1}
	db := openFresh(t, o, "/db", 4)
	want := pairs{}
	for i := range 8 {
		mustPut(t, db, want, fmt.Sprint("key ", i), "v")
	}
	disk.SetBudget(disk.Used())
	var writers sync.WaitGroup
	writers.Go(func() {
		for range 600 {
			assert.ErrorIs(t, db.Put([]byte("long"), make([]byte, 200_000)), quiver.ErrFull)
		}
	})
	writers.Go(func() {
		for i := range 600 {
			// The other writer may have taken the very space that a checkpoint needs.
			if err := db.Put(fmt.Append(nil, "key ", i%8), []byte("v")); !errors.Is(err, quiver.ErrFull) {
				assert.NoError(t, err)
			}
		}
	})
	writers.Wait()
	mustHold(t, db, want)
	disk.SetBudget(0)
	assert.NoError(t, db.Close())
	mustBeClean(t, disk, "/db", want)
}
