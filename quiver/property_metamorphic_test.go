package quiver_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// configurations is how many sets of options a sequence is run with.
const configurations = 5

// step is one call of a sequence that has the same meaning under all options.
type step struct {
	op   model.Op
	also string // what is done besides: "no sync", "sync", "checkpoint", "recount", "reopen"
}

// TestConfigurationsAgree: options decide how fast things go and where bytes
// stand, never what a call tells or what the database holds.
func TestConfigurationsAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := make([]knobs, configurations)
		for i := range all {
			all[i] = drawKnobs(t)
			all[i].MaxBatchBytes = 0 // a limit decides which calls are refused
			all[i].Inline = rapid.Bool().Draw(t, "inline")
		}
		// Keys must fit in the smallest page, and lengths mean most there.
		shapes := newShapes(knobs{PageSize: 4096, Options: quiver.Options{OverflowThreshold: all[0].OverflowThreshold}})
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step { return drawStep(t, shapes) }), 20, 80).Draw(t, "steps")
		want, content := runSteps(t, all[0], steps)
		for _, k := range all[1:] {
			got, c := runSteps(t, k, steps)
			for i := range steps {
				require.Equal(t, want[i], got[i], "step %d under\n%v\nand\n%v", i, all[0], k)
			}
			require.Empty(t, model.Diff(c, content), "under\n%v\nand\n%v", all[0], k)
		}
	})
}

func drawStep(t *rapid.T, s *shapes) step {
	switch kind := rapid.IntRange(0, 9).Draw(t, "step"); {
	case kind < 5:
		return step{op: s.write(t)}
	case kind == 5:
		return step{op: s.batch(t), also: "no sync"}
	case kind == 6:
		return step{op: model.Op{Kind: model.Scan, Key: rapid.SampledFrom(prefixes).Draw(t, "prefix")}}
	case kind == 7:
		return step{op: model.Op{Kind: model.Get, Key: s.key(t)}}
	default:
		return step{op: model.Op{Kind: model.Has, Key: s.key(t)},
			also: rapid.SampledFrom([]string{"sync", "checkpoint", "recount", "reopen"}).Draw(t, "also")}
	}
}

// runSteps gives what each call told, and the content at the end.
func runSteps(t *rapid.T, k knobs, steps []step) (told []string, content model.State) {
	disk := vfs.NewMem()
	require.NoError(t, quiver.Init(dbDir, quiver.InitOptions{PageSize: k.PageSize, Buckets: k.Buckets, FS: disk}))
	m := &machine{k: k}
	m.reopenOn(t, disk)
	defer func() { require.NoError(t, m.db.Close()) }()
	for i, s := range steps {
		var r model.Result
		var err error
		if s.also == "no sync" {
			err = m.db.WriteNoSync(batchOf(s.op))
		} else {
			r, err = execute(m.db, s.op)
		}
		require.NoError(t, err, "step %d, %v, under %v", i, call{s.op, r}, k)
		told = append(told, model.Describe(s.op, r))
		switch s.also {
		case "sync":
			require.NoError(t, m.db.Sync())
		case "checkpoint":
			require.NoError(t, m.db.Checkpoint())
		case "recount":
			m.recount(t)
		case "reopen":
			m.reopenOn(t, disk)
		}
	}
	m.reopenOn(t, disk)
	r := checkFindings(t, m.db, true)
	content, err := scanAll(m.db, quiver.ScanOptions{})
	require.NoError(t, err)
	require.EqualValues(t, len(content), r.Pairs, fmt.Sprint(k))
	return told, content
}

// reopenOn closes what is open and opens on a disk.
func (m *machine) reopenOn(t *rapid.T, disk vfs.FS) {
	if m.db != nil {
		require.NoError(t, m.db.Close())
	}
	db, err := quiver.Open(dbDir, m.k.on(disk))
	require.NoError(t, err)
	m.db = db
}
