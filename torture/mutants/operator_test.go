package mutants

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture"
)

// session makes a database and puts one key into it. It returns the disk as it
// is when the put has returned, and all calls until then.
func session(t *testing.T, m torture.Mutation, dataFsync bool) (*faultfs.FS, *faultfs.Log) {
	t.Helper()
	disk := faultfs.New(faultfs.Options{})
	require.NoError(t, quiver.Init("/db", quiver.InitOptions{Buckets: 1, FS: m(disk)}))
	db, err := quiver.Open("/db", &quiver.Options{FS: m(disk), Inline: true, NoDataFsync: !dataFsync})
	require.NoError(t, err)
	require.NoError(t, db.Put([]byte("key"), []byte("value")))
	after, log := disk.Snapshot(), disk.Log()
	require.NoError(t, db.Close())
	return after, log
}

// sites are those of a session, with all their operators.
func sites(t *testing.T) []Site {
	t.Helper()
	rec := NewRecorder()
	session(t, rec.Mutation(), true)
	return rec.Sites()
}

func find(t *testing.T, list []Site, kind, place string) Site {
	t.Helper()
	for _, s := range list {
		if s.Kind == kind && strings.HasPrefix(s.Place, place) {
			return s
		}
	}
	require.Fail(t, "no call site", "%s %s in %v", kind, place, list)
	return Site{}
}

// survives tells whether the put, which only the log holds, is there after a
// power cut.
func survives(t *testing.T, m torture.Mutation) bool {
	t.Helper()
	disk, _ := session(t, m, false)
	left := disk.State().Crash(faultfs.None())
	db, err := quiver.Open("/db", &quiver.Options{FS: left, Inline: true})
	if err != nil {
		return false
	}
	found, err := db.Has([]byte("key"))
	require.NoError(t, db.Close())
	return err == nil && found
}

func TestRecorderKnowsTheUsersOfAHelper(t *testing.T) {
	var users []string
	for _, s := range sites(t) {
		assert.Positive(t, s.Calls)
		if s.Kind == "rename" {
			users = append(users, s.Place)
		}
	}
	assert.Greater(t, len(users), 3, "meta, dir and free are renamed for different reasons")
}

func TestLieLosesWhatWasSynced(t *testing.T) {
	list := sites(t)
	assert.True(t, survives(t, NewRecorder().Mutation()))
	lie := Operator{Site: find(t, list, "syncdata", "wal.Sync:")}
	assert.False(t, survives(t, lie.Mutation()))
}

// TestSwapIsLate: the sync of the log comes behind the next call that changes the
// disk, and so behind the end of the put.
func TestSwapIsLate(t *testing.T) {
	list := sites(t)
	late := Operator{Swap: true, Site: find(t, list, "syncdata", "wal.Sync:")}
	var order []string
	_, log := session(t, late.Mutation(), true)
	for _, r := range log.Records() {
		if r.Kind&(faultfs.KindSyncData|faultfs.KindWrite) != 0 && faultfs.ClassOf(r.Path)&(faultfs.ClassWAL|faultfs.ClassSeg) != 0 {
			order = append(order, r.Kind.String()+" "+faultfs.ClassOf(r.Path).String())
		}
	}
	text := strings.Join(order, ", ")
	assert.Contains(t, text, "write wal, write seg, syncdata wal", "the page goes to its segment before the log is synced")
}

// TestLateCallOfAClosedFile: its error comes with the next call, and so does that of
// opening the file for it. Only where the file is gone is the call gone too.
func TestLateCallOfAClosedFile(t *testing.T) {
	for _, gone := range []bool{true, false} {
		disk := faultfs.New(faultfs.Options{})
		fsys := &mutated{FS: disk, late: &late{}, decide: func(k faultfs.Kind) act {
			if k == faultfs.KindSync {
				return actLate
			}
			return actDo
		}}
		f, err := fsys.OpenFile("/a", vfs.Write|vfs.Create)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		require.NoError(t, f.Close())
		if gone {
			require.NoError(t, disk.Remove("/a"))
			assert.NoError(t, fsys.SyncDir("/"))
			continue
		}
		plan, err := faultfs.ParsePlan("open/*#1:EIO")
		require.NoError(t, err)
		disk.Inject(plan)
		assert.Error(t, fsys.SyncDir("/"))
	}
}

func TestEveryOperatorIsReadBack(t *testing.T) {
	list := Operators(sites(t))
	assert.Greater(t, len(list), 40)
	for _, o := range list {
		got, err := ParseOperator(o.String())
		require.NoError(t, err)
		assert.Equal(t, o.String(), got.String())
		assert.NotRegexp(t, `:[0-9]`, o.Key())
	}
	for _, bad := range []string{"", "lie", "lie sync", "swop sync a"} {
		_, err := ParseOperator(bad)
		assert.Error(t, err, bad)
	}
}
