package torture

import (
	"errors"
	"fmt"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// harsh tells whether a disk came to be in a way against which nothing can keep
// what was acknowledged.
//
// Under nopsow a write in flight takes its whole sector with it, bytes included
// that were synced long before. Under split-rename a file that is replaced may
// have neither its old name nor its new one; a disk that whole renames could have
// left too is like any other.
func harsh(im faultfs.Image) bool {
	switch im.State.Profile().Law {
	case faultfs.NoPSOW:
		_, _, torn := im.Sel.CutAtom()
		return torn
	case faultfs.SplitRename:
		return split(im)
	}
	return false
}

// split tells whether the steps of a rename are apart on a disk: neither all nor
// none of them would have left the same one.
func split(im faultfs.Image) bool {
	sel, pending := im.Sel, im.State.Pending()
	for from := 0; from < len(pending); {
		to, kept := from, 0
		for ; to < len(pending) && pending[to].Seq == pending[from].Seq; to++ {
			if sel.Has(to) {
				kept++
			}
		}
		if names(pending[from]) && kept > 0 && kept < to-from {
			every, none := sel, sel
			for i := from; i < to; i++ {
				every, none = every.With(i), none.Without(i)
			}
			switch im.Digest {
			case im.State.Image(every).Digest:
				sel = every
			case im.State.Image(none).Digest:
				sel = none
			default:
				return true
			}
		}
		from = to
	}
	return false
}

func names(a faultfs.Atom) bool { return a.Kind == faultfs.AtomBind || a.Kind == faultfs.AtomUnbind }

// detect judges a harsh disk: what is promised is to notice. Two things are
// excused, and counted. Damage in the last synced group of the log looks like a
// torn write: the state before the last acknowledgement may be found, or before the
// two last where one sector holds parts of both groups (rewriting). And where all names are lost, no database may be found.
func (s *sweep) detect(im faultfs.Image, w window) (f *flaw) {
	defer func() {
		if x := recover(); x != nil {
			f = &flaw{"I16 no panic", fmt.Sprintf("panic: %v", x)}
		}
	}()
	disk := im.FS()
	s.p.opens++
	s.p.seen.add(im.Digest, s.p.salt)
	db, err := quiver.Open(root, s.p.k.options(s.p.fs(disk)))
	if err != nil {
		return s.noticed(im, err, w)
	}
	got, err := content(db, s.p.keys)
	closing := db.Close()
	switch {
	case err != nil:
		return s.noticed(im, err, w)
	case closing != nil:
		return s.noticed(im, closing, w)
	}
	class := s.r.line.classOf(s.p, s.p.intern(got))
	before := s.r.line.before(w)
	if s.rewriting(im) {
		before = s.r.line.before(before)
	}
	switch {
	case class >= 0 && w.hasClass(s.r.line, class):
		return nil
	case class >= 0 && before.hasClass(s.r.line, class), before.low == 0 && same(got, s.r.line.was):
		s.counts.Excused++
		return nil
	}
	return &flaw{"I16 honest", "the loss goes unnoticed: " + s.r.line.explain(got, class, w)}
}

// rewriting tells whether the lost sector was in a write of recovery, which writes
// the last group that it relies on anew, and begins in front of it: with what was
// acknowledged in that group goes the end of the one before.
func (s *sweep) rewriting(im faultfs.Image) bool {
	i, _, torn := im.Sel.CutAtom()
	pending := im.State.Pending()
	if !torn || i >= len(pending) { // of a token whose calls have moved
		return false
	}
	atom := pending[i]
	return faultfs.ClassOf(atom.Path) == faultfs.ClassWAL && atom.Kind == faultfs.AtomData &&
		s.r.opening(atom.Seq) && atom.Off%int64(s.p.k.Sector) != 0
}

// noticed judges an error that the loss led to.
func (s *sweep) noticed(im faultfs.Image, err error, w window) *flaw {
	missing := errors.Is(err, quiver.ErrNoDatabase) || errors.Is(err, quiver.ErrIncomplete)
	switch {
	case errors.Is(err, quiver.ErrCorrupt), missing && s.r.line.states[w.low] == nil:
		return nil
	case missing && im.State.Profile().Law == faultfs.SplitRename:
		s.counts.Excused++
		return nil
	}
	return &flaw{"I16 honest", fmt.Sprintf("what was lost is not called damage: %v", err)}
}

// before is the window with the acknowledgement that made its lower end taken
// back.
func (t *timeline) before(w window) window {
	low := 0
	for _, a := range t.acks {
		if a.after <= w.to && a.state < w.low {
			low = a.state
		}
	}
	w.low = low
	return w
}
