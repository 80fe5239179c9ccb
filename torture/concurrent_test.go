package torture

import (
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
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

// A client that is told of damage is heard, although the crash stops the others
// in the same epoch.
func TestHistoriesHearEveryClient(t *testing.T) {
	told, all := 0, 0
	for seed := range uint64(30) {
		var flipped atomic.Int64
		h := newHistory(seed, func(fsys vfs.FS) vfs.FS { return &flippingFS{FS: fsys, flipped: &flipped} })
		found := h.violations()
		if flipped.Load() == 0 {
			continue
		}
		all++
		if slices.ContainsFunc(found, func(v Violation) bool { return strings.Contains(v.Text, "checksum mismatch") }) {
			told++
		} else {
			t.Logf("seed %d: %d pages damaged, found %q", seed, flipped.Load(), rulesOf(found))
		}
	}
	require.Greater(t, all, 10)
	require.Equal(t, all, told)
}

// flippingFS turns a bit of one page that a client needs: what recoveries and
// recounts read may be of no use to anybody.
type flippingFS struct {
	vfs.FS
	done    atomic.Bool
	flipped *atomic.Int64
}

func (f *flippingFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	file, err := f.FS.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return &flippingFile{file, f, faultfs.ClassOf(path)}, nil
}

type flippingFile struct {
	vfs.File
	fs    *flippingFS
	class faultfs.Class
}

func (f *flippingFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	if err == nil && n == pageSize && f.class == faultfs.ClassSeg && ofClient() && f.fs.done.CompareAndSwap(false, true) {
		b[100] ^= 4
		f.fs.flipped.Add(1)
	}
	return n, err
}

// ofClient tells whether a client's call needs what is read. A backup and a recount
// look at pages too that nothing leads to.
func ofClient() (client bool) {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "quiver.(*DB).Backup") || strings.HasSuffix(f.Function, "quiver.(*DB).Recount") {
			return false
		}
		client = client || strings.HasSuffix(f.Function, "torture.(*history).client")
		if !more {
			return client
		}
	}
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

func rulesOf(found []Violation) (texts []string) {
	for _, v := range found {
		texts = append(texts, v.Rule+": "+v.Text)
	}
	return texts
}
