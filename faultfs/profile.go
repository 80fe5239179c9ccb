package faultfs

import (
	"fmt"
	"strconv"
	"strings"
)

// Law is a family of file systems: which of the pending atoms may survive a
// power cut together, and what stands where nothing was written.
type Law uint8

const (
	// Posix lets any subset of the pending atoms persist.
	Posix Law = iota
	// Ext4ish makes a sync of a file persist its creating entry too, and
	// entries persist in the order of issue within each directory.
	Ext4ish
	// Ordered is Ext4ish, and data persists before the size that shows it;
	// entries and sizes persist in the order of issue over the whole disk.
	Ordered
	// Prefix lets only prefixes of the calls persist, and every sync persists
	// whatever was issued before it. The call in flight may be cut as under
	// Ordered.
	Prefix
	// Garbage is Posix, but where the size that a write made persists without
	// its bytes stands noise, or what a removed file or a cut tail had there.
	Garbage
	// SplitRename is Posix with renames in up to three steps that persist
	// apart: the replaced name goes, the new name comes, the old name goes.
	SplitRename
	// NoPSOW is Posix on a disk without powersafe overwrite: of the sectors on
	// their way to the disk one may lose all of its bytes, those that were
	// durable before included. It then holds zeros or noise. A cut that ends
	// inside a sector writes that sector too. There are no byte cuts.
	NoPSOW
	// Kill ends the processes and not the machine: the live view is the only
	// outcome, and what was pending stays pending. For a power cut after it,
	// enumerate the log of the FS that the image makes.
	Kill
)

var lawNames = [...]string{"posix", "ext4ish", "ordered", "prefix", "garbage", "split-rename", "nopsow", "kill"}

// Laws lists all laws. From Posix to Prefix each one allows a part of what the
// one before allows.
func Laws() []Law {
	all := make([]Law, len(lawNames))
	for i := range all {
		all[i] = Law(i)
	}
	return all
}

func (l Law) String() string {
	if int(l) < len(lawNames) {
		return lawNames[l]
	}
	return fmt.Sprintf("law%d", l)
}

// narrows tells whether the law forbids some subsets of the pending atoms.
func (l Law) narrows() bool { return l == Ext4ish || l == Ordered || l == Prefix }

// Profile is what a disk may leave after a crash. The zero value is the
// strictest of the laws that every program has to live with, Posix.
type Profile struct {
	Law Law
	// Seed decides about bytes: which noise, and whose old bytes (Garbage,
	// NoPSOW). The other laws have no use for it.
	Seed uint64
}

// String is the name of the law, followed by "=" and the seed in decimal when
// there is one: "ordered", "garbage=7".
func (p Profile) String() string {
	if p.Seed == 0 {
		return p.Law.String()
	}
	return fmt.Sprintf("%v=%d", p.Law, p.Seed)
}

// ParseProfile reads what String wrote.
func ParseProfile(text string) (Profile, error) {
	name, seed, seeded := strings.Cut(text, "=")
	for i, known := range lawNames {
		if name != known {
			continue
		}
		p := Profile{Law: Law(i)}
		if seeded {
			n, err := strconv.ParseUint(seed, 10, 64)
			if err != nil {
				return Profile{}, fmt.Errorf("faultfs: seed of profile %q: %w", text, err)
			}
			p.Seed = n
		}
		return p, nil
	}
	return Profile{}, fmt.Errorf("faultfs: unknown profile %q, want one of %s", text, strings.Join(lawNames[:], " "))
}

// Under is the same disk seen under another profile. Images and crashes of the
// state it returns follow that profile, and so does its list of pending atoms,
// in which SplitRename has several atoms for one rename. A selection belongs
// to the profile that it was made under.
func (s *State) Under(p Profile) *State {
	if s.whole != nil {
		s = s.whole
	}
	if p == (Profile{}) {
		return s
	}
	c := *s
	c.profile, c.whole = p, s
	if p.Law == SplitRename {
		d := *s.d
		d.pending = splitRenames(d.pending)
		c.d = &d
	}
	return &c
}

// Profile is what the state was seen under; see Under.
func (s *State) Profile() Profile { return s.profile }

// splitRenames puts the steps of each rename in its place.
func splitRenames(pending []*Atom) []*Atom {
	split := make([]*Atom, 0, len(pending))
	for _, a := range pending {
		if a.Kind != AtomRename {
			split = append(split, a)
			continue
		}
		if a.over {
			split = append(split, &Atom{Seq: a.Seq, Kind: AtomUnbind, Path: a.To, dir: a.to, name: a.toName})
		}
		split = append(split,
			&Atom{Seq: a.Seq, Kind: AtomBind, Path: a.To, dir: a.to, name: a.toName, ino: a.ino},
			&Atom{Seq: a.Seq, Kind: AtomUnbind, Path: a.Path, dir: a.dir, name: a.name})
	}
	return split
}
