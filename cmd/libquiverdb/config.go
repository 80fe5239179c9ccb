package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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

// text refuses U+FFFD too: package json puts it where an escape was half a
// character, and the file system would get another name than was meant.
func text(set func(*quiver.Options, string)) setting {
	return typed("a text of whole characters other than NUL", func(s string) bool {
		return s != "" && !strings.ContainsAny(s, "\x00\uFFFD")
	}, set)
}

func number(set func(*quiver.Options, int64)) setting {
	want := fmt.Sprintf("a whole number from 0 to %d", math.MaxInt32)
	return typed(want, func(n int64) bool { return n >= 0 && n <= math.MaxInt32 }, set)
}

// membersOf takes a configuration apart. What package json lets pass, and where
// the caller would get another setting than the one asked for, is refused: null
// for an object, a member that is there twice, and what is not UTF-8.
func membersOf(config string) (map[string]json.RawMessage, error) {
	if !utf8.ValidString(config) {
		return nil, fmt.Errorf("%w: the configuration is not UTF-8, as JSON has to be", quiver.ErrInvalid)
	}
	notJSON := func(why any) error {
		return fmt.Errorf("%w: the configuration is not a JSON object: %v", quiver.ErrInvalid, why)
	}
	dec := json.NewDecoder(strings.NewReader(config))
	begin, err := dec.Token()
	if err != nil {
		return nil, notJSON(err)
	}
	if begin != json.Delim('{') {
		return nil, notJSON("it does not begin with {")
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		key := name.(string) // the decoder takes nothing else there
		if _, twice := members[key]; twice {
			return nil, fmt.Errorf("%w: the configuration has the member %q twice", quiver.ErrInvalid, key)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, notJSON(err)
		}
		members[key] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, notJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the object of the configuration", quiver.ErrInvalid)
	}
	return members, nil
}

// configure puts a configuration, a JSON object, over the options.
func configure(o *quiver.Options, config string) error {
	members, err := membersOf(config)
	if err != nil {
		return err
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
