package quiver

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// OptionsFromEnv gives the options that the environment asks for, to be used or
// changed. The variables, with what their absence means:
//
//	P1_WAL_COALESCE_MS      WALCoalesce in milliseconds (3); 0 = none
//	P1_DATA_FSYNC           NoDataFsync when 0, false, off or no (1)
//	P1_PAGE_CACHE_PAGES     PageCachePages (default); 0 = none
//	P1_OVF_THRESHOLD_BYTES  OverflowThreshold (a quarter of the page size)
//	P1_RH_COMPACT_DEAD_FRAC CompactDeadFrac (0.3)
//	P1_RH_COMPACT_MIN_BYTES CompactMinBytes (512)
//	P1_SNAP_PERSIST         SnapPersist when 1, true, yes or on (0)
//	P1_SNAP_DEDUP           SnapDedup (0)
//	P1_SNAPSTORE_DIR        SnapStoreDir (.snapstore)
//
// A value that cannot be read is an ErrInvalid that names the variable.
func OptionsFromEnv() (Options, error) { return OptionsFromLookup(vfs.LookupEnv) }

type envReader struct {
	lookup func(string) (string, bool)
	err    error
}

// OptionsFromLookup is OptionsFromEnv for another environment than that of the
// Go runtime, which in a C library is as old as the library in its process.
func OptionsFromLookup(lookup func(name string) (value string, ok bool)) (Options, error) {
	var o Options
	e := &envReader{lookup: lookup}
	if ms, ok := e.integer("P1_WAL_COALESCE_MS", int64(math.MaxInt64/time.Millisecond)); ok {
		o.WALCoalesce = orNone(time.Duration(ms) * time.Millisecond)
	}
	if on, ok := e.boolean("P1_DATA_FSYNC"); ok {
		o.NoDataFsync = !on
	}
	if n, ok := e.integer("P1_PAGE_CACHE_PAGES", math.MaxInt32); ok {
		o.PageCachePages = orNone(int(n))
	}
	if n, ok := e.integer("P1_OVF_THRESHOLD_BYTES", math.MaxInt32); ok {
		o.OverflowThreshold = orNone(int(n))
	}
	if f, ok := e.fraction("P1_RH_COMPACT_DEAD_FRAC", 0.95); ok {
		o.CompactDeadFrac = orNone(f)
	}
	if n, ok := e.integer("P1_RH_COMPACT_MIN_BYTES", math.MaxInt32); ok {
		o.CompactMinBytes = orNone(int(n))
	}
	o.SnapPersist, _ = e.boolean("P1_SNAP_PERSIST")
	o.SnapDedup, _ = e.boolean("P1_SNAP_DEDUP")
	o.SnapStoreDir, _ = e.text("P1_SNAPSTORE_DIR")
	return o, e.err
}

// orNone turns a zero, which an option takes for its default, into none.
func orNone[T int | float64 | time.Duration](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

func (e *envReader) text(name string) (string, bool) {
	v, ok := e.lookup(name)
	v = strings.TrimSpace(v)
	return v, ok && v != ""
}

func (e *envReader) fail(name, value, want string) {
	if e.err == nil {
		e.err = fmt.Errorf("%w: %s=%q is not %s", ErrInvalid, name, value, want)
	}
}

func (e *envReader) integer(name string, most int64) (int64, bool) {
	v, ok := e.text(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > most {
		e.fail(name, v, fmt.Sprintf("a whole number from 0 to %d", most))
		return 0, false
	}
	return n, true
}

func (e *envReader) fraction(name string, most float64) (float64, bool) {
	v, ok := e.text(name)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= most) {
		e.fail(name, v, fmt.Sprintf("a number from 0 to %v", most))
		return 0, false
	}
	return f, true
}

func (e *envReader) boolean(name string) (on, ok bool) {
	v, ok := e.text(name)
	if !ok {
		return false, false
	}
	switch strings.ToLower(v) {
	case "1", "true", "yes", "on":
		return true, true
	case "0", "false", "no", "off":
		return false, true
	}
	e.fail(name, v, "one of 1, true, yes, on, 0, false, no, off")
	return false, false
}
