package folder

import (
	"encoding/binary"
	"path"
	"strings"

	"github.com/quiverdb/quiverdb-go/fuzz/disk"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Names below the folder of a database, and of a backup.
const (
	restoreName   = "quiver-restore"
	headsName     = "heads.bin"
	snapshotsName = ".snapshots"
	snapStoreName = ".snapstore"

	frameHeader = 24 // of freeze.bin and pages.bin
	storeHeader = 16 // of store.bin
)

// isFolder tells the names of folders in that of a database.
func isFolder(name string) bool {
	return name == snapshotsName || name == snapStoreName || path.Dir(name) == snapshotsName && path.Ext(name) == ""
}

// put gives a name to a file, or to a directory (nil). What stands in the way of it
// goes: what is below the name, and a file where one of its folders has to be.
func (r *Recipe) put(name string, content []byte) {
	for other := range r.Files {
		if strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			delete(r.Files, other)
		}
	}
	r.Files[name] = content
}

// disk is the folder as a disk that nobody has open.
func (r *Recipe) disk() (*disk.Disk, error) {
	d := disk.New(diskBytes)
	made := map[string]bool{"/": true}
	var folder func(name string) error
	folder = func(name string) error {
		if made[name] {
			return nil
		}
		made[name] = true
		if err := folder(path.Dir(name)); err != nil {
			return err
		}
		return d.Mkdir(name)
	}
	if err := folder(root); err != nil {
		return nil, err
	}
	for name, content := range r.Files {
		name = root + "/" + name
		if content == nil {
			if err := folder(name); err != nil {
				return nil, err
			}
			continue
		}
		if err := folder(path.Dir(name)); err != nil {
			return nil, err
		}
		d.SetFile(name, content)
	}
	return d, nil
}

// frames is the header in front of every page of a file, 0 where there is none.
func frames(name string) int {
	switch path.Base(name) {
	case format.FreezeName, format.PagesName:
		return frameHeader
	case format.StoreName:
		return storeHeader
	}
	return 0
}

// units is where the pages or records of a file begin, and their length.
func (r *Recipe) units(name string) (begin, stride int) {
	page := r.pageSize()
	switch path.Base(name) {
	case logName:
		return logHeader, recordHeader + page
	case metaName, dirName, freeName, headsName, format.BackupDirName, format.RegistryName, format.BackupManifest:
		return 0, 8
	case format.IndexName, format.HashIndexName:
		return 0, format.FrozenEntrySize
	}
	return 0, frames(name) + page
}

// sealFrame makes the checksums of a frame right, and its hash in the SnapStore.
func sealFrame(b []byte, header int) {
	sealPage(b[header:])
	if header == storeHeader {
		binary.LittleEndian.PutUint64(b, format.Hash64(b[header:]))
	}
	binary.LittleEndian.PutUint32(b[header-4:], sum(b[:header-4], b[header:]))
}

// sealDir makes the checksum of a directory right, and tells where it ends.
func sealDir(b []byte) (end int) {
	n := min(uint64(binary.LittleEndian.Uint32(b[12:])), uint64(len(b)-24)/8)
	binary.LittleEndian.PutUint64(b[16:], uint64(sum(b[8:16], b[24:24+8*n])))
	return 24 + int(8*n)
}

// sealHeads makes both checksums of the heads of a snapshot right.
func sealHeads(b []byte) {
	if end := sealDir(b); len(b) >= end+12 {
		binary.LittleEndian.PutUint32(b[end+8:], sum(b[:end+8]))
	}
}

// sealManifest makes a manifest say what stands beside it.
func (r *Recipe) sealManifest(dir string) {
	name := path.Join(dir, format.BackupManifest)
	m, err := format.DecodeManifest(r.Files[name])
	if err != nil {
		return
	}
	pages, heads := r.Files[path.Join(dir, format.PagesName)], r.Files[path.Join(dir, format.BackupDirName)]
	m.BytesEmitted, m.DirBytes = uint64(len(pages)), uint64(len(heads))
	m.PagesEmitted = m.BytesEmitted / (frameHeader + uint64(m.PageSize))
	if m.Extra != nil {
		m.Extra.PagesCRC, m.Extra.DirCRC = sum(pages), sum(heads)
	}
	r.put(name, format.EncodeManifest(m))
}
