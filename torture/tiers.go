package torture

import (
	"fmt"
	"iter"
	"math/rand/v2"
)

// Tier is how much is tried before chance takes over.
type Tier string

const (
	// Quick is for the tests of every change: one phrase a workload, each with
	// one or two combinations of knobs.
	Quick Tier = "quick"
	// Full is every phrase on every start state with every combination of
	// knobs, every fault, and pairs of phrases.
	Full Tier = "full"
	// Night adds all pairs of phrases with faults.
	Night Tier = "night"
	// Random is chance alone.
	Random Tier = "random"
)

// ParseTier reads the name of a tier.
func ParseTier(name string) (Tier, error) {
	switch t := Tier(name); t {
	case Quick, Full, Night, Random:
		return t, nil
	}
	return "", fmt.Errorf("torture: unknown tier %q, want quick, full, night or random", name)
}

// tasks are those of a tier, in an order that depends on nothing.
func (t Tier) tasks() iter.Seq[Task] {
	return func(yield func(Task) bool) {
		switch t {
		case Quick:
			_ = crashTasks(2, Dropped, yield) && errorTasks(1, 29, yield)
		case Full:
			_ = crashTasks(len(allKnobs()), Complete, yield) && errorTasks(4, 1, yield) && pairTasks(3, 0, yield)
		case Night:
			_ = crashTasks(len(allKnobs()), Complete, yield) && errorTasks(len(allKnobs()), 1, yield) && pairTasks(1, 7, yield)
		}
	}
}

// crashTasks are all single phrases on all start states, each with so many
// combinations of knobs, which rotate so that all of them take part.
func crashTasks(knobs int, depth Depth, yield func(Task) bool) bool {
	all := allKnobs()
	for i, start := range Starts() {
		for j := range alphabet(all[0]) {
			for n := range knobs {
				k := all[(i*5+j*7+n*11)%len(all)]
				t := Task{Workload: Workload{k, start, alphabet(k)[j]}, Double: depth, Kill: depth}
				if !yield(t) {
					return false
				}
			}
		}
	}
	return true
}

// errorTasks try every step-th fault on single phrases.
func errorTasks(knobs, step int, yield func(Task) bool) bool {
	all := allKnobs()
	for i, start := range Starts() {
		for j := range alphabet(all[0]) {
			for n := range knobs {
				k := all[(i*3+j*5+n*13)%len(all)]
				t := Task{Workload: Workload{k, start, alphabet(k)[j]}, OnlyErrors: true, Errors: true, ErrorStep: step, ErrorFirst: (i + j) % step}
				if !yield(t) {
					return false
				}
			}
		}
	}
	return true
}

// pairTasks are every step-th pair of phrases on all start states; errors is
// the step of the faults, 0 for none.
func pairTasks(step, errors int, yield func(Task) bool) bool {
	all := allKnobs()
	n := 0
	for _, start := range Starts() {
		for a := range alphabet(all[0]) {
			for b := range alphabet(all[0]) {
				if n++; n%step != 0 {
					continue
				}
				k := all[n%len(all)]
				words := alphabet(k)
				t := Task{Workload: Workload{k, start, phrases(words[a], words[b])}, Double: Dropped, Kill: Dropped,
					Errors: errors > 0, ErrorStep: errors, ErrorFirst: n % max(errors, 1)}
				if !yield(t) {
					return false
				}
			}
		}
	}
	return true
}

// randomTask draws a workload, and now and then faults.
func randomTask(rng *rand.Rand) Task {
	t := Task{Workload: randomWorkload(rng), Double: Dropped}
	if rng.IntN(4) == 0 {
		t.Kill = Dropped
	}
	if rng.IntN(3) == 0 {
		t.Errors, t.ErrorStep = true, 20
		t.ErrorFirst = rng.IntN(t.ErrorStep)
	}
	return t
}
