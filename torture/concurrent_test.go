package torture

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
)

func TestHistories(t *testing.T) {
	r := Histories(PartConfig{Seed: 1}, 40)
	t.Log(r)
	for _, v := range r.Violations {
		t.Log(v)
	}
	require.Empty(t, r.Violations)
	require.Zero(t, r.Unknown)
	require.Greater(t, r.InDoubt, 40)
	require.Greater(t, r.Met, r.Calls/10)
}

// An engine that does not sync its log loses what it has acknowledged.
func TestHistoriesFindALostWrite(t *testing.T) {
	r := Histories(PartConfig{Seed: 1, Limit: 1, Mutate: Unsynced(faultfs.KindSync|faultfs.KindSyncData, faultfs.ClassWAL)}, 40)
	require.NotEmpty(t, r.Violations)
	require.NotEmpty(t, r.Violations[0].Steps)
}

// What a crash may take is said by the model alone.
func TestWorlds(t *testing.T) {
	at := int64(0)
	op := func(e event, r model.Result) porcupine.Operation {
		at += 2
		return porcupine.Operation{Input: e, Output: r, Call: at, Return: at + 1}
	}
	put := func(v string) event { return event{op: model.Op{Kind: model.Put, Key: "k", Value: v}} }
	noSync := func(v string) event {
		return event{kind: eventNoSync, op: model.Op{Kind: model.Batch, Changes: []model.Change{{Key: "k", Value: v}}}}
	}
	doubt := func(e event) event { e.inDoubt = true; return e }
	crash, sync := event{kind: eventCrash}, event{kind: eventSync}
	for _, c := range []struct {
		name   string
		events []event
		after  []string // values that may be found
		not    []string
	}{
		{"an acknowledged put stays", []event{put("1"), put("2"), crash}, []string{"2"}, []string{"1", ""}},
		{"a put in doubt may be there", []event{put("1"), doubt(put("2")), crash}, []string{"1", "2"}, []string{""}},
		{"batches without sync are lost from the end", []event{put("1"), noSync("2"), noSync("3"), crash}, []string{"1", "2", "3"}, []string{""}},
		{"a sync keeps them", []event{put("1"), noSync("2"), sync, noSync("3"), crash}, []string{"2", "3"}, []string{"1"}},
		{"so does a put", []event{noSync("1"), put("2"), crash}, []string{"2"}, []string{"1", ""}},
		{"a sync in doubt may", []event{noSync("1"), doubt(sync), crash}, []string{"1", ""}, []string{"2"}},
		{"nothing comes back later", []event{put("1"), doubt(put("2")), crash, put("3"), crash}, []string{"3"}, []string{"1", "2"}},
	} {
		found := func(v string) porcupine.CheckResult {
			var ops []porcupine.Operation
			for _, e := range c.events {
				ops = append(ops, op(e, model.Result{}))
			}
			get := event{op: model.Op{Kind: model.Get, Key: "k"}}
			return linearizable(model.State{}, append(ops, op(get, model.Result{Found: v != "", Value: v})), false, time.Minute)
		}
		for _, v := range c.after {
			require.Equal(t, porcupine.Ok, found(v), "%s: %q", c.name, v)
		}
		for _, v := range c.not {
			require.Equal(t, porcupine.Illegal, found(v), "%s: %q", c.name, v)
		}
	}
}
