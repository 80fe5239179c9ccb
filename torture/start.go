package torture

import (
	"errors"
	"fmt"
	"sync"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture/raw"
)

// start is how a start state comes to be.
type start struct {
	setup []Op // in sessions of their own; everything they wrote is durable
	warm  []Op // in the session that is judged, before the first crash point
	fresh bool // nothing at all: the workload initialises
	open  bool // setup leaves the database without a close
	// edge gives all ids of the first segment out but two, to pages that nothing
	// leads to.
	edge bool
	// foreign makes the folder of snapshots and an empty registry as the original
	// does, which syncs neither.
	foreign bool
}

// Starts are the names of the start states that everything is tried on.
func Starts() []string {
	return []string{"fresh", "empty", "full", "split", "chain", "free", "log", "dirty"}
}

// edgeStart is a segment that is almost full. It is large, and so it is only
// tried with single phrases that take pages, without second crashes.
const edgeStart = "edge"

// startOf describes a start state. Bucket 0 holds what is special about it.
func startOf(name string, k Knobs) start {
	puts := func(bucket, from, n, size int) []Op {
		ops := make([]Op, n)
		for i := range ops {
			ops[i] = put(keyIn(bucket, from+i, k.Buckets), size)
		}
		return ops
	}
	last := k.Buckets - 1
	switch name {
	case "fresh":
		return start{fresh: true}
	case "empty":
		return start{}
	case "full":
		// 4 × 940 and the table leave less room than a small record takes.
		return start{setup: append(puts(0, 0, 4, 940), put(keyIn(0, 4, k.Buckets), 195))}
	case "split":
		return start{setup: puts(0, 0, 4, 900)}
	case "chain":
		ops := puts(0, 0, 10, 900)
		ops = append(ops, put(keyIn(0, 10, k.Buckets), 9000), put(keyIn(last, 20, k.Buckets), 50))
		return start{setup: ops}
	case "free":
		ops := puts(0, 0, 5, 900)
		ops = append(ops, put(keyIn(0, 5, k.Buckets), 17000), put(keyIn(last, 20, k.Buckets), 9000),
			del(keyIn(0, 5, k.Buckets)), put(keyIn(0, 6, k.Buckets), 60))
		return start{setup: ops}
	case "log":
		// One record of the log is left.
		return start{setup: puts(0, 0, 1, 60), warm: append(puts(0, 1, 2, 60), puts(0, 0, 2, 80)...)}
	case "dirty":
		ops := puts(0, 0, 6, 900)
		ops = append(ops, Op{Kind: OpReopen}, put(keyIn(0, 6, k.Buckets), 9000), del(keyIn(0, 6, k.Buckets)))
		return start{setup: ops, open: true}
	case keptStart, leftStart:
		ops := puts(0, 0, 4, 900)
		ops = append(ops, Op{Kind: OpSnap}, put(keyIn(0, 1, k.Buckets), 100), Op{Kind: OpSnap}, put(keyIn(0, 4, k.Buckets), 9000),
			Op{Kind: OpSnapEnd}, Op{Kind: OpReopen}, put(keyIn(0, 1, k.Buckets), 100), del(keyIn(0, 4, k.Buckets)))
		return start{setup: ops, open: name == leftStart}
	case foreignStart:
		return start{setup: puts(0, 0, 4, 900), foreign: true}
	case backedStart:
		ops := puts(0, 0, 4, 900)
		ops = append(ops, put(keyIn(0, 4, k.Buckets), 9000), Op{Kind: OpBackup}, del(keyIn(0, 4, k.Buckets)), put(keyIn(0, 1, k.Buckets), 100),
			Op{Kind: OpBackupInc})
		return start{setup: ops}
	case edgeStart:
		return start{setup: puts(0, 0, 2, 60), edge: true}
	}
	panic("torture: no start state " + name)
}

func put(key string, size int) Op {
	return Op{Kind: OpPut, Changes: []Change{{Key: key, Size: size}}}
}

func del(key string) Op {
	return Op{Kind: OpDelete, Changes: []Change{{Key: key, Delete: true}}}
}

// bases keeps the disks of start states, which many workloads share.
type bases struct {
	mutate  Mutation  // of the runs, not of the setup
	noRules bool      // runs are not watched by the static rules
	seen    *stateSet // of the disks that were judged; may be nil

	mu   sync.Mutex
	made map[string]*base
}

// base is a start state on a disk.
type base struct {
	disk   *faultfs.FS
	line   *timeline // of the setup; only its top is needed
	ledger *ledger
	opened still // sessions of the setup
	mutate Mutation
	sites  *siteWatch // who calls is noted; may be nil
}

// get makes the base at the first call. The disk is to be copied by Snapshot.
func (b *bases) get(name string, k Knobs) (*base, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := name + "|" + k.String()
	if have := b.made[at]; have != nil {
		return have, nil
	}
	s := startOf(name, k)
	disk := faultfs.New(faultfs.Options{Sector: k.Sector, NoReads: true})
	r := newRun(Workload{Knobs: k, Start: name}, disk, newTimeline(nil, 0))
	if !s.fresh {
		r.do(Op{Kind: OpInit})
		r.do(Op{Kind: OpOpen})
		for _, o := range s.setup {
			r.do(o)
		}
		if s.open {
			r.proc.kill()
		} else {
			r.do(Op{Kind: OpClose})
		}
	}
	if len(r.flaws) > 0 {
		return nil, fmt.Errorf("torture: start state %s with %v: %s", name, k, r.flaws[0])
	}
	if s.edge {
		if err := toEdge(disk); err != nil {
			return nil, fmt.Errorf("torture: start state %s: %w", name, err)
		}
	}
	disk.SyncAll()
	if s.foreign {
		if err := errors.Join(disk.Mkdir(inRoot(snapshotsName)), disk.WriteFile(inRoot(snapshotsName)+"/registry.json", []byte(`{"entries": []}`))); err != nil {
			return nil, fmt.Errorf("torture: start state %s: %w", name, err)
		}
	}
	disk.ResetLog()
	made := &base{disk: disk, line: r.line, ledger: r.ledger, opened: r.opened, mutate: b.mutate}
	if b.made == nil {
		b.made = map[string]*base{}
	}
	b.made[at] = made
	return made, nil
}

// toEdge makes the first segment of a closed database almost full: as a session
// does that reserves page ids, uses none, and dies.
func toEdge(disk *faultfs.FS) error {
	const pages = raw.SegmentBytes/pageSize - 2
	f, err := disk.OpenFile(inRoot("data-000001.p1seg"), vfs.Write)
	if err != nil {
		return err
	}
	if err := f.Allocate(0, pages*pageSize); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	meta, err := disk.ReadFile(inRoot(metaName))
	if err != nil {
		return err
	}
	return disk.WriteFile(inRoot(metaName), raw.WithNextPage(meta, pages))
}

// plain is the base without a mistake between the engine and the disk.
func (b *base) plain() *base {
	plain := *b
	plain.mutate = nil
	return &plain
}
