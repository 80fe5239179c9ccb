package torture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// snapshotsName is the folder of snapshots in that of a database.
const snapshotsName = ".snapshots"

// ledger is what a run has made beside the pairs of its database, and that has to
// outlive the process: persisted snapshots, backups, restored databases.
type ledger struct {
	snaps   []*lasting
	backups []*backup
	copies  []*restored
}

// moment is when something was begun, the last call before it, and when it had
// returned well, its last call; never while it has not.
type moment struct{ begun, done int }

var notYet = moment{never, never}

// long is the moment of what was over before a run began.
var long = moment{-1, -1}

func (m moment) began(w window) bool { return m.begun < w.from }
func (m moment) over(w window) bool  { return m.done <= w.to }

// restarted is the moment in the eyes of the next run.
func (m moment) restarted() moment {
	if m == notYet {
		return notYet
	}
	return long
}

// lasting is a snapshot that outlives its process, and what it has to show.
type lasting struct {
	id                 string // "" where its begin has failed, and so did not tell
	lsn                uint64
	want               model.State
	begin, end, remove moment
}

// restart is the ledger of a run that goes on from this one.
func (l *ledger) restart() *ledger {
	next := &ledger{}
	for _, s := range l.snaps {
		if s.remove.done == never {
			next.snaps = append(next.snaps, &lasting{s.id, s.lsn, s.want, s.begin.restarted(), s.end.restarted(), s.remove.restarted()})
		}
	}
	for _, b := range l.backups {
		again := &backup{number: b.number, lsn: b.lsn, want: b.want, made: b.made.restarted()}
		if b.base != nil {
			again.base = next.backups[b.base.number]
		}
		next.backups = append(next.backups, again)
	}
	for _, c := range l.copies {
		again := &restored{number: c.number}
		for _, s := range c.steps {
			again.steps = append(again.steps, restoring{next.backups[s.of.number], s.made.restarted()})
		}
		next.copies = append(next.copies, again)
	}
	return next
}

// find is the snapshot of an ID, or of a begin that has failed and that shows
// the same.
func (l *ledger) find(s shown) *lasting {
	for _, e := range l.snaps {
		if e.id == s.id {
			return e
		}
	}
	for _, e := range l.snaps {
		if e.id == "" && s.differs(e.want) == "" {
			return e
		}
	}
	return nil
}

// snapshots compares what a handle shows of persisted snapshots with what may be
// there: each one that was begun and not ended is, and shows its state; one that
// was ended shows it as far as it can; one that was removed is not there.
func (l *ledger) snapshots(list []shown, w window) *flaw {
	bad := func(format string, args ...any) *flaw { return &flaw{"I12 snapshot", fmt.Sprintf(format, args...)} }
	listed := map[*lasting]bool{}
	for _, s := range list {
		e := l.find(s)
		switch {
		case e == nil || !e.begin.began(w):
			return bad("%s is listed, and was not begun", s.id)
		case e.remove.over(w):
			return bad("%s is listed, and was removed", s.id)
		case s.ended && !e.end.began(w):
			return bad("%s has ended, and nobody has ended it", s.id)
		case !s.ended && e.end.over(w):
			return bad("the end of %s is lost", s.id)
		case e.id != "" && s.lsn != e.lsn:
			return bad("%s has LSN %d, it was begun at %d", s.id, s.lsn, e.lsn)
		}
		if d := s.differs(e.want); d != "" {
			return bad("%s (ended %v): %s", s.id, s.ended, d)
		}
		listed[e] = true
	}
	for _, e := range l.snaps {
		if !listed[e] && e.begin.over(w) && !e.remove.began(w) {
			return bad("%s is lost", e.id)
		}
	}
	return nil
}

// owns tells whether a file is there for the snapshots that are listed.
func (l *ledger) owns(p string) bool {
	if strings.HasPrefix(p, inRoot(raw.StoreFolder)+"/") {
		return true // it stays when its last snapshot goes
	}
	folder, inside := strings.CutPrefix(p, inRoot(snapshotsName)+"/")
	id, _, deeper := strings.Cut(folder, "/")
	if inside && !deeper {
		return true // the registry
	}
	return slices.ContainsFunc(l.snaps, func(e *lasting) bool { return e.id == id && e.remove.done == never })
}
