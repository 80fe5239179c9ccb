package faultfs

import (
	"fmt"
	"iter"
)

// Image is one disk that a crash may leave.
type Image struct {
	State  *State
	Sel    Selection
	Digest Digest // of the content; equal for equal images of any state

	t tree // frozen
}

// Images yields the different disks among the selections of e, under the
// profile of e. Under Kill there is one, the live view.
//
// The same disk may come again at a later state, and must then be judged
// again, because more may have been promised by then; what recovery makes of
// it can be looked up by its digest.
func (s *State) Images(e Enum) iter.Seq[Image] {
	return func(yield func(Image) bool) {
		seen := make(map[Digest]struct{})
		under := s.under(e)
		b := under.builder()
		for sel := range under.Selections(e) {
			im := under.image(b, sel)
			if _, known := seen[im.Digest]; known {
				continue
			}
			seen[im.Digest] = struct{}{}
			if !yield(im) {
				return
			}
		}
	}
}

// Image is the disk that a power cut leaves if the selected atoms persist, as
// far as the profile allows it.
func (s *State) Image(sel Selection) Image { return s.image(s.builder(), sel) }

// builder is nil under Kill.
func (s *State) builder() *builder {
	if s.profile.Law == Kill {
		return nil
	}
	return s.d.builder(s.profile)
}

func (s *State) image(b *builder, sel Selection) Image {
	if b == nil {
		return Image{State: s, Sel: All(len(s.d.pending)), Digest: s.d.live.digest(), t: s.d.live}
	}
	sel = s.Lawful(sel)
	t := b.tree(sel)
	return Image{State: s, Sel: sel, Digest: t.digest(), t: t}
}

// FS makes a disk to work on, a new one each time. Everything on it is durable,
// except under Kill; see State.Kill.
func (im Image) FS() *FS {
	if im.State.profile.Law == Kill {
		return im.State.Kill()
	}
	return newFS(im.State.derived(), im.State.d.settled(im.t.fork()), 0)
}

// String names the image: the call that had been made last, and the selection.
func (im Image) String() string { return fmt.Sprintf("k=%d,a=%v", im.State.From, im.Sel) }
