package torture

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Knobs are the options of the engine and the disk that a workload runs with.
type Knobs struct {
	Buckets   int
	DataFsync bool
	Cache     int  // pages, 0 = none
	Locator   bool // false: chains are searched page by page
	LogKiB    int
	ChunkKiB  int
	Reserve   int // pages
	NoSyncKiB int
	Sector    int // bytes that the disk writes atomically
	Keep      int // snapshots: keepNone, keepPersist, keepDedup
}

// What becomes of snapshots when their process ends.
const (
	keepNone    = iota // they end with it
	keepPersist        // they outlive it
	keepDedup          // and share equal pages in a SnapStore
)

// DefaultKnobs make the log turn over after five page images.
func DefaultKnobs() Knobs {
	return Knobs{Buckets: 3, DataFsync: true, Cache: 2, Locator: true, LogKiB: 24, ChunkKiB: 8, Reserve: 2, NoSyncKiB: 12, Sector: 4096}
}

func (k *Knobs) fields() []struct {
	letter byte
	number *int
} {
	return []struct {
		letter byte
		number *int
	}{{'b', &k.Buckets}, {'c', &k.Cache}, {'w', &k.LogKiB}, {'k', &k.ChunkKiB}, {'r', &k.Reserve}, {'n', &k.NoSyncKiB}, {'s', &k.Sector}}
}

// String is like "b3,c2,w24,k8,r2,n12,s4096,f1,l1".
func (k Knobs) String() string {
	var parts []string
	for _, f := range k.fields() {
		parts = append(parts, string(f.letter)+strconv.Itoa(*f.number))
	}
	text := strings.Join(parts, ",") + ",f" + bit(k.DataFsync) + ",l" + bit(k.Locator)
	if k.Keep != keepNone {
		text += ",p" + strconv.Itoa(k.Keep)
	}
	return text
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// ParseKnobs reads what String wrote.
func ParseKnobs(text string) (Knobs, error) {
	var k Knobs
	fields := k.fields()
next:
	for _, part := range strings.Split(text, ",") {
		n := -1
		if len(part) > 1 {
			n, _ = strconv.Atoi(part[1:])
		}
		switch {
		case n < 0 || n == 0 && part[1:] != "0":
			return k, fmt.Errorf("torture: knob %q", part)
		case part[0] == 'f':
			k.DataFsync = n != 0
			continue
		case part[0] == 'l':
			k.Locator = n != 0
			continue
		case part[0] == 'p':
			k.Keep = n
			continue
		}
		for _, f := range fields {
			if f.letter == part[0] {
				*f.number = n
				continue next
			}
		}
		return k, fmt.Errorf("torture: knob %q", part)
	}
	if k.Buckets < 1 || k.LogKiB < 1 || k.Sector != 512 && k.Sector != 4096 || k.Keep > keepDedup {
		return k, fmt.Errorf("torture: knobs %q", text)
	}
	return k, nil
}

// root is where the database stands.
const root = "db"

func (k Knobs) options(fsys vfs.FS) *quiver.Options {
	o := &quiver.Options{
		WALCoalesce: -1, NoDataFsync: !k.DataFsync, PageCachePages: k.Cache,
		LogBytes: int64(k.LogKiB) << 10, LogChunkBytes: int64(k.ChunkKiB) << 10, NoSyncBytes: int64(k.NoSyncKiB) << 10,
		ReservePages: k.Reserve, LockWait: -1, Inline: true, NoRecount: true, FS: fsys, Clock: still(judging),
		SnapPersist: k.Keep != keepNone, SnapDedup: k.Keep == keepDedup,
	}
	if k.Cache == 0 {
		o.PageCachePages = -1
	}
	if !k.Locator {
		o.LocatorBytes = -1
	}
	return o
}

func (k Knobs) init(fsys vfs.FS) quiver.InitOptions {
	return quiver.InitOptions{PageSize: pageSize, Buckets: k.Buckets, FS: fsys}
}

const pageSize = 4096

// still is a clock that stands, at a second of its own for each session: nothing
// may depend on the time, but for the names of snapshots, which tell it and the
// number of the process.
type still int

// judging is later than all sessions of runs.
const judging still = 1 << 20

func (c still) Now() time.Time    { return time.Unix(1_700_000_000+int64(c), 0) }
func (still) Sleep(time.Duration) {}
func (still) ProcessID() int      { return 1 }
