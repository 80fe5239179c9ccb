package raw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"unicode"
)

// Snapshot is a line of registry.json.
type Snapshot struct {
	ID      string
	LSN     uint64
	TSNanos uint64
	Ended   bool
}

// ReadRegistry reads registry.json. All four fields of a line must be there, under
// their exact names; of a name that stands twice the last one counts; further
// fields say nothing.
func ReadRegistry(b []byte) (list []Snapshot, ok bool) {
	top, ok := readObject(b)
	if !ok {
		return nil, false
	}
	rows, ok := top["entries"].([]any)
	if !ok {
		return nil, false
	}
	for _, row := range rows {
		o, _ := row.(map[string]any) // of anything else every field is missing
		id, hasID := o["id"].(string)
		lsn, hasLSN := number(o["lsn"], 64)
		nanos, hasNanos := number(o["ts_nanos"], 64)
		ended, hasEnded := o["ended"].(bool)
		if !hasID || !hasLSN || !hasNanos || !hasEnded || !isFolderName(id) {
			return nil, false
		}
		list = append(list, Snapshot{id, lsn, nanos, ended})
	}
	return list, true
}

// isFolderName tells what may stand in the registry: a name that is that of one
// folder on every system, and not of another place. What is no UTF-8 has come
// through as the replacement character.
func isFolderName(id string) bool {
	if len(id) == 0 || len(id) > 255 || id == "." || id == ".." {
		return false
	}
	for _, r := range id {
		switch {
		case r == '/', r == '\\', r == ':', r == unicode.ReplacementChar, r < 0x20, r == 0x7F:
			return false
		}
	}
	return true
}

// Manifest is manifest.json of a backup.
type Manifest struct {
	LSN      uint64
	Since    *uint64
	PageSize uint64
	Pages    uint64
	Bytes    uint64
	Dir      bool
	DirBytes uint64
	Ours     *Ours // nil in those of the reference
}

// Ours is the object that only this project writes.
type Ours struct {
	NextPage         uint64
	Base             *uint64
	PagesCRC, DirCRC uint64
}

// ReadManifest reads manifest.json. A null is a field that is not there, which only
// since_lsn, base_lsn, manifest_crc32 and the object of this project may be.
func ReadManifest(b []byte) (m Manifest, ok bool) {
	o, ok := readObject(b)
	if !ok {
		return m, false
	}
	f := fields{from: o}
	m.LSN, m.Since = f.number("snapshot_lsn", 64), f.optional("since_lsn", 64)
	m.PageSize = f.number("page_size", 32)
	m.Pages, m.Bytes = f.number("pages_emitted", 64), f.number("bytes_emitted", 64)
	m.DirBytes = f.number("dir_bytes", 64)
	var isDir bool
	m.Dir, isDir = o["dir_present"].(bool)
	if f.bad || !isDir || !IsPageSize(m.PageSize) {
		return m, false
	}
	if o["quiver"] == nil {
		return m, true
	}
	x, isObject := o["quiver"].(map[string]any)
	f = fields{from: x}
	m.Ours = &Ours{NextPage: f.number("next_page_id", 64), Base: f.optional("base_lsn", 64),
		PagesCRC: f.number("pages_crc32", 32), DirCRC: f.number("dir_crc32", 32)}
	stored := f.optional("manifest_crc32", 32)
	if !isObject || f.bad {
		return m, false
	}
	return m, stored == nil || *stored == uint64(crc32.ChecksumIEEE([]byte(m.text())))
}

// text is the one way in which this project writes the manifest, with a checksum of
// zero.
func (m Manifest) text() string {
	or := func(n *uint64) string {
		if n == nil {
			return "null"
		}
		return strconv.FormatUint(*n, 10)
	}
	return fmt.Sprintf(`{"snapshot_lsn":%d,"since_lsn":%s,"page_size":%d,"pages_emitted":%d,"bytes_emitted":%d,"dir_present":%t,"dir_bytes":%d,`+
		`"quiver":{"next_page_id":%d,"base_lsn":%s,"pages_crc32":%d,"dir_crc32":%d,"manifest_crc32":0}}`+"\n",
		m.LSN, or(m.Since), m.PageSize, m.Pages, m.Bytes, m.Dir, m.DirBytes, m.Ours.NextPage, or(m.Ours.Base), m.Ours.PagesCRC, m.Ours.DirCRC)
}

// fields are those of an object; bad is set by one that is not what it must be.
type fields struct {
	from map[string]any
	bad  bool
}

func (f *fields) number(name string, bits int) uint64 {
	n, ok := number(f.from[name], bits)
	f.bad = f.bad || !ok
	return n
}

func (f *fields) optional(name string, bits int) *uint64 {
	if f.from[name] == nil {
		return nil
	}
	n := f.number(name, bits)
	return &n
}

// number reads a whole number without sign, fraction or exponent.
func number(v any, bits int) (n uint64, ok bool) {
	text, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text), 10, bits)
	return n, err == nil
}

// readObject reads one JSON object and nothing behind it. The syntax is the business
// of the standard library here and in the engine; what is read from it is not.
func readObject(b []byte) (o map[string]any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&o) != nil || o == nil {
		return nil, false
	}
	_, err := d.Token()
	return o, err == io.EOF
}
