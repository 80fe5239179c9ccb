package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/fuzz/raw"
	"github.com/quiverdb/quiverdb-go/quiver/format"
	judge "github.com/quiverdb/quiverdb-go/torture/raw"
)

// Registry takes the bytes for registry.json.
func Registry(data []byte) error {
	var entries []format.Snapshot
	var err error
	if err := bounded(200, len(data), func() { entries, err = format.DecodeRegistry(data) }); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	second, ok := raw.ReadRegistry(data)
	if err := acceptance("registry", err, ok, len(data)); err != nil || !ok {
		return err
	}
	same := func(e format.Snapshot, s raw.Snapshot) bool {
		return e == format.Snapshot{ID: s.ID, LSN: s.LSN, TSNanos: s.TSNanos, Ended: s.Ended}
	}
	if !slices.EqualFunc(entries, second, same) {
		return differ("registry", entries, second)
	}
	// Of what the engine refuses the judge reads much: it misses no field.
	if plainNames(data) {
		third, err := judge.ParseRegistry(data)
		same := func(e format.Snapshot, j judge.Entry) bool {
			return e == format.Snapshot{ID: j.ID, LSN: j.LSN, TSNanos: j.Nanos, Ended: j.Ended}
		}
		if err != nil || !slices.EqualFunc(entries, third, same) {
			return differ("registry", entries, fmt.Sprint(third, err))
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
	second, ok := raw.ReadManifest(data)
	if err := acceptance("manifest", err, ok, len(data)); err != nil || !ok {
		return err
	}
	if got := manifest(m); !same(got.Since, second.Since) || !sameOurs(got.Ours, second.Ours) || !sameFields(got, second) {
		return differ("manifest", got, second)
	}
	if plainNames(data) {
		if err := judgeManifest(data, second); err != nil {
			return err
		}
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

// manifest puts what the engine has read into the words of the second reading.
func manifest(m format.Manifest) raw.Manifest {
	r := raw.Manifest{LSN: m.SnapshotLSN, Since: m.SinceLSN, PageSize: uint64(m.PageSize), Pages: m.PagesEmitted,
		Bytes: m.BytesEmitted, Dir: m.DirPresent, DirBytes: m.DirBytes}
	if x := m.Extra; x != nil {
		r.Ours = &raw.Ours{NextPage: x.NextPageID, Base: x.BaseLSN, PagesCRC: uint64(x.PagesCRC), DirCRC: uint64(x.DirCRC)}
	}
	return r
}

func same(a, b *uint64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func sameOurs(a, b *raw.Ours) bool {
	if a == nil || b == nil {
		return a == b
	}
	return same(a.Base, b.Base) && a.NextPage == b.NextPage && a.PagesCRC == b.PagesCRC && a.DirCRC == b.DirCRC
}

// sameFields compares the fields that are no pointers.
func sameFields(a, b raw.Manifest) bool {
	a.Since, a.Ours, b.Since, b.Ours = nil, nil, nil, nil
	return a == b
}

// judgeManifest lets the judge read a manifest that is right. It counts in signed
// numbers and so has nothing to say about larger ones, and knows nothing of the
// object of this project.
func judgeManifest(data []byte, second raw.Manifest) error {
	if max(second.Pages, second.Bytes, second.DirBytes) > math.MaxInt64 {
		return nil
	}
	third, err := judge.ParseManifest(data)
	got := raw.Manifest{LSN: third.LSN, PageSize: uint64(third.Size), Pages: uint64(third.Pages), Bytes: uint64(third.Bytes),
		Dir: third.Dir, DirBytes: uint64(third.DirN)}
	if err != nil || !same(third.Since, second.Since) || !sameFields(got, second) {
		return differ("manifest", second, fmt.Sprint(third, err))
	}
	return nil
}

// plainNames reports whether no object in a JSON text has two fields whose names
// differ at most in the case of their letters. The judge takes such names for the
// same field, and for others than the engine does.
func plainNames(data []byte) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	// Of every object that is open the names, nil for a list; name tells whether
	// the next token of the innermost object is a name.
	var open [][]string
	name := true
	for {
		token, err := d.Token()
		if err != nil {
			return err == io.EOF
		}
		inObject := len(open) > 0 && open[len(open)-1] != nil
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, []string{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			name = true
		case string:
			if !inObject || !name {
				name = true
				continue
			}
			names := open[len(open)-1]
			if isKnown(t) || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, t) }) {
				return false
			}
			open[len(open)-1] = append(names, t)
			name = false
		default:
			name = true
		}
	}
}

// isKnown reports whether the judge would take a name for one that it knows and
// that is written otherwise.
func isKnown(name string) bool {
	for _, known := range [...]string{"entries", "id", "lsn", "ts_nanos", "ended", "snapshot_lsn", "since_lsn", "page_size",
		"pages_emitted", "bytes_emitted", "dir_present", "dir_bytes"} {
		if name != known && strings.EqualFold(name, known) {
			return true
		}
	}
	return false
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
