package quiver_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// failingWrite is a batch that fails each time.
type failingWrite struct {
	o    quiver.Options
	full bool // the disk is
	fill func(b *quiver.Batch, absent [][]byte)
	want error
}

// A write that fails leaves nothing in memory, wherever it fails: an application
// that tries again and again must not make its handle larger and slower.
func TestFailedWritesLeaveNothingInMemory(t *testing.T) {
	puts := func(n int) func(*quiver.Batch, [][]byte) {
		return func(b *quiver.Batch, absent [][]byte) {
			for _, key := range absent[:n] {
				b.Put(key, []byte("not to be stored"))
			}
		}
	}
	for name, w := range map[string]failingWrite{
		"pages above the limit": {o: quiver.Options{MaxBatchBytes: 6 * 4096}, fill: puts(20), want: quiver.ErrTooLarge},
		"no space in the log":   {o: quiver.Options{LogBytes: 8 * 4096, LogChunkBytes: 4096}, full: true, fill: puts(10), want: quiver.ErrFull},
		"no space for new pages": {full: true, want: quiver.ErrFull, fill: func(b *quiver.Batch, absent [][]byte) {
			puts(1)(b, absent)
			b.Put(absent[1], make([]byte, 90_000))
		}},
	} {
		t.Run(name, w.repeat)
	}
}

func (w failingWrite) repeat(t *testing.T) {
	const buckets = 20
	disk := faultfs.New(faultfs.Options{NoReads: true})
	w.o.FS, w.o.Inline, w.o.NoDataFsync, w.o.LockWait = disk, true, true, -1
	db := openFresh(t, w.o, "/db", buckets)
	want := pairs{}
	var absent [][]byte
	for bucket := range uint32(buckets) {
		mustPut(t, db, want, inBucket(bucket, buckets, "stored", 0), "v")
		absent = append(absent, []byte(inBucket(bucket, buckets, "absent", 0)))
	}
	if w.full {
		disk.SetBudget(disk.Used())
	}
	var b quiver.Batch
	w.fill(&b, absent)
	memory := func() int64 {
		s, err := db.Stats()
		must(t, err)
		return s.LocatorBytes
	}
	early := int64(0)
	for i := range rounds(2000) {
		if err := db.Write(&b); !errors.Is(err, w.want) || errors.Is(err, quiver.ErrPoisoned) {
			t.Fatalf("write %d: %v, want %v", i, err, w.want)
		}
		if i == 20 {
			early = memory()
		}
	}
	require.Equal(t, early, memory(), "bytes of locators")
	for _, key := range absent {
		found, err := db.Has(key)
		must(t, err)
		require.False(t, found)
	}
	mustHold(t, db, want)
	disk.SetBudget(0)
	mustPut(t, db, want, string(absent[0]), "stored at last")
	mustHold(t, db, want)
	must(t, db.Close())
}
