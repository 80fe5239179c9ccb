package torture

import (
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
)

// What no reader of these formats can see, told by other means than the engine's.

// twoFiles tells whether the harm is to two files at once.
func (h harm) twoFiles() bool {
	return len(h.damages) > 1 || slices.ContainsFunc(h.damages, func(d faultfs.Damage) bool {
		return d.Kind == faultfs.DamageSwap && d.With != "" && d.With != d.Path
	})
}

// unproved tells whether the raw checker, too, finds a sound database in the
// damaged files, with what was read: damage in the log and to the pages that would
// have shown it.
func (j *judge) unproved(got model.State) bool {
	view, err := rawView(j.damaged)
	return err == nil && view != nil && len(view.Faults) == 0 && j.differs(model.State(view.Pairs), got) == ""
}

// patched tells whether every value is one that its key once had, or one as long
// that is made of the pages of such values: the chain of a long value has no
// checksum of its own, and an older page may stand in it or lead to it.
func (j *judge) patched(got model.State) bool {
	for k, v := range got {
		if !j.s.values[k][v] && !(j.long(k, len(v)) && j.patch(v)) {
			return false
		}
	}
	return true
}

func (j *judge) long(key string, size int) bool {
	for v := range j.s.values[key] {
		if len(v) == size {
			return true
		}
	}
	return false
}

// chainedBytes is how much of a long value a page holds.
const chainedBytes = pageSize - pageHeader

// patch tells whether a value may be made of the pages of others.
func (j *judge) patch(v string) bool {
	if len(v) <= pageSize/4 {
		return false
	}
	for from := 0; from < len(v); from += chainedBytes {
		if !j.everWritten(v[from:min(len(v), from+chainedBytes)]) {
			return false
		}
	}
	return true
}

func (j *judge) everWritten(part string) bool {
	for _, values := range j.s.values {
		for v := range values {
			if strings.Contains(v, part) {
				return true
			}
		}
	}
	return slices.ContainsFunc(j.written, func(v string) bool { return strings.Contains(v, part) })
}
