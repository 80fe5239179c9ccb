package format

import (
	"encoding/json"
	"hash/crc32"
)

// Manifest describes a backup. It is the file manifest.json of a backup folder,
// one line in this order, without blanks and with a newline at its end:
//
//	{"snapshot_lsn": u64, "since_lsn": u64 or null, "page_size": u32,
//	 "pages_emitted": u64, "bytes_emitted": u64, "dir_present": bool,
//	 "dir_bytes": u64, "quiver": {…}}
//
// The reference reads nothing but the digits after the first `"page_size":`,
// so no field before that may contain this text, and no blank may follow the
// name. The object "quiver" is ours and absent in backups of the reference:
//
//	{"next_page_id": u64, "base_lsn": u64 or null,
//	 "pages_crc32": u32, "dir_crc32": u32, "manifest_crc32": u32}
//
// manifest_crc32 is the CRC32 (IEEE) of the manifest as it would stand here with
// 0 in this field and without fields that are not named here; where it is absent
// nothing is compared.
//
// Fields that are not named here are ignored, on both levels.
type Manifest struct {
	SnapshotLSN  uint64         `json:"snapshot_lsn"`
	SinceLSN     *uint64        `json:"since_lsn"` // nil = full; else incremental, pages with since < LSN <= snapshot
	PageSize     uint32         `json:"page_size"`
	PagesEmitted uint64         `json:"pages_emitted"` // frames in pages.bin
	BytesEmitted uint64         `json:"bytes_emitted"` // length of pages.bin
	DirPresent   bool           `json:"dir_present"`
	DirBytes     uint64         `json:"dir_bytes"` // length of dir.bin
	Extra        *ManifestExtra `json:"quiver,omitempty"`
}

// ManifestExtra is what only this project writes into a manifest.
type ManifestExtra struct {
	NextPageID uint64  `json:"next_page_id"` // of the snapshot; a full backup has a frame for every page below it
	BaseLSN    *uint64 `json:"base_lsn"`     // snapshot LSN of the backup that this incremental one is restored over
	PagesCRC   uint32  `json:"pages_crc32"`  // CRC32 (IEEE) of the whole pages.bin
	DirCRC     uint32  `json:"dir_crc32"`    // CRC32 (IEEE) of the whole dir.bin, 0 without one
}

// EncodeManifest is the file for m.
func EncodeManifest(m Manifest) []byte {
	sum := uint32(0)
	if m.Extra != nil {
		sum = manifestSum(m)
	}
	return encodeManifest(m, sum)
}

func manifestSum(m Manifest) uint32 { return crc32.ChecksumIEEE(encodeManifest(m, 0)) }

func encodeManifest(m Manifest, sum uint32) []byte {
	type extra struct {
		ManifestExtra
		Sum uint32 `json:"manifest_crc32"`
	}
	file := struct {
		Manifest
		Extra *extra `json:"quiver,omitempty"`
	}{Manifest: m}
	if m.Extra != nil {
		file.Extra = &extra{*m.Extra, sum}
	}
	b, err := json.Marshal(file)
	if err != nil {
		panic(err) // integers and booleans always have a JSON form
	}
	return append(b, '\n')
}

// DecodeManifest reads the file. Every field must be there but since_lsn, where
// absent means null, and the object of this project. Whether the numbers fit
// the files beside it is up to the caller.
func DecodeManifest(b []byte) (Manifest, error) {
	const name = "manifest"
	var m Manifest
	o, err := decodeObject(name, b)
	if err != nil {
		return Manifest{}, err
	}
	err = o.requireAll(jsonField{"snapshot_lsn", &m.SnapshotLSN}, jsonField{"page_size", &m.PageSize},
		jsonField{"pages_emitted", &m.PagesEmitted}, jsonField{"bytes_emitted", &m.BytesEmitted},
		jsonField{"dir_present", &m.DirPresent}, jsonField{"dir_bytes", &m.DirBytes})
	if err != nil {
		return Manifest{}, err
	}
	if err := o.optional("since_lsn", &m.SinceLSN); err != nil {
		return Manifest{}, err
	}
	if m.PageSize > PageSizeMax || !ValidPageSize(int(m.PageSize)) {
		return Manifest{}, faultf(ErrField, name, 0, "page size %d", m.PageSize)
	}
	if o.has("quiver") {
		var sum *uint32
		if m.Extra, sum, err = decodeManifestExtra(o.fields["quiver"]); err != nil {
			return Manifest{}, err
		}
		if sum != nil && *sum != manifestSum(m) {
			return Manifest{}, faultf(ErrChecksum, name, 0, "manifest_crc32")
		}
	}
	return m, nil
}

func decodeManifestExtra(b []byte) (x *ManifestExtra, sum *uint32, err error) {
	o, err := decodeObject("manifest", b)
	if err != nil {
		return nil, nil, err
	}
	x = &ManifestExtra{}
	err = o.requireAll(jsonField{"next_page_id", &x.NextPageID},
		jsonField{"pages_crc32", &x.PagesCRC}, jsonField{"dir_crc32", &x.DirCRC})
	if err == nil {
		err = o.optional("base_lsn", &x.BaseLSN)
	}
	if err == nil {
		err = o.optional("manifest_crc32", &sum)
	}
	return x, sum, err
}
