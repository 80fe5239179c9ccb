package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func TestConfigure(t *testing.T) {
	o := quiver.Options{PageCachePages: 5, SnapPersist: true}
	require.NoError(t, configure(&o, `{"wal_coalesce_ms": 7, "data_fsync": false, "ovf_threshold_bytes": 100,
		"snap_dedup": true, "snapstore_dir": "elsewhere", "lock_wait_ms": 20, "salvage": true}`))
	assert.Equal(t, quiver.Options{
		WALCoalesce: 7 * time.Millisecond, NoDataFsync: true, OverflowThreshold: 100, SnapDedup: true,
		SnapStoreDir: "elsewhere", LockWait: 20 * time.Millisecond, Salvage: true,
		PageCachePages: 5, SnapPersist: true, // as they were
	}, o)
}

// TestConfigureNone: 0 says none, where the engine takes it for the default.
func TestConfigureNone(t *testing.T) {
	var o quiver.Options
	require.NoError(t, configure(&o, `{"wal_coalesce_ms": 0, "page_cache_pages": 0, "ovf_threshold_bytes": 0, "lock_wait_ms": 0, "data_fsync": true}`))
	assert.Equal(t, quiver.Options{WALCoalesce: -1, PageCachePages: -1, OverflowThreshold: -1, LockWait: -1}, o)
}

// TestConfigureOff: what is given explicitly wins over what was on before.
func TestConfigureOff(t *testing.T) {
	o := quiver.Options{NoDataFsync: true, SnapPersist: true, SnapDedup: true, Salvage: true}
	require.NoError(t, configure(&o, `{"data_fsync": true, "snap_persist": false, "snap_dedup": false, "salvage": false}`))
	assert.Equal(t, quiver.Options{}, o)
}

func TestConfigureRefuses(t *testing.T) {
	for name := range settings() {
		for _, value := range []string{`{}`, `[1]`, `-1`, `0.5`, `1e99`} {
			o := quiver.Options{}
			err := configure(&o, `{"`+name+`": `+value+`}`)
			require.ErrorIs(t, err, quiver.ErrInvalid, "%s: %s", name, value)
			assert.ErrorContains(t, err, name)
		}
	}
}
