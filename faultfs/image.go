package faultfs

import (
	"fmt"
	"iter"
)

// Image is one disk that a power cut may leave.
type Image struct {
	State  *State
	Sel    Selection
	Digest Digest // of the content; equal for equal images of any state

	t tree // frozen
}

// Images yields the different disks among the selections of e.
//
// The same disk may come again at a later state, and must then be judged
// again, because more may have been promised by then; what recovery makes of
// it can be looked up by its digest.
func (s *State) Images(e Enum) iter.Seq[Image] {
	return func(yield func(Image) bool) {
		seen := make(map[Digest]struct{})
		for sel := range s.Selections(e) {
			im := s.Image(sel)
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

// Image is the disk that a power cut leaves if the selected atoms persist.
func (s *State) Image(sel Selection) Image {
	t := s.d.crashed(sel)
	t.own = nil
	return Image{State: s, Sel: sel, Digest: t.digest(), t: t}
}

// FS makes a disk to work on, a new one each time.
func (im Image) FS() *FS {
	return newFS(im.State.derived(), im.State.d.settled(im.t.fork()), 0)
}

// String names the image: the call that had been made last, and the selection.
func (im Image) String() string { return fmt.Sprintf("k=%d,a=%v", im.State.From, im.Sel) }
