package torture

import "slices"

// family is a part of the alphabet that is tried on start states of its own, with
// options that fit it: what outlives the process beside the pairs.
type family struct {
	tier   Tier // that tries all of it
	starts []string
	keeps  []int // what becomes of snapshots
	// phrases are tried alone, and those of pairs one after the other.
	phrases, pairs func(k Knobs) [][]Op
}

// Start states of the families.
const (
	keptStart    = "kept"    // snapshots of earlier sessions, one of which has ended
	leftStart    = "left"    // as a process has left it that died with a snapshot
	foreignStart = "foreign" // with a folder of snapshots of the original, whose name is not durable
	backedStart  = "backed"  // with a full backup and an incremental one
)

func families() []family {
	return []family{
		{Snapshots, []string{"split", "free", "dirty", keptStart, leftStart, foreignStart}, []int{keepPersist, keepDedup}, snapshotPhrases, snapshotPairs},
		{Backups, []string{"free", "dirty", "empty", backedStart}, []int{keepNone, keepPersist}, backupPhrases, backupPairs},
	}
}

// familyOf is the family of a tier.
func familyOf(t Tier) family {
	for _, f := range families() {
		if f.tier == t {
			return f
		}
	}
	panic("torture: no family of tier " + string(t))
}

// familyStarts are the start states that only families have.
func familyStarts() []string { return []string{keptStart, leftStart, foreignStart, backedStart} }

// snapshotPhrases begin, use, end and remove snapshots that outlive their process.
func snapshotPhrases(k Knobs) [][]Op {
	x, y := keyIn(0, 0, k.Buckets), keyIn(0, 1, k.Buckets)
	n, m := keyIn(0, 30, k.Buckets), keyIn(k.Buckets-1, 31, k.Buckets)
	snap, end, remove, compact := Op{Kind: OpSnap}, Op{Kind: OpSnapEnd}, Op{Kind: OpSnapRemove}, Op{Kind: OpCompact}
	reopen, kill := Op{Kind: OpReopen}, Op{Kind: OpKill}
	noSync := func(key string) Op { return Op{Kind: OpNoSync, Changes: []Change{{Key: key, Size: 60}}} }
	return [][]Op{
		{snap},
		{put(x, 900)},
		{end, put(x, 900)},
		{remove, compact},
		{snap, put(x, 900), {Kind: OpSnapOpen}},
		{snap, put(n, 9000), del(n), put(m, 9000)},
		{snap, del(x), end, put(y, 900), put(n, 40)},
		{snap, put(x, 900), remove, put(n, 40)},
		{snap, put(x, 900), reopen, {Kind: OpSnapOpen}, put(y, 900)},
		{snap, put(x, 900), kill, put(y, 900), remove},
		{snap, put(x, 900), kill, snap, put(x, 1000)},
		{snap, put(x, 900), snap, put(x, 1000), remove, compact},
		{snap, {Kind: OpBatch, Changes: []Change{{Key: x, Size: 200}, {Key: m, Size: 2000}, {Key: y, Delete: true}}}, {Kind: OpCheckpoint}},
		{noSync(n), snap, noSync(n), noSync(m), kill},
		{snap, put(x, 900), {Kind: OpReadOnly}, {Kind: OpRecount}, put(n, 9000)},
		{snap, put(x, 900), remove, {Kind: OpKill}, {Kind: OpRepair}, snap, put(y, 40)},
		{snap, end, remove, snap, put(x, 50), kill, compact},
	}
}

// snapshotPairs are the phrases of which all pairs are tried.
func snapshotPairs(k Knobs) [][]Op {
	x, n := keyIn(0, 0, k.Buckets), keyIn(0, 30, k.Buckets)
	return [][]Op{
		{{Kind: OpSnap}},
		{put(x, 900)},
		{{Kind: OpSnap}, put(n, 5000), put(x, 100)},
		{{Kind: OpSnapEnd}},
		{{Kind: OpSnapRemove}},
		{{Kind: OpReopen}},
		{{Kind: OpKill}, put(n, 50)},
		{{Kind: OpCompact}},
		{{Kind: OpRepair}},
		{{Kind: OpCheckpoint}},
	}
}

// backupPhrases make backups and restore them.
func backupPhrases(k Knobs) [][]Op {
	x, y := keyIn(0, 0, k.Buckets), keyIn(0, 1, k.Buckets)
	n, q := keyIn(0, 30, k.Buckets), keyIn((k.Buckets-1)/2, 31, k.Buckets) // a bucket without a key, where there are three
	backup, more := Op{Kind: OpBackup}, Op{Kind: OpBackupInc}
	restore, over := Op{Kind: OpRestore}, Op{Kind: OpRestoreInc}
	return [][]Op{
		{backup},
		{more},
		{restore},
		{backup, restore},
		{restore, over},
		{put(x, 900), backup},
		{{Kind: OpBackup, Changes: []Change{{Key: n, Size: 40}, {Key: x, Size: 950}, {Key: q, Size: 5000}}}, restore, more, over},
		{{Kind: OpNoSync, Changes: []Change{{Key: n, Size: 60}}}, backup, put(x, 50)},
		{backup, put(x, 900), del(y), more, restore, over},
		{del(x), put(n, 5000), more},
		{put(n, 50), {Kind: OpKill}, more, {Kind: OpReopen}, restore, over},
		{{Kind: OpSnap}, put(x, 900), backup, {Kind: OpSnapEnd}, restore},
	}
}

// backupPairs are the phrases of which all pairs are tried.
func backupPairs(k Knobs) [][]Op {
	x, n := keyIn(0, 0, k.Buckets), keyIn(0, 30, k.Buckets)
	return [][]Op{
		{{Kind: OpBackup}},
		{put(x, 900), {Kind: OpBackupInc}},
		{{Kind: OpRestore}},
		{{Kind: OpRestoreInc}},
		{put(n, 5000), del(n)},
		{{Kind: OpKill}, put(n, 50)},
		{{Kind: OpSnap}, put(x, 50)},
	}
}

// tasks are the workloads of a family: the phrases alone, or in pairs, each
// with so many combinations of options.
func (f family) tasks(length, knobs, turn int, t Task, yield func(Task) bool) bool {
	all := familyKnobs()
	for i, start := range f.starts {
		for w, numbers := range f.workloads(length) {
			for n := range knobs {
				k := all[(i*5+w*7+n*11+turn)%len(all)]
				k.Keep = f.keeps[(i+w+n)%len(f.keeps)]
				ops := f.ops(k, numbers)
				if slices.ContainsFunc(ops, func(o Op) bool { return o.Kind == OpBackup && len(o.Changes) > 0 }) {
					// What is put in the midst changes a head only in an empty bucket.
					k.Buckets = 3
					ops = f.ops(k, numbers)
				}
				t.Workload = Workload{k, start, ops}
				if f.useful(t.Workload) && !yield(t) {
					return false
				}
			}
		}
	}
	return true
}

// useful tells whether every operation has something to do.
func (f family) useful(w Workload) bool {
	full, more, restored := 0, 0, 0
	if w.Start == backedStart {
		full, more = 1, 1
	}
	for _, o := range w.Ops {
		switch o.Kind {
		case OpBackup:
			full, more = full+1, 0
		case OpBackupInc:
			more++
		case OpRestore:
			restored++
		case OpRestoreInc:
			if restored == 0 || more == 0 {
				return false
			}
			more--
		}
		if full == 0 && (more > 0 || restored > 0) {
			return false
		}
	}
	return true
}

// workloads are the numbers of the phrases, one after the other.
func (f family) workloads(length int) (list [][]int) {
	if length == 1 {
		for i := range f.phrases(DefaultKnobs()) {
			list = append(list, []int{i})
		}
		return list
	}
	n := len(f.pairs(DefaultKnobs()))
	for i := range n {
		for j := range n {
			list = append(list, []int{i, j})
		}
	}
	return list
}

func (f family) ops(k Knobs, numbers []int) []Op {
	from := f.phrases(k)
	if len(numbers) > 1 {
		from = f.pairs(k)
	}
	var ops []Op
	for _, n := range numbers {
		ops = append(ops, from[n]...)
	}
	return ops
}

// familyKnobs are small: what the families are about costs more calls.
func familyKnobs() []Knobs {
	return slices.DeleteFunc(allKnobs(), func(k Knobs) bool { return k.Cache == 64 || k.Buckets == 3 && k.Cache == 0 })
}
