package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Registry takes the bytes for registry.json.
func Registry(data []byte) error {
	var entries []format.Snapshot
	var err error
	if err := bounded(200, len(data), func() { entries, err = format.DecodeRegistry(data) }); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	if err != nil {
		return refused(err, len(data))
	}
	top, ok := anyObject(data)
	rows, isList := top["entries"].([]any)
	if !ok || !isList || len(rows) != len(entries) {
		return differ("registry", entries, top)
	}
	for i, e := range entries {
		row, _ := rows[i].(map[string]any)
		if row["id"] != e.ID || row["ended"] != e.Ended || !isNumber(row["lsn"], e.LSN) || !isNumber(row["ts_nanos"], e.TSNanos) {
			return differ("registry", e, row)
		}
		if !format.ValidSnapshotID(e.ID) {
			return fmt.Errorf("registry: accepted with the id %q", e.ID)
		}
	}
	file := format.EncodeRegistry(entries)
	again, err := format.DecodeRegistry(file)
	if err != nil || !slices.Equal(again, entries) || !bytes.Equal(file, format.EncodeRegistry(again)) {
		return fmt.Errorf("registry: %+v comes back as %+v, %v", entries, again, err)
	}
	return nil
}

// Manifest takes the bytes for manifest.json of a backup.
func Manifest(data []byte) error {
	var m format.Manifest
	var err error
	if err := bounded(200, len(data), func() { m, err = format.DecodeManifest(data) }); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err != nil {
		return refused(err, len(data))
	}
	top, ok := anyObject(data)
	if !ok || !isNumber(top["snapshot_lsn"], m.SnapshotLSN) || !isNumber(top["page_size"], uint64(m.PageSize)) ||
		!isNumber(top["pages_emitted"], m.PagesEmitted) || !isNumber(top["bytes_emitted"], m.BytesEmitted) ||
		!isNumber(top["dir_bytes"], m.DirBytes) || top["dir_present"] != m.DirPresent || !isOptional(top["since_lsn"], m.SinceLSN) {
		return differ("manifest", m, top)
	}
	extra, isObject := top["quiver"].(map[string]any)
	if x := m.Extra; isObject != (x != nil) || x != nil && !(isNumber(extra["next_page_id"], x.NextPageID) &&
		isNumber(extra["pages_crc32"], uint64(x.PagesCRC)) && isNumber(extra["dir_crc32"], uint64(x.DirCRC)) && isOptional(extra["base_lsn"], x.BaseLSN)) {
		return differ("manifest", x, extra)
	}
	file := format.EncodeManifest(m)
	if got := pageSizeOfReference(file); got != uint64(m.PageSize) {
		return fmt.Errorf("manifest: the reference reads the page size %d in %s", got, file)
	}
	again, err := format.DecodeManifest(file)
	if err != nil || !bytes.Equal(file, format.EncodeManifest(again)) {
		return fmt.Errorf("manifest: %s comes back as %+v, %v", file, again, err)
	}
	return nil
}

// anyObject reads a JSON object without knowing what it holds.
func anyObject(data []byte) (o map[string]any, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return o, dec.Decode(&o) == nil && o != nil
}

func isNumber(v any, want uint64) bool {
	n, ok := v.(json.Number)
	return ok && string(n) == strconv.FormatUint(want, 10)
}

func isOptional(v any, want *uint64) bool {
	if want == nil {
		return v == nil
	}
	return isNumber(v, *want)
}

// pageSizeOfReference reads a manifest as the reference does: the digits behind
// the first text of the name.
func pageSizeOfReference(file []byte) (n uint64) {
	_, rest, _ := bytes.Cut(file, []byte(`"page_size":`))
	for ; len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9'; rest = rest[1:] {
		n = 10*n + uint64(rest[0]-'0')
	}
	return n
}
