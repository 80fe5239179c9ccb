package torture

import (
	"math/rand/v2"
	"slices"
)

// alphabet are the phrases that workloads are made of: mostly one operation, some
// a few that only together are of interest. Their keys fit the start states.
func alphabet(k Knobs) [][]Op {
	last := k.Buckets - 1
	x, y, tail := keyIn(0, 0, k.Buckets), keyIn(0, 1, k.Buckets), keyIn(0, 9, k.Buckets)
	n, m, q := keyIn(0, 30, k.Buckets), keyIn(last, 31, k.Buckets), keyIn(last/2, 32, k.Buckets)
	mark := func(key string) Op {
		return Op{Kind: OpPut, Changes: []Change{{Key: key, Size: markedSize, Mark: true}}}
	}
	batch := func(kind Kind, changes ...Change) Op { return Op{Kind: kind, Changes: changes} }
	set := func(key string, size int) Change { return Change{Key: key, Size: size} }
	gone := func(key string) Change { return Change{Key: key, Delete: true} }
	plain := func(kind Kind) Op { return Op{Kind: kind} }
	one := func(ops ...Op) []Op { return ops }
	return [][]Op{
		one(put(n, 40)),
		one(put(n, 900)),
		one(put(n, 9000)),
		one(put(m, 40)),
		one(put(x, 900)),
		one(put(x, 1000)),
		one(put(x, 5000)),
		one(put(x, 0)),
		one(mark(x)),
		one(mark(n)),
		one(del(x)),
		one(del("missing")),
		one(del(tail)),
		one(put(n, 5000), del(n)),
		one(put(n, 5000), put(n, 6000)),
		one(batch(OpBatch, set(n, 100), set(m, 2000), set(q, 30), gone(x))),
		one(batch(OpBatch, gone(x), gone(y), set(m, 13000))),
		one(batch(OpBatch)),
		one(batch(OpNoSync, set(n, 60)), batch(OpNoSync, set(m, 60), gone(x)), plain(OpSync)),
		one(batch(OpNoSync, set(n, 60)), batch(OpNoSync, set(n, 70), set(m, 60)), put(q, 30)),
		one(batch(OpNoSync, set(n, 60)), batch(OpNoSync, set(m, 60)), plain(OpKill)),
		one(batch(OpNoSync, set(n, 60)), batch(OpNoSync, set(n, 9000)), batch(OpNoSync, set(x, 50))),
		one(batch(OpNoSync, set(n, 60), gone(x)), del(x)),
		one(batch(OpNoSync, gone(x)), Op{Kind: OpDeletePrefix, Changes: []Change{gone(x)}}),
		one(Op{Kind: OpDeletePrefix}),
		one(Op{Kind: OpDeletePrefix, Changes: []Change{gone(x[:1])}}),
		one(Op{Kind: OpUpdate, Changes: []Change{set(x, 100)}}),
		one(Op{Kind: OpUpdate, Changes: []Change{set(n, 30)}}),
		one(Op{Kind: OpUpdate, Changes: []Change{gone(x)}}),
		one(plain(OpCheckpoint)),
		one(plain(OpRecount)),
		one(plain(OpReopen)),
		one(plain(OpReadOnly)),
		one(put(n, 40), plain(OpKill)),
		one(put(n, 40), plain(OpCheckpoint), put(m, 40)),
		one(put(n, 9000), del(n), plain(OpReopen), put(m, 9000)),
		one(del(x), plain(OpKill), plain(OpRecount), put(n, 9000)),
		one(plain(OpSnap), put(x, 900), plain(OpCheckpoint)),
		one(plain(OpSnap), del(x), put(n, 9000), plain(OpCheckpoint), plain(OpSnapEnd), put(m, 9000)),
		one(batch(OpNoSync, set(n, 60)), plain(OpSnap), batch(OpBatch, set(n, 9000), gone(x)), plain(OpKill)),
		one(put(n, 9000), plain(OpSnap), del(n), put(m, 9000), plain(OpSnap), plain(OpSnapEnd), put(n, 100)),
		one(put(n, 40), plain(OpSync), put(n, 41), put(n, 42), put(n, 43), put(n, 44), put(n, 45)),
	}
}

// allKnobs are the combinations that the workloads rotate through.
func allKnobs() []Knobs {
	var list []Knobs
	for _, sector := range []int{4096, 512} {
		for _, buckets := range []int{3, 1} {
			for _, fsync := range []bool{true, false} {
				for _, cache := range []int{2, 0, 64} {
					for _, locator := range []bool{true, false} {
						k := DefaultKnobs()
						k.Sector, k.Buckets, k.DataFsync, k.Cache, k.Locator = sector, buckets, fsync, cache, locator
						list = append(list, k)
					}
				}
			}
		}
	}
	return list
}

// phrases joins phrases to one list of operations.
func phrases(list ...[]Op) []Op {
	var ops []Op
	for _, p := range list {
		ops = append(ops, p...)
	}
	return ops
}

// randomWorkload draws everything.
func randomWorkload(rng *rand.Rand) Workload {
	knobs := allKnobs()
	k := knobs[rng.IntN(len(knobs))]
	k.LogKiB = []int{16, 24, 24, 48}[rng.IntN(4)]
	k.Reserve = 1 + rng.IntN(6)
	k.NoSyncKiB = []int{4, 12, 64}[rng.IntN(3)]
	k.ChunkKiB = []int{4, 8, 24}[rng.IntN(3)]
	starts, all := Starts(), alphabet(k)
	if rng.IntN(3) == 0 {
		f := families()[rng.IntN(len(families()))]
		k.Keep = f.keeps[rng.IntN(len(f.keeps))]
		starts, all = f.starts, slices.Concat(all, f.phrases(k), f.phrases(k))
	}
	w := Workload{Knobs: k, Start: starts[rng.IntN(len(starts))]}
	for range 2 + rng.IntN(5) {
		w.Ops = append(w.Ops, all[rng.IntN(len(all))]...)
	}
	return w
}
