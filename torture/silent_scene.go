package torture

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// sceneEnds are how a scene is left: closed cleanly, or by the death of the
// process.
const (
	sceneClosed = "closed"
	sceneKilled = "killed"
)

// scene is a small database that nobody has open, to be damaged, and what is
// known of it.
type scene struct {
	name string // of a scene that is no workload
	w    Workload
	end  string
	disk *faultfs.FS  // everything on it is durable
	past *faultfs.Log // where older bytes come from

	keys []string // all that ever were, and some in each bucket that never were
	now  model.State
	// before is what the database held before the last group of the log. nil:
	// there is no log that somebody needs, so that all damage can be told.
	before model.State
	// previous is what it held before the last change, whatever the segments have
	// of that by now.
	previous  model.State
	lastGroup int64                      // where that group begins
	groups    [][2]int64                 // where each group begins and ends
	prefixes  []model.State              // what the database held before each group
	logged    map[uint64]bool            // pages of which the log has a live image
	chained   map[uint64]int             // the bucket of each page that holds pairs
	values    map[string]map[string]bool // every value that a key ever had
	snaps     map[string]model.State     // what kept snapshots have to show
	backups   []*backup                  // there is no database: each goes over the one before it
}

func (s *scene) String() string {
	if s.name != "" {
		return s.name
	}
	return s.w.String() + "|" + s.end
}

func (s *scene) options(fsys vfs.FS) *quiver.Options {
	o := s.w.Knobs.options(fsys)
	o.SnapPersist, o.SnapDedup = slices.Contains(keptScenes(), s.name), strings.Contains(s.name, "dedup")
	return o
}

// scene makes the one of a name: "kept…", or a workload and its end.
func (b *bases) scene(name string) (*scene, error) {
	if slices.Contains(keptScenes(), name) {
		return keptScene(name)
	}
	if name == backupScene {
		return b.backupScene()
	}
	i := strings.LastIndexByte(name, '|')
	w, err := ParseWorkload(name[:max(i, 0)])
	if err != nil {
		return nil, err
	}
	return b.sceneOf(w, name[i+1:])
}

// sceneOf runs a workload and keeps the disk.
func (b *bases) sceneOf(w Workload, end string) (*scene, error) {
	from, err := b.get(w.Start, w.Knobs)
	if err != nil {
		return nil, err
	}
	r := begin(w, from.plain(), nil)
	for _, o := range w.program() {
		if o.Kind != OpClose || end == sceneClosed {
			r.do(o)
		}
	}
	if end == sceneKilled {
		r.proc.kill()
	}
	if len(r.flaws) > 0 {
		return nil, fmt.Errorf("torture: scene %v: %s", w, r.flaws[0])
	}
	s := &scene{w: w, end: end, past: r.disk.Log(), now: r.line.states[r.line.top], values: map[string]map[string]bool{}}
	for _, line := range []*timeline{from.line, r.line} {
		for _, state := range line.states {
			s.remember(state)
		}
	}
	s.previous = r.line.states[max(0, r.line.top-1)]
	r.disk.SyncAll()
	s.disk = r.disk.Snapshot()
	s.keys = append(w.keys(), "")
	for bucket := range w.Knobs.Buckets {
		s.keys = append(s.keys, keyIn(bucket, 500, w.Knobs.Buckets))
	}
	return s, s.readLog()
}

func (s *scene) remember(state model.State) {
	for k, v := range state {
		if s.values[k] == nil {
			s.values[k] = map[string]bool{}
		}
		s.values[k][v] = true
	}
}

// readLog finds the last group of the log, and what the database is without it.
func (s *scene) readLog() error {
	view, err := rawView(s.disk)
	if err != nil || view == nil {
		return fmt.Errorf("torture: scene %v: no meta (%w)", s, err)
	}
	if len(view.Faults) > 0 {
		return fmt.Errorf("torture: scene %v: %s", s, view.Faults[0])
	}
	// What was not synced is not in the log.
	s.now = model.State(view.Pairs)
	s.logged = map[uint64]bool{}
	for _, g := range view.Log.Groups {
		for _, r := range g {
			s.logged[r.Page] = true
		}
	}
	if err := s.findChains(view); err != nil {
		return err
	}
	for _, g := range view.Log.Groups {
		s.groups = append(s.groups, [2]int64{int64(g[0].Off), int64(g[len(g)-1].Off + stride)})
		before, err := s.cutBefore(g[0].Off)
		if err != nil {
			return err
		}
		s.prefixes = append(s.prefixes, before)
	}
	if n := len(s.groups); n > 0 {
		s.lastGroup, s.before = s.groups[n-1][0], s.prefixes[n-1]
	}
	return nil
}

// cutBefore is what the database holds when the log ends at an offset.
func (s *scene) cutBefore(off int) (model.State, error) {
	disk := s.disk.Snapshot()
	log, err := disk.ReadFile(inRoot(logName))
	if err != nil {
		return nil, err
	}
	clear(log[off:])
	if err := disk.WriteFile(inRoot(logName), log); err != nil {
		return nil, err
	}
	view, err := rawView(disk)
	if err != nil {
		return nil, err
	}
	return model.State(view.Pairs), nil
}

const (
	pageMagic  = "P1PG"
	recordHead = 28
	pageHeader = 64
	// frameStride is a frame of pages.bin and of freeze.bin.
	frameStride = 24 + pageSize
)

// catalogue are all damages of the scene: of each sector of each file, of each
// bit of each header, of whole pages, of records.
func (s *scene) catalogue() iter.Seq[faultfs.Damage] {
	if s.w.Start == edgeStart {
		return s.betweenSegments
	}
	return func(yield func(faultfs.Damage) bool) {
		for d := range s.disk.Damages(faultfs.DamageEnum{Unit: 512, Bits: s.headers(), Records: s.records(), Past: s.past, Seed: 1}) {
			if faultfs.ClassOf(d.Path) != faultfs.ClassLock && !yield(d) {
				return
			}
		}
		// A page that comes back whole has a right checksum.
		whole := faultfs.DamageMisdirect | faultfs.DamageLost | faultfs.DamageStale | faultfs.DamageStaleOnce | faultfs.DamageSwap
		for d := range s.disk.Damages(faultfs.DamageEnum{Kinds: whole, Class: faultfs.ClassSeg, Unit: pageSize, Past: s.past, Seed: 2}) {
			if !yield(d) {
				return
			}
		}
	}
}

// betweenSegments swaps every page that the first segment holds with every one of
// the second. The segments are too large for what the other scenes go through.
func (s *scene) betweenSegments(yield func(faultfs.Damage) bool) {
	var pages [2][]int64
	for i := range pages {
		b, err := s.disk.ReadFile(inRoot(segmentFile(i + 1)))
		if err != nil {
			return // TestSilentTwoSegments tells it
		}
		for off := 0; off+pageSize <= len(b); off += pageSize {
			if string(b[off:off+4]) == pageMagic {
				pages[i] = append(pages[i], int64(off))
			}
		}
	}
	for _, a := range pages[0] {
		for _, b := range pages[1] {
			if !yield(faultfs.Damage{Kind: faultfs.DamageSwap, Path: inRoot(segmentFile(1)), Off: a, Len: pageSize, With: inRoot(segmentFile(2)), From: b}) {
				return
			}
		}
	}
}

// headers are the parts of which every bit is inverted: the small files, and
// the headers of the log, its records, and the pages.
func (s *scene) headers() []faultfs.Range {
	var list []faultfs.Range
	for _, p := range s.disk.List() {
		b, err := s.disk.ReadFile(p)
		if err != nil {
			continue
		}
		size := int64(len(b))
		add := func(off, n int64) {
			if n = min(n, size-off); n > 0 {
				list = append(list, faultfs.Range{Path: p, Off: off, Len: n})
			}
		}
		switch faultfs.ClassOf(p) {
		case faultfs.ClassMeta, faultfs.ClassDir, faultfs.ClassFree:
			add(0, size)
		case faultfs.ClassBackup:
			if size < pageSize {
				add(0, size)
				continue
			}
			for off := int64(0); off < size; off += frameStride {
				add(off, frameStride-pageSize+pageHeader)
			}
		case faultfs.ClassSnap:
			for off := int64(0); off < size; off += pageSize {
				add(off, 2*pageHeader)
			}
		case faultfs.ClassWAL:
			add(0, walHeader)
			for off := int64(walHeader); off < size; off += stride {
				add(off, recordHead)
			}
		case faultfs.ClassSeg:
			for off := int64(0); off < size; off += pageSize {
				add(off, pageHeader)
			}
		}
	}
	return list
}

func (s *scene) records() []faultfs.Range {
	log, err := s.disk.ReadFile(inRoot(logName))
	if err != nil {
		return nil
	}
	var list []faultfs.Range
	for _, r := range raw.Records(log, pageSize) {
		list = append(list, faultfs.Range{Path: inRoot(logName), Off: int64(r.Off), Len: stride})
	}
	return list
}

// reaches gives the part of a file that a damage may have changed.
func reaches(d faultfs.Damage) (from, to int64) {
	const end = 1 << 62
	switch d.Kind {
	case faultfs.DamageBit, faultfs.DamageByte:
		return d.Off, d.Off + 1
	case faultfs.DamageCut, faultfs.DamageRepeat:
		return d.Off, end
	case faultfs.DamageMissing, faultfs.DamageOlder, faultfs.DamageExtendZeros, faultfs.DamageExtendNoise:
		return 0, end
	case faultfs.DamageReorder:
		return d.Off, d.Off + d.Len + d.From
	case faultfs.DamageMisdirect:
		return min(d.Off, d.From), max(d.Off, d.From) + d.Len
	}
	return d.Off, d.Off + d.Len
}

// inLog tells whether a damage may have changed the last group of the log.
func (s *scene) inLastGroup(d faultfs.Damage) bool {
	if s.before == nil {
		return false
	}
	touches := func(name string, to int64) bool { return path.Base(name) == logName && to > s.lastGroup }
	_, to := reaches(d)
	return touches(d.Path, to) || d.Kind == faultfs.DamageSwap && touches(d.With, d.From+d.Len)
}

// touches tells whether a damage puts something else in the place of a part of
// a group. A log that is cut is another thing: its length tells it.
func (s *scene) touches(d faultfs.Damage, group [2]int64) bool {
	meets := func(name string, off, n int64) bool {
		return path.Base(name) == logName && off < group[1] && off+n > group[0]
	}
	switch d.Kind {
	case faultfs.DamageBit, faultfs.DamageByte:
		return meets(d.Path, d.Off, 1)
	case faultfs.DamageMisdirect:
		return meets(d.Path, d.Off, d.Len) || meets(d.Path, d.From, d.Len)
	case faultfs.DamageSwap:
		return meets(d.Path, d.Off, d.Len) || meets(d.With, d.From, d.Len)
	case faultfs.DamageZeros, faultfs.DamageNoise, faultfs.DamageLost, faultfs.DamageStale, faultfs.DamageStaleOnce:
		return meets(d.Path, d.Off, d.Len)
	}
	return false
}
