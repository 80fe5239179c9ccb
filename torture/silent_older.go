package torture

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// The exception for a well-formed older version of a page or a file: what counts as
// one, and what of the database it may change.

// outdated is what an older version may change of what is read.
type outdated uint8

const (
	// nothingOld: it is no older version of a whole page or file, or the log proves
	// what is right.
	nothingOld outdated = iota
	// besideOld: what is beside the pairs, as free pages and the files of snapshots.
	besideOld
	// longOld: pages in the midst of long values.
	longOld
	// bucketOld: the pairs of one bucket.
	bucketOld
	// allOld: all pairs.
	allOld
)

// older tells whether a damage may have put an older version, well-formed as it
// is, in the place of what a database needs.
func (s *scene) older(d faultfs.Damage) bool {
	how, _ := s.outdated(d)
	return how != nothingOld
}

// outdated tells what a damage makes older, and which bucket that is.
func (s *scene) outdated(d faultfs.Damage) (how outdated, bucket int) {
	class := faultfs.ClassOf(d.Path)
	switch d.Kind {
	case faultfs.DamageOlder:
	case faultfs.DamageCut:
		// A log that ends behind its header, or a byte further, is one that was cut.
		if path.Base(d.Path) != logName || d.Off != walHeader && d.Off != walHeader+1 {
			return nothingOld, 0
		}
	case faultfs.DamageLost, faultfs.DamageStale, faultfs.DamageStaleOnce, faultfs.DamageMisdirect:
		if class == faultfs.ClassSeg {
			return s.outdatedPage(d)
		}
		// A sector is not a version, unless it is all that there is.
		if info, err := s.disk.Stat(d.Path); err != nil || d.Off != 0 || d.Len < info.Size {
			return nothingOld, 0
		}
	default:
		return nothingOld, 0
	}
	if class == faultfs.ClassFree || class == faultfs.ClassSnap {
		return besideOld, 0
	}
	return allOld, 0
}

// outdatedPage is outdated for a piece of a segment. Of a misdirected write it is
// the place that it was meant for that keeps its older version.
func (s *scene) outdatedPage(d faultfs.Damage) (outdated, int) {
	off := d.Off
	if d.Kind == faultfs.DamageMisdirect {
		off = d.From
	}
	id := s.pageAt(d.Path, off)
	if d.Len != pageSize || off%pageSize != 0 || s.logged[id] {
		return nothingOld, 0
	}
	if bucket, is := s.chained[id]; is {
		return bucketOld, bucket
	}
	return longOld, 0
}

func (s *scene) pageAt(file string, off int64) uint64 {
	segment := raw.SegmentNumber(strings.TrimSuffix(path.Base(file), "/"))
	return uint64(segment-1)*(raw.SegmentBytes/pageSize) + uint64(off/pageSize)
}

// nextPage is where a page names the one behind it in its chain.
const nextPage = 28

// findChains notes which pages are in the chain of which bucket.
func (s *scene) findChains(view *raw.View) error {
	images := map[uint64][]byte{}
	for _, g := range view.Log.Groups {
		for _, r := range g {
			images[r.Page] = r.Image
		}
	}
	s.chained = map[uint64]int{}
	for bucket, id := range view.Heads {
		for id != raw.NoPage {
			s.chained[id] = bucket
			page := images[id]
			if page == nil {
				var err error
				if page, err = s.stored(id); err != nil {
					return err
				}
			}
			id = binary.LittleEndian.Uint64(page[nextPage:])
		}
	}
	return nil
}

func segmentFile(n int) string { return fmt.Sprintf("data-%06d.p1seg", n) }

// stored is a page as its segment has it.
func (s *scene) stored(id uint64) ([]byte, error) {
	const per = raw.SegmentBytes / pageSize
	disk := s.disk.Snapshot() // so that no call is the scene's
	f, err := disk.OpenFile(inRoot(segmentFile(int(id/per)+1)), 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	page := make([]byte, pageSize)
	_, err = f.ReadAt(page, int64(id%per)*pageSize)
	return page, err
}

func (j *judge) older() bool { return slices.ContainsFunc(j.h.damages, j.s.older) }

// outdated tells whether older versions may have shown what was read: every key
// that they cannot have changed is as it is now.
func (j *judge) outdated(got model.State) bool {
	if !j.older() || !j.patched(got) {
		return false
	}
	for _, k := range j.s.keys {
		v, found := got[k]
		now, is := j.s.now[k]
		if j.bad[k] || found == is && v == now {
			continue
		}
		bucket := raw.BucketOf([]byte(k), j.s.w.Knobs.Buckets)
		if !slices.ContainsFunc(j.h.damages, func(d faultfs.Damage) bool {
			how, of := j.s.outdated(d)
			switch how {
			case longOld:
				return found && is && len(v) == len(now) && j.patch(v)
			case bucketOld:
				return of == bucket
			}
			return how == allOld
		}) {
			return false
		}
	}
	return true
}
