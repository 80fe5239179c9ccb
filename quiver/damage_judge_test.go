package quiver_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// damage is one way to spoil the files of a scene.
type damage struct {
	name  string
	apply func(*faultfs.FS) error
	plan  faultfs.Plan
	// file and off say what is spoiled; off is negative where it is all of it.
	file string
	off  int64
	// system: an error of the operating system is a right answer.
	system bool
	// older: the file is one that the database itself had before, whole and
	// well-formed: what it held then is a right answer.
	older bool
	// mixed: several files are spoiled, so that some pages may be those from
	// before the last group of commits.
	mixed bool
}

// outcome is how a damaged database answered.
type outcome string

const (
	allRight       outcome = "everything is right"
	refused        outcome = "open refuses"
	someRefuse     outcome = "some keys refuse, the others are right"
	lastGroupLost  outcome = "exception: damage in the last group of the log looks like a torn write"
	lastGroupMixed outcome = "exception: the same, and a segment has lost a page of that group too"
	oldVersion     outcome = "exception: an older, well-formed version of a file"
)

// trial tries damages on a scene and keeps count.
type trial struct {
	t *testing.T
	s *scene
	n int
	// writers: every so many-th case is judged through a writer too, which
	// costs three times as much.
	writers int
	counts  map[outcome]int
	names   map[outcome][]string // of the exceptions
}

func newTrial(t *testing.T, s *scene) *trial {
	return &trial{t: t, s: s, writers: 1, counts: map[outcome]int{}, names: map[outcome][]string{}}
}

// report tells how many cases came out how; the exceptions are listed apart.
func (tr *trial) report() {
	tr.t.Helper()
	for _, o := range slices.Sorted(maps.Keys(tr.counts)) {
		tr.t.Logf("%6d %s", tr.counts[o], o)
		for _, name := range tr.names[o] {
			tr.t.Logf("       %s", name)
		}
	}
}

// try judges one damage, through a reader and through a writer that goes on.
func (tr *trial) try(d damage) {
	tr.t.Helper()
	tr.n++
	// A hang is to be told with the case that hangs.
	watch := time.AfterFunc(time.Minute, func() { panic("hangs: " + tr.s.name + ": " + d.name) })
	defer watch.Stop()
	disk := tr.s.disk.Snapshot()
	must(tr.t, d.apply(disk))
	for _, readOnly := range []bool{true, false} {
		if !readOnly && tr.n%tr.writers != 0 {
			continue
		}
		j := judge{s: tr.s, d: d, disk: disk.Snapshot(), readOnly: readOnly, n: tr.n}
		o, err := j.judge()
		if err != nil {
			tr.t.Errorf("%s: %s: read-only %v: %v", tr.s.name, d.name, readOnly, err)
			continue
		}
		tr.counts[o]++
		if strings.HasPrefix(string(o), "exception") && readOnly && len(tr.names[o]) < 12 {
			tr.names[o] = append(tr.names[o], d.name)
		}
	}
}

type judge struct {
	s        *scene
	d        damage
	disk     *faultfs.FS
	readOnly bool
	n        int
	db       *quiver.DB
	refusing int // keys that answered with a typed error
}

func (j *judge) judge() (o outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	before := j.unlocked().Digest()
	if err = j.open(false); err != nil {
		if err := j.typed(err); err != nil {
			return "", err
		}
		if j.unlocked().Digest() != before {
			return "", fmt.Errorf("open refused (%v) and changed the disk", err)
		}
		if n := j.disk.Handles() + j.disk.Locks(); n > 0 {
			return "", fmt.Errorf("open refused (%v) and left %d files or locks open", err, n)
		}
		return refused, j.salvage()
	}
	o, readable, err := j.look()
	if err != nil {
		_ = j.db.Close()
		return "", err
	}
	if j.readOnly {
		if err := j.db.Close(); err != nil {
			return "", fmt.Errorf("close: %w", err)
		}
		if j.unlocked().Digest() != before {
			return "", errors.New("a reader has changed the disk")
		}
		return o, nil
	}
	return o, j.goOn(readable)
}

func (j *judge) open(salvage bool) (err error) {
	o := j.s.o
	o.FS, o.Salvage = j.disk, salvage
	j.disk.Inject(j.d.plan)
	defer j.disk.Inject(nil)
	if j.readOnly {
		j.db, err = quiver.OpenReadOnly("/db", &o)
	} else {
		j.db, err = quiver.Open("/db", &o)
	}
	return err
}

// unlocked is the disk without the lock file.
func (j *judge) unlocked() *faultfs.FS {
	f := j.disk.Snapshot()
	_ = f.RemoveFile("/db/LOCK")
	return f
}

// typed says whether an error is one that damage may be answered with.
func (j *judge) typed(err error) error {
	var ce *quiver.CorruptionError
	switch {
	case errors.As(err, &ce):
		if !errors.Is(err, quiver.ErrCorrupt) || !strings.HasPrefix(ce.Path, "/db") {
			return fmt.Errorf("corruption error without a file: %w", err)
		}
		return nil
	case errors.Is(err, quiver.ErrIncompatible), errors.Is(err, quiver.ErrIncomplete), errors.Is(err, quiver.ErrNoDatabase):
		if !strings.Contains(err.Error(), "/db") {
			return fmt.Errorf("the error names no file: %w", err)
		}
		return nil
	}
	var pe *fs.PathError
	if j.d.system && errors.As(err, &pe) && strings.HasPrefix(pe.Path, "/db") {
		return nil
	}
	return fmt.Errorf("not a typed error: %w", err)
}

// look reads every key. The answers must be those of one state that the damage
// may leave; a key may refuse with a typed error.
func (j *judge) look() (outcome, pairs, error) {
	got, bad, err := j.readAll()
	if err != nil {
		return "", nil, err
	}
	plain := allRight
	if j.refusing = len(bad); j.refusing > 0 {
		plain = someRefuse
	}
	d := agree(j.s.now, got, bad)
	if d == "" {
		return plain, got, nil
	}
	inLast := j.d.file == logName && j.d.off+sector > j.s.lastGroup && j.s.before != nil
	if inLast && agree(j.s.before, got, bad) == "" {
		return lastGroupLost, got, nil
	}
	if inLast && j.d.mixed && j.mixture(got, bad) {
		return lastGroupMixed, got, nil
	}
	if j.d.older {
		for k, v := range got {
			if !j.s.history[k][v] {
				return "", nil, fmt.Errorf("key %q has a value that it never had", k)
			}
		}
		return oldVersion, got, nil
	}
	return "", nil, errors.New(d)
}

// mixture reports whether every key is as it is now or as it was before the
// last group.
func (j *judge) mixture(got pairs, bad map[string]bool) bool {
	for k := range j.s.history {
		v, ok := got[k]
		now, isNow := j.s.now[k]
		before, wasBefore := j.s.before[k]
		if !bad[k] && (ok != isNow || v != now) && (ok != wasBefore || v != before) {
			return false
		}
	}
	return true
}

// agree compares what was read with a state, refusing keys apart.
func agree(want, got pairs, bad map[string]bool) string {
	expect := pairs{}
	for k, v := range want {
		if !bad[k] {
			expect[k] = v
		}
	}
	return expect.diff(got)
}

// readAll gets every key that ever was, and scans.
func (j *judge) readAll() (got pairs, bad map[string]bool, err error) {
	got, bad = pairs{}, map[string]bool{}
	for k := range j.s.history {
		v, found, err := j.db.Get([]byte(k))
		switch {
		case err != nil:
			if err := j.typed(err); err != nil {
				return nil, nil, fmt.Errorf("get %q: %w", k, err)
			}
			bad[k] = true
		case found:
			got[k] = string(v)
		}
	}
	scanned, err := contents(j.db)
	if err != nil {
		if err := j.typed(err); err != nil {
			return nil, nil, fmt.Errorf("scan: %w", err)
		}
		if len(bad) == 0 {
			return nil, nil, fmt.Errorf("the scan refuses and no key does: %w", err)
		}
		return got, bad, nil
	}
	if len(bad) > 0 {
		return nil, nil, fmt.Errorf("the scan gave %d pairs where %d keys refuse", len(scanned), len(bad))
	}
	if d := got.diff(scanned); d != "" {
		return nil, nil, fmt.Errorf("scan and gets differ: %s", d)
	}
	return got, bad, nil
}
