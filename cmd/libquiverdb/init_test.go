package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// TestInitWhereADatabaseIs: nothing is asked of it, and it stays what it is.
func TestInitWhereADatabaseIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, initOnce(path, quiver.InitOptions{PageSize: 8192, Buckets: 3}))
	db, err := quiver.Open(path, &quiver.Options{})
	require.NoError(t, err)
	for _, o := range []quiver.InitOptions{{}, {PageSize: 5000}, {Buckets: quiver.MaxBuckets + 1}} {
		require.NoError(t, initOnce(path, o), "%+v, while the database is open", o)
	}
	stats, err := db.Stats()
	require.NoError(t, err)
	assert.Equal(t, 8192, stats.PageSize)
	require.NoError(t, db.Close())
}

// TestInitFinishesWhatIsNotWhole: of a database that lacks a file, and of a folder
// that a restore was interrupted in, the engine has to say what becomes of it.
func TestInitFinishesWhatIsNotWhole(t *testing.T) {
	for _, missing := range []string{format.MetaName, format.FreeName, format.WALName, format.SegmentName(1)} {
		path := filepath.Join(t.TempDir(), "db")
		require.NoError(t, initOnce(path, quiver.InitOptions{Buckets: 3}))
		require.NoError(t, os.Remove(filepath.Join(path, missing)))
		require.ErrorIs(t, initOnce(path, quiver.InitOptions{Buckets: quiver.MaxBuckets + 1}), quiver.ErrInvalid)
		require.NoError(t, initOnce(path, quiver.InitOptions{Buckets: 3}), "without %s", missing)
		db, err := quiver.Open(path, &quiver.Options{})
		require.NoError(t, err, "without %s", missing)
		require.NoError(t, db.Close())
	}
	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, initOnce(path, quiver.InitOptions{}))
	require.NoError(t, os.Rename(filepath.Join(path, format.MetaName), filepath.Join(path, "quiver-restore")))
	require.ErrorIs(t, initOnce(path, quiver.InitOptions{}), quiver.ErrIncomplete)
}
