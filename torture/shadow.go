package torture

import (
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// shadow is a file as the static rules follow it, from the calls alone.
type shadow struct {
	class   faultfs.Class
	content []byte
	synced  []byte // at the last good sync
	dirty   bool   // changed since then
	created bool   // never synced
	failed  bool   // a sync of it failed in this process
	process int    // the last process that synced it
}

func (s *shadow) write(c call) {
	end := int(c.off) + c.n
	if c.n == 0 {
		return
	}
	if end > len(s.content) {
		s.content = append(s.content, make([]byte, end-len(s.content))...)
	}
	copy(s.content[c.off:], c.data[:c.n])
	s.dirty = true
}

func (s *shadow) resize(size int) {
	switch {
	case size < len(s.content):
		s.content = s.content[:size:size]
	case size > len(s.content):
		s.content = append(s.content, make([]byte, size-len(s.content))...)
	}
	s.dirty = true
}

func (s *shadow) sync(process int) {
	s.synced = slices.Clone(s.content)
	s.dirty, s.created, s.process = false, false, process
}

// shadows are the files of a disk, by their names now and by their durable ones.
type shadows struct {
	live    map[string]*shadow
	durable map[string]*shadow
	// changed are the names whose last change is not durable, with the process
	// that made it.
	changed map[string]int
	process int
}

func clean(p string) string { return path.Clean("/" + p) }

func inRoot(name string) string { return "/" + root + "/" + name }

func newShadows(disk *faultfs.FS) (shadows, error) {
	s := shadows{live: map[string]*shadow{}, durable: map[string]*shadow{}, changed: map[string]int{}}
	for _, p := range disk.List() {
		b, err := disk.ReadFile(p)
		if err != nil {
			return s, err
		}
		f := &shadow{class: faultfs.ClassOf(p), content: b, synced: slices.Clone(b)}
		s.live[p], s.durable[p] = f, f
	}
	return s, nil
}

// all are the files in the order of their names, so that of several flaws the same
// one is always told first.
func (s *shadows) all() iter.Seq2[string, *shadow] {
	return func(yield func(string, *shadow) bool) {
		for _, p := range slices.Sorted(maps.Keys(s.live)) {
			if !yield(p, s.live[p]) {
				return
			}
		}
	}
}

// create binds a new file to a name, or returns the one that is there.
func (s *shadows) create(p string) *shadow {
	if f := s.live[p]; f != nil {
		return f
	}
	f := &shadow{class: faultfs.ClassOf(p), created: true}
	s.live[p] = f
	s.changed[p] = s.process
	return f
}

func (s *shadows) rename(from, to string) *shadow {
	f := s.live[from]
	delete(s.live, from)
	if f != nil {
		f.class = faultfs.ClassOf(to)
		s.live[to] = f
	}
	s.changed[from], s.changed[to] = s.process, s.process
	return f
}

func (s *shadows) remove(p string) {
	delete(s.live, p)
	s.changed[p] = s.process
}

func (s *shadows) syncDir(dir string) {
	for p := range s.changed {
		if path.Dir(p) != dir {
			continue
		}
		delete(s.changed, p)
		if f := s.live[p]; f != nil {
			s.durable[p] = f
		} else {
			delete(s.durable, p)
		}
	}
}

// matters tells whether the loss of a name could lose data: those of temporary
// files, of the lock, of the reserve and of snapshots that end with their process
// could not.
func matters(p string) bool {
	return faultfs.ClassOf(p)&(faultfs.ClassTmp|faultfs.ClassLock|faultfs.ClassOther|faultfs.ClassSnap) == 0 && strings.HasPrefix(p, inRoot(""))
}

// unsettled is a name, other than except, that matters and whose change is not
// durable; "" if there is none.
func (s *shadows) unsettled(except string) string {
	var names []string
	for p := range s.changed {
		if matters(p) && p != except {
			names = append(names, p)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}

// durableBytes is what the disk has for sure under a name.
func (s *shadows) durableBytes(name string) []byte {
	if f := s.durable[inRoot(name)]; f != nil {
		return f.synced
	}
	return nil
}
