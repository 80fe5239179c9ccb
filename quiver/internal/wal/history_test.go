package wal

import (
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

var (
	histories = flag.Int("histories", 20000, "histories that TestHistories simulates")
	oneSeed   = flag.Uint64("seed", 0, "only this history of TestHistories")
)

// world is a database that is nothing but its log: segments are a map from page
// to LSN that is written atomically, meta is last_lsn. It uses a Log in the order
// in which the pager does and knows what was acknowledged.
type world struct {
	rng   *rand.Rand
	f     *crashFile
	o     LogOptions
	l     *Log
	segs  map[uint64]uint64
	meta  uint64
	next  uint64 // LSN to give out
	pages [][]byte

	acked  []uint64 // LSNs of the groups synced since meta was raised
	groups []int    // their lengths
	flight []uint64 // LSNs of the group that was not acknowledged

	crashes, recovered, kept, lost int
}

func newWorld(seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &world{rng: rng, f: newCrashFile(rng), segs: map[uint64]uint64{}, next: 1 + rng.Uint64N(300)}
	w.meta = w.next - 1
	most := []int64{4, 4, 8, 8, 8, 20, 20, 90}[rng.IntN(8)]
	w.o = LogOptions{PageSize: pageSize, ChunkBytes: 1 + rng.Int64N(3*stride), LogBytes: 44 + most*stride + rng.Int64N(stride)}
	return w
}

// stops is a crash between two operations on other files.
func (w *world) stops() error {
	if w.f.stop() {
		return errCrash
	}
	return nil
}

func (w *world) commit(n int) error {
	if w.l.Used()+n > w.l.Capacity() {
		if int64(w.l.Used()+n)*stride+44 > w.o.LogBytes && w.l.Used() > 0 {
			if err := w.checkpoint(); err != nil {
				return err
			}
		}
		if err := w.l.Reserve(w.l.Used() + n); err != nil {
			return err
		}
	}
	if w.rng.IntN(4) == 0 {
		w.next += w.rng.Uint64N(5) // pages of a bulk load
	}
	g := w.entries(n)
	w.next += uint64(n)
	for i := range g {
		w.flight = append(w.flight, g[i].LSN)
	}
	if err := w.l.Append(g); err != nil {
		return err
	}
	if err := w.l.Sync(); err != nil {
		return err
	}
	w.acknowledge()
	return nil
}

// entries is a group of n pages, in buffers that are used again.
func (w *world) entries(n int) []Entry {
	for len(w.pages) < n {
		w.pages = append(w.pages, newPage(0, 0))
	}
	g := make([]Entry, n)
	for i := range g {
		lsn := w.next + uint64(i)
		initPage(w.pages[i], lsn%7, lsn)
		g[i] = Entry{PageID: lsn % 7, LSN: lsn, Page: w.pages[i]}
	}
	return g
}

func (w *world) acknowledge() {
	if len(w.flight) > 0 {
		w.acked = append(w.acked, w.flight...)
		w.groups = append(w.groups, len(w.flight))
		w.flight = nil
	}
}

// checkpoint is what a running handle does; Close cuts instead.
func (w *world) checkpoint() error {
	if err := w.apply(w.acked, w.next-1); err != nil {
		return err
	}
	if w.rng.IntN(4) == 0 {
		return w.l.Cut()
	}
	w.l.Reset()
	return w.l.Shrink()
}

func (w *world) apply(lsns []uint64, meta uint64) error {
	if err := w.stops(); err != nil {
		return err
	}
	for _, l := range lsns {
		w.segs[l%7] = max(w.segs[l%7], l)
	}
	if err := w.stops(); err != nil {
		return err
	}
	w.meta = max(w.meta, meta)
	w.acked, w.groups = nil, nil
	return w.stops()
}

func (w *world) held(page, lsn uint64) (bool, error) { return w.segs[page] >= lsn, nil }

func (w *world) scan() (Result, error) {
	return Scan(w.f, ScanOptions{PageSize: pageSize, MetaLastLSN: w.meta, Held: w.held})
}

// recover opens the log after a crash; errors other than errCrash and errSync
// are findings.
func (w *world) recover() error {
	res, err := w.scan()
	if err != nil {
		return fmt.Errorf("scan after a legal crash: %w", err)
	}
	if err := w.judge(res); err != nil {
		return err
	}
	if w.l, err = Open(crashFS{f: w.f}, "", w.o); err != nil {
		return err
	}
	if err := w.l.Rewrite(res.LastGroup[0], res.LastGroup[1]); err != nil {
		return err
	}
	if slices.Equal(lsns(res), w.acked) {
		w.flight = nil // dropped, and nothing can bring it back
	}
	w.acknowledge()
	w.next = max(w.meta, res.MaxLSN) + 1
	if err := w.apply(w.acked, res.MaxLSN); err != nil {
		return err
	}
	if err := w.l.Cut(); err != nil {
		return err
	}
	w.recovered++
	return nil
}

// judge compares a result with what was acknowledged.
func (w *world) judge(res Result) error {
	if err := consistent(w.f.live, res); err != nil {
		return err
	}
	whole := slices.Concat(w.acked, w.flight)
	got := lsns(res)
	switch {
	case slices.Equal(got, whole) && len(w.flight) > 0:
		w.kept++
	case slices.Equal(got, w.acked):
		if len(w.flight) > 0 {
			w.lost++
		}
	default:
		return fmt.Errorf("images %v, acknowledged %v, in flight %v", got, w.acked, w.flight)
	}
	for _, im := range res.Images {
		if tag := pageTag(w.f.live[im.Offset:]); tag != im.LSN || im.PageID != im.LSN%7 {
			return fmt.Errorf("page %d of LSN %d holds the content of LSN %d", im.PageID, im.LSN, tag)
		}
	}
	highest := uint64(0)
	for off := int64(begin); off+stride <= int64(len(w.f.live)); off += stride {
		b := w.f.live[off:]
		r, _ := format.DecodeRecordHeader(b)
		if r.Len == pageSize && crc32.Update(crc32.ChecksumIEEE(b[:24]), crc32.IEEETable, b[28:stride]) == r.CRC {
			highest = max(highest, r.LSN)
		}
	}
	if res.MaxLSN < highest || res.MaxLSN >= w.next {
		return fmt.Errorf("MaxLSN %d, a record has %d, the next is %d", res.MaxLSN, highest, w.next)
	}
	return nil
}

// session works until something fails, or closes. It may arm a failure first.
func (w *world) session() error {
	switch w.rng.IntN(8) {
	case 0:
		w.f.failSync = w.rng.IntN(12)
	case 1, 2:
	default:
		w.f.opsLeft = w.rng.IntN(60)
	}
	if err := w.recover(); err != nil {
		return err
	}
	most := 1 + w.rng.IntN(4)
	if w.rng.IntN(6) == 0 {
		most = 12
	}
	commits := w.rng.IntN(14)
	if w.rng.IntN(16) == 0 {
		most, commits = 1, 150
	}
	for range commits {
		w.f.room = 1 << 40
		if w.rng.IntN(16) == 0 {
			w.f.room = int64(len(w.f.live)) + w.rng.Int64N(2*stride)
		}
		err := w.commit(1 + w.rng.IntN(most))
		if err != nil && w.f.room < 1<<40 && w.l.Err() == nil && !errors.Is(err, errCrash) {
			continue // no space: nothing happened
		}
		if err != nil {
			return err
		}
	}
	w.f.room = 1 << 40
	if err := w.apply(w.acked, w.next-1); err != nil {
		return err
	}
	return w.l.Cut()
}

// run lives through some crashes. What it returns is a finding.
func (w *world) run() error {
	if err := Create(crashFS{f: w.f}, ""); err != nil {
		return err
	}
	for range 2 + w.rng.IntN(4) {
		err := w.session()
		switch {
		case err == nil:
			if err := w.harm(); err != nil {
				return err
			}
		case errors.Is(err, errCrash):
			w.crashes++
		case errors.Is(err, errSync):
		default:
			return err
		}
		if w.rng.IntN(3) > 0 {
			w.f.powerCut()
		} else {
			w.f.kill()
		}
	}
	w.f.powerCut()
	return w.recover()
}

func TestHistories(t *testing.T) {
	if *oneSeed != 0 {
		if err := newWorld(*oneSeed).run(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if testing.Short() {
		*histories = min(*histories, 2000)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	var crashes, recovered, kept, lost int
	for seed := uint64(1); seed <= uint64(*histories); seed++ {
		w := newWorld(seed)
		if err := w.run(); err != nil {
			t.Fatalf("%v\ngo test ./quiver/internal/wal -run TestHistories -seed %d", err, seed)
		}
		crashes += w.crashes
		recovered += w.recovered
		kept += w.kept
		lost += w.lost
	}
	t.Logf("%d crashes, %d recoveries, unacknowledged groups kept %d, dropped %d", crashes, recovered, kept, lost)
	if crashes == 0 || recovered == 0 || kept == 0 || lost == 0 {
		t.Fatal("the histories reach too little")
	}
}
