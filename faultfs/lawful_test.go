package faultfs

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// chronicle remembers every atom of a run and what became of it, so that
// legality can be told from the whole past, without duties.
type chronicle struct {
	f     *FS
	r     *rand.Rand
	files map[string]vfs.File
	atoms []*past
	syncs []syncAct
}

type past struct {
	Atom
	durable bool
}

func (c *chronicle) find(a *Atom, nth int) *past {
	for _, p := range c.atoms {
		if p.Seq == a.Seq {
			if nth == 0 {
				return p
			}
			nth--
		}
	}
	return nil
}

// note brings the chronicle up to date after a call that may have been a sync
// of an inode.
func (c *chronicle) note(synced ino) {
	if synced != noIno {
		c.syncs = append(c.syncs, syncAct{ino: synced, upTo: c.f.Seq() - 1})
	}
	pending := map[*past]bool{}
	var seq, nth int
	for _, a := range c.f.d.pending {
		if a.Seq != seq {
			seq, nth = a.Seq, 0
		}
		p := c.find(a, nth)
		for ; p != nil && (p.durable || p.Kind != a.Kind || p.Off != a.Off); nth++ {
			p = c.find(a, nth+1)
		}
		if p == nil {
			p = &past{Atom: *a}
			c.atoms = append(c.atoms, p)
		}
		nth++
		pending[p] = true
	}
	c.atoms = slices.DeleteFunc(c.atoms, func(p *past) bool {
		if pending[p] || p.durable {
			return false
		}
		p.durable = p.entries() || p.ino == synced
		return !p.durable // swept with its file
	})
}

// step makes a random call.
func (c *chronicle) step() {
	names := []string{"/a", "/b", "/d/a", "/d/b"}
	name := names[c.r.IntN(len(names))]
	synced := noIno
	h := c.files[name]
	switch k := c.r.IntN(12); {
	case h == nil:
		h, err := c.f.OpenFile(name, vfs.Write|vfs.Create)
		if err == nil {
			c.files[name] = h
		}
	case k < 4:
		_, _ = h.WriteAt(make([]byte, 1+c.r.IntN(1400)), int64(c.r.IntN(3000)))
	case k == 4:
		_ = h.Truncate(int64(c.r.IntN(3000)))
	case k == 5:
		_ = h.Allocate(0, int64(1+c.r.IntN(3000)))
	case k == 6 || k == 7:
		synced = h.(*file).ino
		_ = h.Sync()
	case k == 8:
		dir := []string{"/", "/d"}[c.r.IntN(2)]
		p, _ := c.f.d.live.resolve(dir)
		synced = p.ino
		_ = c.f.SyncDir(dir)
	case k == 9:
		_ = h.Close()
		_ = c.f.Remove(name)
		delete(c.files, name)
	default:
		to := names[c.r.IntN(len(names))]
		if c.files[to] == nil && c.f.Rename(name, to) == nil {
			c.files[to] = h
			delete(c.files, name)
		}
	}
	c.note(synced)
}

// legal tells from the laws' own words whether the chosen pending atoms may
// persist together, with all that has become durable.
func (c *chronicle) legal(law Law, chosen map[*past]bool) bool {
	persists := func(p *past) bool { return p.durable || chosen[p] }
	for _, s := range c.syncs {
		for _, p := range c.atoms {
			created := p.Kind == AtomBind && p.ino == s.ino
			if p.Seq <= s.upTo && (created || law == Prefix) && !persists(p) {
				return false
			}
		}
	}
	for i, late := range c.atoms {
		if !persists(late) {
			continue
		}
		for _, early := range c.atoms[:i] {
			if !persists(early) && c.waits(law, early, late) {
				return false
			}
		}
		for _, d := range c.atoms {
			if law == Prefix && d.Seq == late.Seq && d.Seq < c.f.Seq() && !persists(d) {
				return false // a call that is over is whole
			}
			shows := late.Kind == AtomGrow && d.Kind == AtomData && d.Seq == late.Seq && d.Off+int64(d.Len) > late.base
			if law != Ext4ish && shows && !persists(d) {
				return false
			}
		}
	}
	return true
}

// waits tells whether late may not persist without early.
func (c *chronicle) waits(law Law, early, late *past) bool {
	meta := func(p *past) bool { return p.Kind != AtomData }
	switch law {
	case Ext4ish:
		share := early.in(late.dir) || late.Kind == AtomRename && early.in(late.to)
		return early.entries() && late.entries() && share
	case Ordered:
		return meta(early) && meta(late)
	}
	return early.Seq < late.Seq || meta(early) && meta(late)
}

// chosen translates a selection.
func (c *chronicle) chosen(sel Selection) map[*past]bool {
	m := map[*past]bool{}
	i := 0
	for _, p := range c.atoms {
		if !p.durable {
			m[p] = sel.Has(i)
			i++
		}
	}
	return m
}

// TestLawfulIsTheLaw compares the narrowing with the words of the laws: a
// selection is left alone exactly when it is legal, and what is made of it is
// the largest legal part together with what must persist.
func TestLawfulIsTheLaw(t *testing.T) {
	legal, illegal := 0, 0
	for seed := range uint64(12) {
		c := &chronicle{f: New(Options{Sector: 512}), r: rand.New(rand.NewPCG(seed, 9)), files: map[string]vfs.File{}}
		if err := c.f.Mkdir("/d"); err != nil {
			t.Fatal(err)
		}
		c.note(noIno)
		for range 60 {
			c.step()
			n := len(c.f.d.pending)
			if n == 0 || n > 60 {
				continue
			}
			for _, law := range []Law{Ext4ish, Ordered, Prefix} {
				s := c.f.State().Under(Profile{Law: law})
				must := s.Lawful(None())
				if !c.legal(law, c.chosen(must)) {
					t.Fatalf("seed %d, %v: losing all that may be lost is illegal\n%v", seed, law, c.f.Log())
				}
				for range 8 {
					sel := c.draw(n)
					got := s.Lawful(sel)
					ok := c.legal(law, c.chosen(sel))
					if same := got.String() == sel.String(); same != ok {
						t.Fatalf("seed %d, %v: %v becomes %v, legal: %v\n%v\n%v", seed, law, sel, got, ok, s.Pending(), c.f.Log())
					}
					if ok {
						legal++
					} else {
						illegal++
					}
					c.largest(t, law, sel, must, got)
				}
			}
		}
	}
	if legal < 200 || illegal < 200 {
		t.Errorf("%d legal and %d illegal selections tried", legal, illegal)
	}
}

func (c *chronicle) draw(n int) Selection {
	sel := None()
	chance := []float64{0.3, 0.7, 0.95}[c.r.IntN(3)]
	if c.r.IntN(3) == 0 {
		sel = All(c.r.IntN(n + 1))
	}
	for i := range n {
		if c.r.Float64() < chance/2 {
			sel = sel.With(i)
		}
	}
	return sel
}

// largest wants got to be legal, and no legal selection between it and the
// part of sel that it was made from.
func (c *chronicle) largest(t *testing.T, law Law, sel, must, got Selection) {
	t.Helper()
	if !c.legal(law, c.chosen(got)) {
		t.Fatalf("%v: %v becomes %v, which is illegal\n%v", law, sel, got, c.f.Log())
	}
	for i := range c.f.d.pending {
		if got.Has(i) && !sel.Has(i) && !must.Has(i) {
			t.Fatalf("%v: %v becomes %v: atom %d was neither selected nor bound", law, sel, got, i)
		}
	}
	for range 4 {
		more := got.clone()
		for i := range c.f.d.pending {
			if sel.Has(i) && c.r.IntN(2) == 0 {
				more.set(i)
			}
		}
		if more.String() != got.String() && c.legal(law, c.chosen(more)) {
			t.Fatalf("%v: %v becomes %v, but %v is legal too\n%v", law, sel, got, more, c.f.Log())
		}
	}
}

// TestLawsAreNested wants everything that a milder law allows to be allowed by
// the stricter ones.
func TestLawsAreNested(t *testing.T) {
	for seed := range uint64(20) {
		c := &chronicle{f: New(Options{Sector: 512}), r: rand.New(rand.NewPCG(seed, 10)), files: map[string]vfs.File{}}
		if err := c.f.Mkdir("/d"); err != nil {
			t.Fatal(err)
		}
		for range 80 {
			c.step()
			s := c.f.State()
			sel := c.draw(len(s.d.pending))
			for law := Prefix; law > Ext4ish; law-- {
				mild := s.Under(Profile{Law: law}).Lawful(sel)
				if again := s.Under(Profile{Law: law - 1}).Lawful(mild); again.String() != mild.String() {
					t.Fatalf("seed %d: %v allows %v, %v makes %v of it\n%v", seed, law, mild, law-1, again, c.f.Log())
				}
			}
		}
	}
}
