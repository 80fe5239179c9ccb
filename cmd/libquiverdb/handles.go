package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// A resource is what a handle stands for. end is called once.
type resource interface{ end() error }

// table gives out handles. They count up and are never used twice, so that a
// stale one is known for what it is.
type table struct {
	mu      sync.RWMutex
	last    uintptr
	entries map[uintptr]entry
}

// entry: what was made from a handle ends with it. parent is that handle, root
// the database above it; both 0 for a database.
type entry struct {
	resource
	parent, root uintptr
}

// open holds the handles of this process. C has no other place for what belongs
// to the library as a whole.
var open = table{entries: map[uintptr]entry{}}

var (
	errStale   = errors.New("the handle was closed")
	errHandles = errors.New("no handle is left")
)

// add gives a resource a handle. A parent that was closed meanwhile ends it.
func (t *table) add(r resource, parent uintptr) (uintptr, error) {
	h, err := t.enter(r, parent)
	if err != nil {
		return 0, errors.Join(err, r.end())
	}
	return h, nil
}

func (t *table) enter(r resource, parent uintptr) (uintptr, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	root := parent
	if parent != 0 {
		above, ok := t.entries[parent]
		if !ok {
			return 0, errStale
		}
		if above.root != 0 {
			root = above.root
		}
	}
	if t.last+1 == 0 {
		return 0, errHandles
	}
	t.last++
	t.entries[t.last] = entry{r, parent, root}
	return t.last, nil
}

// find gives what a handle stands for, if that is a T.
func find[T resource](t *table, h uintptr) (T, error) {
	t.mu.RLock()
	e, ok := t.entries[h]
	last := t.last
	t.mu.RUnlock()
	r, is := e.resource.(T)
	if ok && is {
		return r, nil
	}
	switch {
	case h == 0:
		return r, fmt.Errorf("%w: the handle is NULL", quiver.ErrInvalid)
	case ok:
		return r, fmt.Errorf("%w: the handle is of another kind", quiver.ErrInvalid)
	case h <= last:
		return r, fmt.Errorf("%w: %d", errStale, h)
	}
	return r, fmt.Errorf("%w: %#x was never a handle", quiver.ErrInvalid, h)
}

// late is for an error of a call whose handle was found when it began. Closed
// meanwhile, the handle counts, and not where in the engine the call met that.
// What says more than that it was closed stays: canceled, or poisoned.
func (t *table) late(h uintptr, err error) error {
	if err == nil {
		return nil
	}
	t.mu.RLock()
	_, ok := t.entries[h]
	t.mu.RUnlock()
	if ok {
		return err
	}
	return fmt.Errorf("%w: %d: %w", errStale, h, err)
}

// remove takes the handle of a T away and all that hang on it, and ends them, the
// newest first: what was made from a resource ends before it.
func remove[T resource](t *table, h uintptr) error {
	if _, err := find[T](t, h); err != nil {
		return err
	}
	gone := t.take(h)
	if len(gone) == 0 {
		return fmt.Errorf("%w: %d", errStale, h)
	}
	var err error
	for _, r := range gone {
		err = errors.Join(err, r.end())
	}
	return err
}

// take removes a handle and those below it, and gives what they stood for, the
// newest first; nothing if another thread was faster.
func (t *table) take(h uintptr) []resource {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[h]
	if !ok {
		return nil
	}
	delete(t.entries, h)
	if _, leaf := e.resource.(*scan); leaf {
		return []resource{e.resource}
	}
	var below []uintptr
	for other, o := range t.entries {
		if o.parent == h || o.root == h {
			below = append(below, other)
		}
	}
	slices.Sort(below)
	gone := make([]resource, 0, len(below)+1)
	for _, other := range slices.Backward(below) {
		gone = append(gone, t.entries[other].resource)
		delete(t.entries, other)
	}
	return append(gone, e.resource)
}
