package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// answer is how a damaged database answered.
type answer string

const (
	allRight answer = "right"
	refused  answer = "refused"
	partly   answer = "partly"
	// The stated exceptions.
	tornGroup answer = "damage in the last group of the log, which looks like a torn write"
	tornMixed answer = "the same, with other files damaged too: some pages are those from before the group"
	// A sector, or a page, that holds the end of the group before as well.
	tornAcross answer = "damage across the beginning of the last group of the log"
	oldVersion answer = "an older, well-formed version in the place of the newer one"
	noProof    answer = "two files damaged at once, which leaves a sound database"
)

// try judges one harm, through a reader and, if asked, through a writer that
// goes on.
func (t *silentTier) try(s *scene, h harm, writer bool) {
	token := h.token(s)
	var answers []answer
	found := t.guard(token, func() []Violation {
		disk := s.disk.Snapshot()
		for _, d := range h.damages {
			err := disk.Damage(d, s.past)
			if err != nil && len(h.damages) > 1 {
				return nil // there is nothing to damage any more
			}
			if err != nil {
				return []Violation{{Rule: "harness", Text: err.Error(), Token: token}}
			}
		}
		for _, readOnly := range []bool{true, false} {
			if !readOnly && !writer {
				continue
			}
			j := &judge{s: s, h: h, disk: disk.Snapshot(), readOnly: readOnly, mutate: t.c.Mutate}
			a, err := j.guarded()
			if err != nil {
				return []Violation{{Rule: j.rule(), Text: fmt.Sprintf("%v (read-only %v)", err, readOnly), Token: token, Calls: j.calls()}}
			}
			answers = append(answers, a)
		}
		return nil
	})
	t.keep(found, func() { t.report.count(h, answers) })
}

func (r *SilentReport) count(h harm, answers []answer) {
	r.Faults++
	switch {
	case len(h.damages) > 1:
		r.Kinds["two at once"]++
	case len(h.damages) == 1:
		r.Kinds[h.damages[0].Kind.String()]++
	case len(h.plan) > 0:
		r.Kinds["read with a flipped bit"]++
	}
	for _, a := range answers {
		r.Opens++
		switch a {
		case allRight:
			r.Right++
		case refused:
			r.Refused++
		case partly:
			r.Partly++
		default:
			r.Exceptions[string(a)]++
		}
	}
}

// judge opens a damaged database and weighs its answers.
type judge struct {
	s        *scene
	h        harm
	disk     *faultfs.FS
	damaged  *faultfs.FS // the disk as it was opened
	readOnly bool
	written  []string // by the judge
	mutate   Mutation
	db       *quiver.DB
	bad      map[string]bool // keys that answered with a typed error
	panicked bool
}

func (j *judge) rule() string {
	if j.panicked {
		return "I16 no panic"
	}
	return "I16 honest"
}

// calls are the last ones, for whoever looks for the reason.
func (j *judge) calls() []string {
	lines := strings.Split(strings.TrimSpace(j.disk.Log().String()), "\n")
	return lines[max(0, len(lines)-2*excerptCalls):]
}

func (j *judge) guarded() (a answer, err error) {
	defer func() {
		if x := recover(); x != nil {
			j.panicked = true
			err = fmt.Errorf("panic: %v\n%s", x, debug.Stack())
		}
	}()
	return j.run()
}

func (j *judge) run() (answer, error) {
	if len(j.s.backups) > 0 {
		return j.restores()
	}
	start, before := j.disk.Snapshot(), withoutLock(j.disk)
	j.damaged = start
	j.disk.Inject(j.h.plan)
	err := j.open()
	if err != nil {
		j.disk.Inject(nil)
		if err := j.typed(err); err != nil {
			return "", fmt.Errorf("open: %w", err)
		}
		if len(j.h.plan) == 0 && withoutLock(j.disk) != before {
			return "", fmt.Errorf("open refused (%w) and changed a file: %s", err, j.disk.Diff(start))
		}
		if n := j.disk.Handles() + j.disk.Locks(); n > 0 {
			return "", fmt.Errorf("open refused (%w) and left %d files or locks open", err, n)
		}
		return refused, nil
	}
	a, got, err := j.look()
	if err == nil {
		var of answer
		if of, err = j.snapshots(); of != allRight && a == allRight {
			a = of
		}
	}
	j.disk.Inject(nil)
	if err != nil {
		_ = j.db.Close() // what is wrong is known already
		return "", err
	}
	if !j.readOnly {
		return a, j.goOn(got)
	}
	if err := j.db.Close(); err != nil {
		return "", fmt.Errorf("close: %w", err)
	}
	if withoutLock(j.disk) != before {
		return "", errors.New("a reader has changed a file")
	}
	return a, nil
}

func (j *judge) open() (err error) {
	var fsys vfs.FS = quiet{j.disk}
	open := quiver.Open
	if j.readOnly {
		open = quiver.OpenReadOnly
	}
	j.db, err = open(root, j.s.options(j.mutate.apply(fsys)))
	return err
}

// typed says what is wrong with an error that damage is answered with: nothing
// if it has a documented type and names a file.
func (j *judge) typed(err error) error {
	var ce *quiver.CorruptionError
	switch {
	case errors.As(err, &ce):
		if !errors.Is(err, quiver.ErrCorrupt) || !namesFile(ce.Path) || ce.Reason == "" && ce.Err == nil {
			return fmt.Errorf("a corruption error without a file or a reason: %w", err)
		}
		return nil
	case errors.Is(err, quiver.ErrIncompatible), errors.Is(err, quiver.ErrIncomplete), errors.Is(err, quiver.ErrNoDatabase):
		if !namesFile(err.Error()) {
			return fmt.Errorf("the error names no file: %w", err)
		}
		return nil
	case len(j.s.snaps) > 0 && (errors.Is(err, quiver.ErrSnapshotGone) || errors.Is(err, quiver.ErrNoSnapshot)):
		return nil
	case errors.Is(err, quiver.ErrPoisoned) && len(j.h.plan) > 0:
		return nil // a header of the log that was misread
	}
	return fmt.Errorf("not a typed error: %w", err)
}

// namesFile tells whether a text names a file of the scene.
func namesFile(text string) bool {
	return strings.Contains(text, root) || strings.Contains(text, backupFolder)
}

// look reads every key. The answers must be those of one state that the harm may
// leave; any key may refuse with a typed error.
func (j *judge) look() (answer, model.State, error) {
	got, same, err := j.readAll()
	if err != nil {
		return "", nil, err
	}
	plain := allRight
	if len(j.bad) > 0 {
		plain = partly
	}
	diff := j.differs(j.s.now, got)
	if diff == "" && same {
		return plain, got, nil
	}
	last := slices.ContainsFunc(j.h.damages, j.s.inLastGroup)
	if len(j.h.plan) > 0 {
		last = j.s.before != nil // it may have been a read of the log
	}
	switch {
	case same && last && j.differs(j.s.before, got) == "":
		return tornGroup, got, nil
	case same && last && j.tornAcross(got):
		return tornAcross, got, nil
	case same && last && len(j.h.damages) > 1 && j.mixed(got):
		return tornMixed, got, nil
	case (same || j.once()) && j.outdated(got):
		return oldVersion, got, nil
	case same && j.h.twoFiles() && j.unproved(got):
		return noProof, got, nil
	case !same:
		return "", nil, errors.New("scan and gets differ")
	}
	return "", nil, errors.New(diff)
}

// differs compares what was read with a state, refusing keys apart.
func (j *judge) differs(want, got model.State) string {
	expect := maps.Clone(want)
	for k := range j.bad {
		delete(expect, k)
	}
	return model.Diff(got, expect)
}

// tornAcross tells whether what was read is the state before the first group
// that a damage has touched, and it has touched all groups from there on.
func (j *judge) tornAcross(got model.State) bool {
	for m, from := range j.s.groups {
		touched := slices.ContainsFunc(j.h.damages, func(d faultfs.Damage) bool { return j.s.touches(d, from) })
		for _, g := range j.s.groups[m:] {
			touched = touched && slices.ContainsFunc(j.h.damages, func(d faultfs.Damage) bool { return j.s.touches(d, g) })
		}
		if touched {
			return j.differs(j.s.prefixes[m], got) == ""
		}
	}
	return false
}

// mixed tells whether every key is as it is now or as it was before the last
// group.
func (j *judge) mixed(got model.State) bool {
	for _, k := range j.s.keys {
		v, found := got[k]
		was := func(state model.State) bool { w, is := state[k]; return found == is && v == w }
		if !j.bad[k] && !was(j.s.now) && !was(j.s.before) && !was(j.s.previous) {
			return false
		}
	}
	return true
}

// everWas tells whether every value is one that its key once had.
func (j *judge) everWas(got model.State) bool {
	for k, v := range got {
		if !j.s.values[k][v] {
			return false
		}
	}
	return true
}

// readAll gets every key and scans; same tells whether the two agree.
func (j *judge) readAll() (got model.State, same bool, err error) {
	got, j.bad = model.State{}, map[string]bool{}
	for _, k := range j.s.keys {
		v, found, err := j.db.Get([]byte(k))
		switch {
		case err != nil:
			if err := j.typed(err); err != nil {
				return nil, false, fmt.Errorf("get %q: %w", k, err)
			}
			j.bad[k] = true
		case found:
			got[k] = string(v)
		}
	}
	scanned := model.State{}
	for item, err := range j.db.Scan(quiver.ScanOptions{}) {
		if err != nil {
			if err := j.typed(err); err != nil {
				return nil, false, fmt.Errorf("scan: %w", err)
			}
			// With a flipped bit the gets may have met it, or only the scan.
			if len(j.bad) == 0 && len(j.h.plan) == 0 {
				return nil, false, fmt.Errorf("the scan refuses and no key does: %w", err)
			}
			return got, true, nil
		}
		scanned[string(item.Key)] = string(item.Value)
	}
	if len(j.bad) > 0 && len(j.h.plan) == 0 && !j.once() {
		return nil, false, fmt.Errorf("the scan gave %d pairs where %d keys refuse", len(scanned), len(j.bad))
	}
	if len(j.bad) > 0 {
		return got, j.differs(scanned, got) == "", nil
	}
	return got, model.Equal(got, scanned), nil
}

// once tells whether the harm may be gone at the second read.
func (j *judge) once() bool {
	return slices.ContainsFunc(j.h.damages, func(d faultfs.Damage) bool { return d.Kind == faultfs.DamageStaleOnce })
}

// goOn uses the database as if nothing were wrong: what could be read stays
// readable and right, through a recount, writes, a close and another open.
func (j *judge) goOn(readable model.State) error {
	err := j.writeOn(readable)
	if e := j.db.Close(); err == nil && e != nil {
		if e = j.typed(e); e != nil {
			err = fmt.Errorf("close: %w", e)
		}
	}
	if err != nil {
		return err
	}
	if err := j.open(); err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	err = j.stillThere(readable)
	if e := j.db.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	return nil
}

// writeOn changes readable as it changes the database. What answers with a
// typed error has not happened.
func (j *judge) writeOn(readable model.State) error {
	if _, err := j.db.Recount(context.Background(), nil); err != nil {
		if err := j.typed(err); err != nil {
			return fmt.Errorf("recount: %w", err)
		}
	}
	for i, k := range j.s.keys {
		v := value(1<<41|uint64(i), Change{Key: k, Size: []int{40, 900, 5000}[i%3]})
		err := j.db.Put([]byte(k), []byte(v))
		if err == nil {
			j.written = append(j.written, v)
			readable[k] = v
			delete(j.bad, k)
		} else if err := j.typed(err); err != nil {
			return fmt.Errorf("put %q: %w", k, err)
		}
		if i%4 > 0 {
			continue
		}
		had, err := j.db.Delete([]byte(k))
		if _, want := readable[k]; err == nil && had != want && !j.bad[k] {
			return fmt.Errorf("delete %q: existed %v, want %v", k, had, want)
		}
		if err == nil {
			delete(readable, k)
		} else if err := j.typed(err); err != nil {
			return fmt.Errorf("delete %q: %w", k, err)
		}
	}
	if _, err := j.snapshots(); err != nil {
		return fmt.Errorf("after writes: %w", err)
	}
	return j.stillThere(readable)
}

// stillThere wants the pairs that could be read, and nothing in the place of
// those that could not.
func (j *judge) stillThere(want model.State) error {
	for k, v := range want {
		got, found, err := j.db.Get([]byte(k))
		// An older page may lead to pages that are another value's by now, and are
		// freed with it.
		if j.older() && (err != nil && j.typed(err) == nil || err == nil && found && len(got) == len(v) && j.patch(string(got))) {
			continue
		}
		if err != nil || !found || string(got) != v {
			return fmt.Errorf("after writes, key %q: %d bytes, found %v, error %v, want %d bytes", k, len(got), found, err, len(v))
		}
	}
	for _, k := range j.s.keys {
		if _, is := want[k]; is || j.bad[k] {
			continue
		}
		if _, found, err := j.db.Get([]byte(k)); err == nil && found {
			return fmt.Errorf("after writes, key %q is there", k)
		}
	}
	return nil
}
