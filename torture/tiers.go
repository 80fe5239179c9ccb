package torture

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// Tier is how much is tried before chance takes over.
type Tier string

const (
	// Exhaustive is every phrase on every start state: all subsets of up to
	// twelve pending writes at each call, and the same in each recovery. It is
	// the tier for every change.
	Exhaustive Tier = "exhaustive"
	// Bounded is every pair of phrases on every start state, and long lists of
	// subsets where there are too many; in the recoveries each loss alone, and
	// some drawn ones.
	Bounded Tier = "bounded"
	// Triple is every three phrases, looked at like Bounded. It takes days: see
	// Config.Share.
	Triple Tier = "triple"
	// Snapshots is what is done with snapshots that outlive their process: phrases
	// alone, looked at like Exhaustive, and chosen pairs, looked at like Bounded.
	Snapshots Tier = "snapshots"
	// Backups is the same of backups, full and incremental, and of restores.
	Backups Tier = "backups"
	// Swarm draws everything: longer workloads, options, errors, what a power
	// cut may leave.
	Swarm Tier = "swarm"
)

// Tiers are all of them.
func Tiers() []Tier { return []Tier{Exhaustive, Bounded, Triple, Snapshots, Backups, Swarm} }

// ParseTier reads the name of a tier.
func ParseTier(name string) (Tier, error) {
	for _, t := range Tiers() {
		if t == Tier(name) {
			return t, nil
		}
	}
	return "", fmt.Errorf("torture: unknown tier %q, want one of %v", name, Tiers())
}

// knobs is how many combinations of options a workload of the tier gets.
func (t Tier) knobs() int {
	switch t {
	case Exhaustive, Snapshots, Backups:
		return 2
	}
	return 1
}

// wheel is the number of turns after which the options repeat.
const wheel = 48

// tasks are those of a tier, in an order that depends on nothing.
func (t Tier) tasks(knobs, turn int) iter.Seq[Task] {
	once := Task{Double: Complete, Kill: Complete}
	twice := Task{Bounded: true, Double: Dropped, Kill: Dropped}
	return func(yield func(Task) bool) {
		switch t {
		case Exhaustive:
			if sequences(1, knobs, turn, once, yield) {
				edge(turn, yield)
			}
		case Bounded:
			sequences(2, knobs, turn, twice, yield)
		case Triple:
			sequences(3, knobs, turn, Task{Bounded: true, Double: Dropped}, yield)
		case Snapshots, Backups:
			f := familyOf(t)
			if f.tasks(1, knobs, turn, once, yield) {
				f.tasks(2, 1, turn, twice, yield)
			}
		}
	}
}

// sequences are all sequences of so many phrases on all start states, each with
// so many combinations of knobs, which rotate so that all of them take part.
func sequences(length, knobs, turn int, t Task, yield func(Task) bool) bool {
	all := allKnobs()
	words := len(alphabet(all[0]))
	count := 1
	for range length {
		count *= words
	}
	for i, start := range Starts() {
		for j := range count {
			for n := range knobs {
				k := all[(i*5+j*7+n*11+turn)%len(all)]
				list := alphabet(k)
				var ops []Op
				for m, rest := 0, j; m < length; m, rest = m+1, rest/words {
					ops = append(ops, list[rest%words]...)
				}
				t.Workload = Workload{k, start, ops}
				if !yield(t) {
					return false
				}
			}
		}
	}
	return true
}

// edgeSize is that of values that may cross the edge of a segment.
const edgeSize = 5000

// edge are the phrases with long values on a segment that is almost full.
func edge(turn int, yield func(Task) bool) {
	all := allKnobs()
	for j := range alphabet(all[0]) {
		k := all[(j*7+turn)%len(all)]
		// A large file of small sectors takes too long to copy.
		k.Sector = 4096
		ops := alphabet(k)[j]
		long := func(o Op) bool { return o.Kind == OpPut && o.Changes[0].Size >= edgeSize }
		if slices.ContainsFunc(ops, long) && !yield(Task{Workload: Workload{k, edgeStart, ops}}) {
			return
		}
	}
}

// randomTask draws a workload, what the power cuts of it may leave, and now and
// then faults.
func randomTask(rng *rand.Rand) Task {
	t := Task{Workload: randomWorkload(rng), Bounded: true, Double: Dropped}
	if rng.IntN(4) == 0 {
		t.Kill = Dropped
	}
	if rng.IntN(3) == 0 {
		t.Errors, t.ErrorStep = true, 20
		t.ErrorFirst = rng.IntN(t.ErrorStep)
	}
	if laws := faultfs.Laws(); rng.IntN(2) == 0 {
		t.Profile = faultfs.Profile{Law: laws[rng.IntN(len(laws))], Seed: rng.Uint64N(1000)}
	}
	return t
}
