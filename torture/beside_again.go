package torture

import (
	"context"
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// An interrupted backup or restore can be made again, and then is right; so is
// what a second crash leaves of that.

// backUpAgain makes an incomplete backup of a disk again, from the database as it
// was recovered.
func (s *besides) backUpAgain(disk *faultfs.FS, b *backup) {
	db, err := quiver.Open(root, s.p.k.options(s.p.fs(disk)))
	if err != nil {
		return // judged where the database is
	}
	got, err := content(db, nil)
	if err != nil {
		_ = db.Close() // as above
		return
	}
	o := quiver.BackupOptions{}
	if b.base != nil {
		o.Since = &b.base.lsn
	}
	disk.ResetLog()
	begun := disk.Seq()
	_, err = db.Backup(context.Background(), b.dir(), o)
	ended, log := disk.Seq(), disk.Log()
	if e := db.Close(); err == nil {
		err = e
	}
	if err != nil {
		s.flaw("I13 backup", "made again: %v", err)
		return
	}
	s.crashAgain(log, begun, ended, func(d *faultfs.FS, to int) string {
		h := s.backup(d, b)
		switch {
		case to >= ended && h.how != whole:
			return "made again, it is " + h.how.String()
		case to < ended && h.how == whole && model.Equal(s.p.contents[h.holds], b.want):
			return "" // what an attempt that failed has left was removed, and is back
		case h.how == whole:
			return model.Diff(s.p.contents[h.holds], got)
		}
		return ""
	}, "I13 backup")
}

// restoreAgain makes the restore again that was interrupted: of the backups, one
// goes on, and the others are refused.
func (s *besides) restoreAgain(disk *faultfs.FS, c *restored) {
	disk.ResetLog()
	begun := disk.Seq()
	var of, over *backup
	var refusals []error
	for _, step := range c.steps {
		before := filesOf(disk, c.dir())
		_, err := restore(c.dir(), step.of.dir(), s.p.fs(disk))
		if err == nil {
			of = step.of
			over = of.base
			break
		}
		refusals = append(refusals, err)
		if !errors.Is(err, quiver.ErrIncomplete) {
			s.flaw("I14 restore", "%s into an incomplete %s: %v", step.of.dir(), c.dir(), err)
		}
		if filesOf(disk, c.dir()) != before {
			s.flaw("I14 restore", "%s into an incomplete %s is refused and changes it", step.of.dir(), c.dir())
		}
	}
	if of == nil {
		s.flaw("I14 restore", "it cannot be made again: %v", errors.Join(refusals...))
		return
	}
	want, ended := s.backup(disk, of), disk.Seq()
	s.crashAgain(disk.Log(), begun, ended, func(d *faultfs.FS, to int) string {
		h := s.copy(d, c)
		switch {
		case to >= ended && h.how != whole:
			return "made again, it is " + h.how.String()
		case h.how != whole:
			return ""
		case to < ended && s.live && over != nil && h.holds == s.backup(d, over).holds:
			return "" // what the dead process has begun was not durable
		case h.holds != want.holds:
			return model.Diff(s.p.contents[h.holds], s.p.contents[want.holds])
		case h.bytes != want.bytes:
			return "made again, it has other bytes than what is restored at once"
		}
		return ""
	}, "I14 restore")
}

// writeOn uses a complete copy that a dead process has left, of which not all need
// be durable: what is acknowledged then stays, and the copy stays one.
func (s *besides) writeOn(disk *faultfs.FS, c *restored, h held) {
	const key = "written on"
	disk.ResetLog()
	begun := disk.Seq()
	db, err := quiver.Open(c.dir(), s.p.k.options(s.p.fs(disk)))
	if err != nil {
		s.flaw("I14 restore", "opening %s after a kill: %v", c.dir(), err)
		return
	}
	err = db.Put([]byte(key), []byte(key))
	ended, log := disk.Seq(), disk.Log()
	if err = errors.Join(err, db.Close()); err != nil {
		s.flaw("I14 restore", "using %s after a kill: %v", c.dir(), err)
		return
	}
	want := s.p.contents[h.holds]
	after := want.Clone()
	after[key] = key
	s.crashAgain(log, begun, ended, func(d *faultfs.FS, to int) string {
		db, err := quiver.OpenReadOnly(c.dir(), s.p.k.options(s.p.fs(d)))
		if err != nil {
			if _, ok := refusal(err); ok && to < ended {
				return "" // the end of the restore was not durable
			}
			return fmt.Sprintf("used and then crashed: %v", err)
		}
		got, err := content(db, nil)
		if err = errors.Join(err, db.Close()); err != nil {
			return err.Error()
		}
		if to < ended && model.Equal(got, want) {
			return ""
		}
		return model.Diff(got, after)
	}, "I14 restore")
}

// crashAgain cuts the power at every call of a log from begun on, and asks judge.
func (s *besides) crashAgain(log *faultfs.Log, begun, ended int, judge func(d *faultfs.FS, to int) string, rule string) {
	if len(s.flaws) > 0 {
		return
	}
	s.calls[0] += ended - begun
	if s.depth == Once {
		st := log.StateAfter(ended)
		if text := judge(st.Kill(), ended); text != "" {
			s.flaw(rule, "%s", text)
		}
		return
	}
	e := s.depth.enumeration(s.p.law)
	for st := range log.Points() {
		if e.Profile != (faultfs.Profile{}) {
			st = st.Under(e.Profile)
		}
		images := st.Images(e)
		if s.p.only != nil {
			images = s.p.only.image(st)
		}
		for im := range images {
			if harsh(im) {
				continue
			}
			s.p.seconds++
			text := judge(im.FS(), st.To)
			if text != "" {
				s.flaw(rule, "a second crash: %s", text)
			}
			if len(s.flaws) > 0 {
				s.flaws[0].at = crash{point: st, sel: im.Sel}
				return
			}
		}
		s.calls[1] += covered([][2]int{{st.From, st.To}}, begun, ended)
	}
}
