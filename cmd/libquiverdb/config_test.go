package main

import (
	"strings"
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

// TestConfigureRefusesWhatJSONLetsPass: package json takes null for an object,
// the last of two members, and U+FFFD for what is no character.
func TestConfigureRefusesWhatJSONLetsPass(t *testing.T) {
	for config, says := range map[string]string{
		`null`:                                "not a JSON object",
		` null `:                              "not a JSON object",
		`[]`:                                  "not a JSON object",
		`{"salvage": true, "salvage": false}`: `"salvage" twice`,
		`{"salvage": 1, "salvage": false}`:    `"salvage" twice`,
		`{"salvage": true, "\u0073alvage": true}`: `"salvage" twice`,
		`{"salvage": null, "salvage": null}`:      `"salvage" twice`,
		"{\"snapstore_dir\": \"a\xffb\"}":         "UTF-8",
		`{"snapstore_dir": "a\udc80b"}`:           "snapstore_dir",
		`{"snapstore_dir": "a\u0000b"}`:           "snapstore_dir",
		`{"salvage": true`:                        "not a JSON object",
		`{"salvage": true,}`:                      "not a JSON object",
		`{"salvage" true}`:                        "not a JSON object",
		`{1: true}`:                               "not a JSON object",
		`{"salvage": true]`:                       "not a JSON object",
		`{"salvage": true} null`:                  "follows",
		strings.Repeat(`{"a":`, 20000):            "not a JSON object",
	} {
		o := quiver.Options{}
		err := configure(&o, config)
		require.ErrorIs(t, err, quiver.ErrInvalid, "%.50s", config)
		require.ErrorContains(t, err, says)
		assert.Equal(t, quiver.Options{}, o)
	}
}

func TestConfigureTakesAnyText(t *testing.T) {
	var o quiver.Options
	require.NoError(t, configure(&o, `{"snapstore_dir": "\ud83d\ude00/ä"}`))
	assert.Equal(t, "\U0001F600/ä", o.SnapStoreDir)
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
