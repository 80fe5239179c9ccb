package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// setting puts one member of a configuration into the options.
type setting func(o *quiver.Options, value json.RawMessage) error

// settings are the members that a configuration may have, by name.
func settings() map[string]setting {
	return map[string]setting{
		"wal_coalesce_ms": number(func(o *quiver.Options, ms int64) {
			o.WALCoalesce = orNone(time.Duration(ms) * time.Millisecond)
		}),
		"data_fsync":          boolean(func(o *quiver.Options, on bool) { o.NoDataFsync = !on }),
		"page_cache_pages":    number(func(o *quiver.Options, n int64) { o.PageCachePages = orNone(int(n)) }),
		"ovf_threshold_bytes": number(func(o *quiver.Options, n int64) { o.OverflowThreshold = orNone(int(n)) }),
		"snap_persist":        boolean(func(o *quiver.Options, on bool) { o.SnapPersist = on }),
		"snap_dedup":          boolean(func(o *quiver.Options, on bool) { o.SnapDedup = on }),
		"snapstore_dir":       text(func(o *quiver.Options, dir string) { o.SnapStoreDir = dir }),
		"lock_wait_ms": number(func(o *quiver.Options, ms int64) {
			o.LockWait = orNone(time.Duration(ms) * time.Millisecond)
		}),
		"salvage": boolean(func(o *quiver.Options, on bool) { o.Salvage = on }),
	}
}

// orNone says 'none' the way quiver.Options does, where 0 is the default.
func orNone[T ~int | ~int64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// typed is a setting whose value is a T for which ok holds.
func typed[T any](want string, ok func(T) bool, set func(*quiver.Options, T)) setting {
	return func(o *quiver.Options, value json.RawMessage) error {
		var v T
		if err := json.Unmarshal(value, &v); err != nil || !ok(v) {
			return fmt.Errorf("%s is not %s", value, want)
		}
		set(o, v)
		return nil
	}
}

func boolean(set func(*quiver.Options, bool)) setting {
	return typed("true or false", func(bool) bool { return true }, set)
}

func text(set func(*quiver.Options, string)) setting {
	return typed("a text", func(s string) bool { return s != "" }, set)
}

func number(set func(*quiver.Options, int64)) setting {
	want := fmt.Sprintf("a whole number from 0 to %d", math.MaxInt32)
	return typed(want, func(n int64) bool { return n >= 0 && n <= math.MaxInt32 }, set)
}

// configure puts a configuration, a JSON object, over the options.
func configure(o *quiver.Options, config string) error {
	var members map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader([]byte(config)))
	if err := dec.Decode(&members); err != nil {
		return fmt.Errorf("%w: the configuration is not a JSON object: %w", quiver.ErrInvalid, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the object of the configuration", quiver.ErrInvalid)
	}
	known := settings()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		set, ok := known[name]
		if !ok {
			return fmt.Errorf("%w: the configuration has an unknown member %q", quiver.ErrInvalid, name)
		}
		if string(members[name]) == "null" {
			continue
		}
		if err := set(o, members[name]); err != nil {
			return fmt.Errorf("%w: configuration, %s: %w", quiver.ErrInvalid, name, err)
		}
	}
	return nil
}
