package raw

import (
	"encoding/json"
	"fmt"
)

// BackupFiles are the bytes of the folder of a backup; nil where one is missing.
type BackupFiles struct {
	Manifest, Pages, Dir []byte
}

// Manifest is what a backup says of itself.
type Manifest struct {
	LSN   uint64  `json:"snapshot_lsn"`
	Since *uint64 `json:"since_lsn"`
	Size  int     `json:"page_size"`
	Pages int     `json:"pages_emitted"`
	Bytes int     `json:"bytes_emitted"`
	Dir   bool    `json:"dir_present"`
	DirN  int     `json:"dir_bytes"`
}

// ParseManifest reads manifest.json, and as little of it as that.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	err := json.Unmarshal(b, &m)
	return m, err
}

// ReadBackups lays backups over each other, a full one and incremental ones, and
// reads the pairs of the last one, without a restore. It is nil when the last one
// has no manifest, or an empty one, which a backup that was interrupted leaves.
func ReadBackups(chain []BackupFiles) *View {
	v := &View{Pairs: map[string]string{}, reached: map[uint64]bool{}, images: map[uint64]Page{}}
	since := uint64(0)
	for i, f := range chain {
		if len(f.Manifest) == 0 {
			return nil
		}
		m, err := ParseManifest(f.Manifest)
		if err != nil {
			v.fault("manifest: %v", err)
			return v
		}
		if m.Size != 4096 && m.Size != 8192 && m.Size != 16384 && m.Size != 32768 {
			v.fault("manifest: page size %d", m.Size)
			return v
		}
		switch {
		case m.Bytes != len(f.Pages) || !m.Dir || m.DirN != len(f.Dir):
			v.fault("manifest: %d and %d bytes, the files have %d and %d", m.Bytes, m.DirN, len(f.Pages), len(f.Dir))
		case (i == 0) != (m.Since == nil), i > 0 && *m.Since != since:
			v.fault("manifest: backup %d is since %v, the one before it is of LSN %d", i, m.Since, since)
		}
		since, v.Meta.PageSize, v.Meta.LastLSN = m.LSN, m.Size, m.LSN
		if n := v.frames(f.Pages, m.LSN); n != m.Pages {
			v.fault("manifest: %d pages, the file has %d", m.Pages, n)
		}
		if v.Heads, err = ParseDir(f.Dir); err != nil {
			v.fault("%v", err)
		}
	}
	for b, head := range v.Heads {
		v.chain(b, head)
	}
	if v.maxLSN > v.Meta.LastLSN {
		v.fault("a page has LSN %d, above the %d of the backup", v.maxLSN, v.Meta.LastLSN)
	}
	return v
}

// frames takes in the pages of a file and counts them.
func (v *View) frames(b []byte, lsn uint64) (n int) {
	for size := frameHead + v.Meta.PageSize; len(b) > 0; b = b[size:] {
		id, of, page := FrameAt(b, 0, v.Meta.PageSize)
		if page == nil {
			v.fault("pages.bin: frame %d is not whole", n)
			return n
		}
		if of > lsn {
			v.fault("pages.bin: frame %d has LSN %d, the backup %d", n, of, lsn)
		}
		if page.Verify(id) == nil {
			v.images[id] = page
		}
		v.Meta.NextPage = max(v.Meta.NextPage, id+1)
		n++
	}
	return n
}

// Fault says what is wrong, "" if nothing is.
func (v *View) Fault() string {
	if len(v.Faults) == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%d faults)", v.Faults[0], len(v.Faults))
}
