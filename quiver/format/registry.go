package format

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Snapshot is an entry of the file .snapshots/registry.json, which lists the
// snapshots that outlive their process:
//
//	{"entries": [{"id": string, "lsn": u64, "ts_nanos": u64, "ended": bool}, …]}
//
// All integers need 64 bits. The reference cannot read the file when a field is
// missing, ignores fields that it does not know, and drops them when it writes.
type Snapshot struct {
	ID      string `json:"id"` // name of the folder of the snapshot
	LSN     uint64 `json:"lsn"`
	TSNanos uint64 `json:"ts_nanos"` // when it began, nanoseconds since 1970
	Ended   bool   `json:"ended"`
}

// ValidSnapshotID reports whether id can be the name of a snapshot's folder:
// not empty, not "." or "..", without separators and control characters. A
// registry with other ids would make files appear elsewhere.
func ValidSnapshotID(id string) bool {
	if id == "" || id == "." || id == ".." || len(id) > 255 {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		return r == '/' || r == '\\' || r == ':' || r < ' ' || r == 0x7F || r == '\uFFFD'
	})
}

// EncodeRegistry is the file with these entries, in the layout of the reference.
func EncodeRegistry(entries []Snapshot) []byte {
	if entries == nil {
		entries = []Snapshot{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(struct {
		Entries []Snapshot `json:"entries"`
	}{entries})
	if err != nil {
		panic(err) // strings, integers and booleans always have a JSON form
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// DecodeRegistry reads the file. Every field must be there, as for the
// reference, and every id must be a ValidSnapshotID; unknown fields are ignored.
func DecodeRegistry(b []byte) ([]Snapshot, error) {
	const name = "registry"
	top, err := decodeObject(name, b)
	if err != nil {
		return nil, err
	}
	var rows []json.RawMessage
	if err := top.field("entries", &rows); err != nil {
		return nil, err
	}
	entries := make([]Snapshot, len(rows))
	for i, row := range rows {
		o, err := decodeObject(name, row)
		if err != nil {
			return nil, err
		}
		e := &entries[i]
		err = o.requireAll(jsonField{"id", &e.ID}, jsonField{"lsn", &e.LSN},
			jsonField{"ts_nanos", &e.TSNanos}, jsonField{"ended", &e.Ended})
		if err != nil {
			return nil, err
		}
		if !ValidSnapshotID(e.ID) {
			return nil, faultf(ErrField, name, 0, "entry %d: id %q", i, e.ID)
		}
	}
	return entries, nil
}
