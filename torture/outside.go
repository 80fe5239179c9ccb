package torture

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Folders beside that of the database. Neither is there before the first backup
// or restore makes it.
const (
	backupFolder = "backups"
	copyFolder   = "copies"
)

// backup is a backup of the database, and what it has to restore to.
type backup struct {
	number int // from 0, in the order in which they were begun
	base   *backup
	lsn    uint64
	want   model.State
	made   moment
}

func (b *backup) dir() string { return path.Join(backupFolder, strconv.Itoa(b.number+1)) }

// chain are the backups that restore to this one, the full one first.
func (b *backup) chain() []*backup {
	if b.base == nil {
		return []*backup{b}
	}
	return append(b.base.chain(), b)
}

// restored is a folder that backups were restored into, one over the other.
type restored struct {
	number int
	steps  []restoring
}

type restoring struct {
	of   *backup
	made moment
}

func (c *restored) dir() string { return path.Join(copyFolder, strconv.Itoa(c.number+1)) }

// backUp makes a full backup, or one of what changed since the last one. In its
// midst some keys are put, which it must not have.
func (r *run) backUp(incremental bool, meanwhile []Change) error {
	b := &backup{number: len(r.ledger.backups), want: r.line.states[r.line.top], made: notYet}
	o := quiver.BackupOptions{}
	if incremental {
		if b.base = r.ledger.lastBackup(func(*backup) bool { return true }); b.base == nil {
			return nil
		}
		o.Since = &b.base.lsn
	}
	r.ledger.backups = append(r.ledger.backups, b)
	busy := false
	return r.during(&b.made, func() error {
		var late error
		o.Progress = func(quiver.Progress) {
			for _, c := range meanwhile {
				late = errors.Join(late, r.write(Op{Kind: OpPut, Changes: []Change{c}}, &step{begin: r.disk.Seq()}))
			}
			meanwhile, busy = nil, busy || len(meanwhile) > 0
		}
		info, err := r.db.Backup(context.Background(), b.dir(), o)
		if err = errors.Join(err, late); err != nil {
			return err
		}
		b.lsn = info.LSN
		if lsn := r.db.LastLSN(); lsn != b.lsn && !busy && r.faults == nil {
			r.flaw("I13 backup", "it says LSN %d, the database is at %d", b.lsn, lsn)
		}
		// It has made durable what had no sync of its own.
		r.line.ackBorn(r.disk.Seq())
		return nil
	})
}

// lastBackup is the last complete one that fits.
func (l *ledger) lastBackup(fits func(*backup) bool) *backup {
	for i := len(l.backups) - 1; i >= 0; i-- {
		if b := l.backups[i]; b.made.done != never && fits(b) {
			return b
		}
	}
	return nil
}

// restore restores the last full backup into a new folder, or the next incremental
// one into the last such folder.
func (r *run) restore(incremental bool) error {
	var c *restored
	var b *backup
	if incremental {
		if len(r.ledger.copies) == 0 {
			return nil
		}
		c = r.ledger.copies[len(r.ledger.copies)-1]
		top := c.steps[len(c.steps)-1]
		b = r.ledger.lastBackup(func(b *backup) bool { return b.base == top.of })
		if b == nil || top.made.done == never {
			return nil
		}
	} else {
		if b = r.ledger.lastBackup(func(b *backup) bool { return b.base == nil }); b == nil {
			return nil
		}
		c = &restored{number: len(r.ledger.copies)}
		r.ledger.copies = append(r.ledger.copies, c)
	}
	c.steps = append(c.steps, restoring{b, notYet})
	return r.during(&c.steps[len(c.steps)-1].made, func() error {
		info, err := restore(c.dir(), b.dir(), r.fs())
		if err == nil && info.LSN != b.lsn {
			r.flaw("I14 restore", "it says LSN %d, the backup has %d", info.LSN, b.lsn)
		}
		return err
	})
}

func restore(to, from string, fsys vfs.FS) (quiver.BackupInfo, error) {
	return quiver.Restore(context.Background(), to, from, quiver.RestoreOptions{FS: fsys})
}

// lookOutside judges what is beside the database, on a copy of the disk.
func (r *run) lookOutside() {
	if r.ledger.inside() || r.faults != nil && r.faults.has(faultfs.EffectF4) {
		return // an error that F4 holds back would be the judge's
	}
	if r.beside == nil {
		r.beside = newBesides(newProber(r.w, r.mutate))
	}
	o := r.beside.look(r.disk.Snapshot, r.ledger)
	if f := r.ledger.outside(o, r.beside.p, r.now()); f != nil {
		r.flaws = append(r.flaws, f.flaw)
	}
}

// inside tells whether there is nothing beside the database.
func (l *ledger) inside() bool { return len(l.backups)+len(l.copies) == 0 }

// outside compares what is beside the database with what may be there.
func (l *ledger) outside(o *beside, p *prober, w window) *secondFlaw {
	if len(o.flaws) > 0 {
		return &o.flaws[0]
	}
	for i, b := range l.backups {
		if text := l.backup(b, o.backups[i], p, w); text != "" {
			return &secondFlaw{flaw: flaw{"I13 backup", fmt.Sprintf("%s of LSN %d: %s", b.dir(), b.lsn, text)}}
		}
	}
	for i, c := range l.copies {
		if text := c.judge(o.copies[i], p, w); text != "" {
			return &secondFlaw{flaw: flaw{"I14 restore", c.dir() + ": " + text}}
		}
	}
	return nil
}

func (l *ledger) backup(b *backup, h held, p *prober, w window) string {
	switch {
	case b.made.over(w) && h.how != whole:
		return "it had returned, and is " + h.how.String()
	case !b.made.began(w) && h.how != nothing:
		return "it was not begun, and is " + h.how.String()
	case h.how == whole:
		return model.Diff(p.contents[h.holds], b.want)
	}
	return ""
}

// judge: the state of the last step that had returned or of a later one that was
// begun; and incomplete only in the middle of a step.
func (c *restored) judge(h held, p *prober, w window) string {
	low, high := -1, -1
	for i, s := range c.steps {
		if s.made.over(w) {
			low = i
		}
		if s.made.began(w) {
			high = i
		}
	}
	switch {
	case h.how == nothing && low >= 0, h.how == unfinished && low == high:
		return fmt.Sprintf("step %d had returned, step %d was begun, and it is %v", low+1, high+1, h.how)
	case h.how != whole:
		return ""
	}
	diff := "nothing was begun"
	for i := max(low, 0); i <= high; i++ {
		if diff = model.Diff(p.contents[h.holds], c.steps[i].of.want); diff == "" {
			return ""
		}
	}
	return diff
}

// how is how much of a backup or a restored database there is.
type how uint8

const (
	nothing how = iota
	unfinished
	whole
)

func (h how) String() string { return [...]string{"not there", "incomplete", "complete"}[h] }

// held is what a folder beside the database holds.
type held struct {
	how   how
	holds int // content, as an index into prober.contents
	bytes faultfs.Digest
}

// refusal tells how much an error of an open or of a restore says that there is.
func refusal(err error) (h how, ok bool) {
	switch {
	case errors.Is(err, quiver.ErrIncomplete):
		return unfinished, true
	case errors.Is(err, quiver.ErrNoDatabase):
		return nothing, true
	}
	return nothing, false
}

// extract copies the files below some folders to an empty disk; one of them comes
// to stand where the database does.
func extract(disk *faultfs.FS, asRoot string, folders ...string) (*faultfs.FS, error) {
	to := faultfs.New(faultfs.Options{NoReads: true})
	for _, p := range disk.List() {
		for _, f := range folders {
			name, inside := strings.CutPrefix(p, "/"+f+"/")
			if !inside || name == "LOCK" {
				continue
			}
			b, err := disk.ReadFile(p)
			if err != nil {
				return nil, err
			}
			if f == asRoot {
				f = root
			}
			if err := to.WriteFile(path.Join("/", f, name), b); err != nil {
				return nil, err
			}
		}
	}
	to.ResetLog()
	return to, nil
}
